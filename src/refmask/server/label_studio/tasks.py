"""Label Studio's tasks: where their images are, and what is predicted for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from refmask.answer import Segmentation
from refmask.errors import ConfigurationError, ImageError
from refmask.export.label_studio import brush_region, polygon_regions, remarks
from refmask.scene import Scene
from refmask.server.bodies import image_bytes
from refmask.server.label_studio.config import Context, Control
from refmask.types import TargetPhrase

#: How Label Studio writes images of its own local storage.
LOCAL = "/data/local-files/"


@dataclass(frozen=True)
class ImageFolder:
    """Where images are taken from; nothing is ever fetched.

    Attributes:
        root: the folder that Label Studio calls its document root; None for data URIs only.

    Raises:
        ConfigurationError: when the folder does not exist.
    """

    root: Path | None = None

    def __post_init__(self) -> None:
        if self.root is not None and not self.root.is_dir():
            raise ConfigurationError(f"expected a folder of images at {self.root}, there is none")

    def read(self, place: Any, most: int) -> bytes:
        """An image file.

        Args:
            place: as a task has it: a data URI, or ``/data/local-files/?d=`` and a path below the
                root; host and scheme before it are not looked at.
            most: bytes.

        Raises:
            ImageError: when it is anything else, lies elsewhere or is too large.
        """
        if not isinstance(place, str):
            raise ImageError(f"expected an image's place as text, got {type(place).__name__}")
        if place.startswith("data:"):
            try:
                return bytes(image_bytes(place))
            except ValueError as error:
                raise ImageError(str(error)) from None
        path = _local(place)
        if path is None or self.root is None:
            raise ImageError(
                f"expected an image as a data URI, or as {LOCAL}?d=PATH of a server started with "
                f"`label_studio_root`, got {place[:80]!r}; URLs are never fetched"
            )
        return _read_below(self.root, path, most)


def _local(place: str) -> str | None:
    """The path in a place of Label Studio's local storage; None for any other."""
    try:
        parts = urlsplit(place)
        paths = parse_qs(parts.query).get("d", [])
    except ValueError:
        return None
    return paths[0] if parts.path.endswith(LOCAL) and len(paths) == 1 else None


def _read_below(root: Path, path: str, most: int) -> bytes:
    """A file's content, wherever links lead, so long as it lies below the root in the end."""
    wanted = f"expected an image below the root, got {path[:80]!r}"
    try:
        file = (root / path).resolve()
        if not file.is_relative_to(root.resolve()) or not file.is_file():
            raise ImageError(f"{wanted}, which is no file there; correct the task or the root")
        with file.open("rb") as opened:
            content = opened.read(most + 1)
    except (OSError, ValueError):  # no permission, a loop of links, or a name that cannot be
        raise ImageError(f"{wanted}, which cannot be read; correct the task") from None
    if len(content) > most:
        raise ImageError(f"{wanted} of more than {most} bytes; make it smaller")
    return content


class Wanted(NamedTuple):
    """A phrase, and the labels that its regions get."""

    phrase: str
    controls: tuple[tuple[Control, str], ...]


def wanted(controls: Sequence[Control], context: Context) -> list[Wanted]:
    """What to find in every image: the labels, or what was typed.

    What was typed gets the label of the same text, else the chosen one, else the tag's first.
    """
    if not context.phrases:
        labels = dict.fromkeys(label for control in controls for label in control.labels)
        return [
            Wanted(text, tuple((c, text) for c in controls if text in c.labels)) for text in labels
        ]
    return [
        Wanted(text, tuple((control, _label(control, text, context)) for control in controls))
        for text in context.phrases
    ]


def _label(control: Control, phrase: str, context: Context) -> str:
    chosen = (label for label in control.labels if label in context.labels)
    return phrase if phrase in control.labels else next(chosen, control.labels[0])


def prediction(
    scene: Scene,
    phrases: Sequence[TargetPhrase],
    finds: Sequence[Wanted],
    version: str,
    *,
    typed: bool,
) -> dict[str, Any]:
    """What a scene answers, as a prediction of Label Studio's.

    Args:
        scene: is asked.
        phrases: as read.
        finds: what each of them is, in their order.
        version: of the model.
        typed: somebody waits for these phrases, so unsure answers are told too; labels are asked
            of every image, and an unsure answer means that it does not show them.
    """
    answers = [
        (find, answer)
        for find, answer in zip(finds, scene.find_phrases(phrases), strict=True)
        if answer.best is not None and (typed or not answer.unsure)
    ]
    regions = [
        region
        for number, (find, answer) in enumerate(answers, 1)
        for region in _regions(find, answer, f"refmask-{number}")
    ]
    score = min((answer.confidence or 0.0 for _, answer in answers), default=0.0)
    return told(version, regions, score)


def told(version: str, regions: Sequence[Mapping[str, Any]], score: float) -> dict[str, Any]:
    """A prediction of Label Studio's."""
    return {"model_version": version, "score": round(score, 4), "result": list(regions)}


def _regions(find: Wanted, answer: Segmentation, name: str) -> Iterator[dict[str, Any]]:
    score = round(answer.confidence or 0.0, 4)
    told = remarks(find.phrase, answer.verdict, answer.provenance)
    for control, label in find.controls:
        if control.kind == "brushlabels":
            own = f"{name}-{control.name}"
            made = [brush_region(answer.mask, label, score, own, control.name, control.image)]
        else:
            own = f"{name}-{control.name}"
            made = polygon_regions(answer.mask, label, score, own, control.name, control.image)
        yield from (region | told for region in made)
