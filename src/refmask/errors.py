"""All errors and warnings that refmask raises on purpose.

::

    RefmaskError
    ├── InputError            an input that cannot be used          (also a ValueError)
    │   ├── ImageError        an image: missing, truncated, too large, no image at all
    │   ├── MaskError         masks or proposals: wrong size, wrong type, not readable
    │   ├── ExpressionError   a referring expression: empty, too long, not text
    │   └── FeatureError      cached features of another shape or type than the method's
    ├── ConfigurationError    a name or a setting that does not exist (also a ValueError)
    ├── ModelError            a model that cannot be built or used
    │   ├── UnsupportedTower  an image tower that masking is not defined for
    │   ├── WeightsError      a weights file that is damaged or fits another model
    │   └── WeightsUnavailable  weights neither on disk nor downloadable
    └── MissingResource       a library, a font or a pipeline that is not installed

Each message is one line: what is wrong, then what to do. The command line prints it after
``refmask: error:`` and exits with status 2. ``RefmaskWarning`` is not an error: the command line
prints it after ``refmask: warning:`` and goes on.
"""


class _OneLine(Exception):
    """Keeps messages on one line, whatever they quote.

    Line breaks become spaces; other control characters, which could change what a terminal shows,
    are escaped.
    """

    def __init__(self, *arguments: object) -> None:
        super().__init__(*(_on_one_line(a) if isinstance(a, str) else a for a in arguments))


class RefmaskError(_OneLine):
    """Root of the tree: catch it to catch everything refmask raises on purpose."""


class RefmaskWarning(_OneLine, UserWarning):
    """Something was skipped; the answer is still valid."""


class InputError(RefmaskError, ValueError):
    """An input cannot be used."""


class ImageError(InputError):
    """An image is missing, truncated, too large, or no image at all."""


class MaskError(InputError):
    """Masks or proposals have the wrong size or type, or cannot be read."""


class ExpressionError(InputError):
    """A referring expression is empty, too long, or not text."""


class FeatureError(InputError):
    """Cached features are of another shape or type than the method's."""


class ConfigurationError(RefmaskError, ValueError):
    """A name or a setting does not exist or contradicts another."""


class ModelError(RefmaskError):
    """A model cannot be built or used."""


class UnsupportedTower(ModelError):
    """The image tower is of a family for which masking is not defined."""


class WeightsError(ModelError):
    """A weights file is damaged, holds NaN, or fits another model."""


class WeightsUnavailable(ModelError):
    """Weights are neither on disk nor downloadable."""


class MissingResource(RefmaskError):
    """A library, a font or a language pipeline is not installed."""


def is_panic(error: BaseException) -> bool:
    """Whether a library written in Rust panicked; such an error is no ``Exception``."""
    return type(error).__module__ == "pyo3_runtime"


def _on_one_line(text: str) -> str:
    return text if text.isprintable() else " ".join(text.splitlines()).translate(_ESCAPED)


#: Control characters as Python writes them.
_ESCAPED = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {ord("\t"): " "}
