"""Everything refmask raises on purpose.

::

    RefmaskError
    ├── InputError            what was given cannot be used         (also a ValueError)
    │   ├── ImageError        an image: missing, truncated, too large, no image at all
    │   ├── MaskError         masks or proposals: wrong size, wrong type, not readable
    │   ├── ExpressionError   a referring expression: empty, too long, not text
    │   └── FeatureError      kept features: of another shape or type than the method's
    ├── ConfigurationError    a name or a setting that does not exist (also a ValueError)
    ├── ModelError            a model that cannot be built or used
    │   ├── UnsupportedTower  an image tower that token masking is not defined for
    │   ├── WeightsError      a weights file that is damaged or fits another model
    │   └── WeightsUnavailable  weights neither on disk nor to be fetched
    └── MissingResource       a library, a font or a pipeline that is not installed

Each message is one line that says what was expected, what came, and what to do.
The command line prints it after ``refmask: error:`` and exits with status 2. ``RefmaskWarning``
stands beside the tree: the command line prints it after ``refmask: warning:`` and goes on.
"""


class RefmaskError(Exception):
    """Root of the tree: catch it to catch everything refmask raises on purpose.

    Its message is one line whatever it quotes: breaks become blanks, and other control characters,
    which could change what a terminal shows, are spelt out.
    """

    def __init__(self, *told: object) -> None:
        super().__init__(*(_on_one_line(one) if isinstance(one, str) else one for one in told))


class RefmaskWarning(UserWarning):
    """Something was left out on the way to an answer that is still worth having.

    Its message is one line, as a ``RefmaskError``'s is.
    """

    def __init__(self, *told: object) -> None:
        super().__init__(*(_on_one_line(one) if isinstance(one, str) else one for one in told))


class InputError(RefmaskError, ValueError):
    """What was given cannot be used."""


class ImageError(InputError):
    """An image is missing, truncated, too large, or no image at all."""


class MaskError(InputError):
    """Masks or proposals have the wrong size or type, or cannot be read."""


class ExpressionError(InputError):
    """A referring expression is empty, too long, or not text."""


class FeatureError(InputError):
    """Kept features are of another shape or type than the method's."""


class ConfigurationError(RefmaskError, ValueError):
    """A name or a setting does not exist or contradicts another."""


class ModelError(RefmaskError):
    """A model cannot be built or used."""


class UnsupportedTower(ModelError):
    """The image tower is of a family for which masking is not defined."""


class WeightsError(ModelError):
    """A weights file is damaged, holds NaN, or fits another model."""


class WeightsUnavailable(ModelError):
    """Weights are neither on disk nor to be fetched from here."""


class MissingResource(RefmaskError):
    """A library, a font or a language pipeline is not installed."""


def is_panic(error: BaseException) -> bool:
    """Whether a library written in Rust gave up; such an error is no ``Exception``."""
    return type(error).__module__ == "pyo3_runtime"


def _on_one_line(text: str) -> str:
    return text if text.isprintable() else " ".join(text.splitlines()).translate(_SPELT)


#: Control characters as Python writes them.
_SPELT = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {ord("\t"): " "}
