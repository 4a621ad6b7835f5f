"""Label Studio's tasks: read their images, and predict their regions."""

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

#: Path of images in Label Studio's local storage.
LOCAL = "/data/local-files/"


@dataclass(frozen=True)
class ImageFolder:
    """The folder of tasks' images; nothing is ever fetched.

    Attributes:
        root: Label Studio's document root; None allows data URIs only.

    Raises:
        ConfigurationError: when the folder does not exist.
    """

    root: Path | None = None

    def __post_init__(self) -> None:
        if self.root is not None and not self.root.is_dir():
            raise ConfigurationError(f"{self.root} is not a folder; give the folder of the images")

    def read(self, source: Any, most: int) -> bytes:
        """Read an image file.

        Args:
            source: from a task: a data URI, or ``/data/local-files/?d=`` and a path below the
                root; scheme and host before it are ignored.
            most: bytes.

        Raises:
            ImageError: for any other source, a path outside the root, or a file too large.
        """
        if not isinstance(source, str):
            raise ImageError(f"the image is {type(source).__name__}, not text; correct the task")
        if source.startswith("data:"):
            try:
                return bytes(image_bytes(source))
            except ValueError as error:
                raise ImageError(str(error)) from None
        path = _local_path(source)
        if path is None or self.root is None:
            raise ImageError(
                f"cannot use the image {source[:80]!r}, as URLs are never fetched; send a data "
                f"URI, or {LOCAL}?d=PATH to a server started with `label_studio_root`"
            )
        return _read_below(self.root, path, most)


def _local_path(source: str) -> str | None:
    """The path of an image in Label Studio's local storage; None for any other source."""
    try:
        parts = urlsplit(source)
        paths = parse_qs(parts.query).get("d", [])
    except ValueError:
        return None
    return paths[0] if parts.path.endswith(LOCAL) and len(paths) == 1 else None


def _read_below(root: Path, path: str, most: int) -> bytes:
    """Read a file that is below the root after all links are resolved."""
    name = f"the image {path[:80]!r}"
    try:
        file = (root / path).resolve()
        if not file.is_relative_to(root.resolve()) or not file.is_file():
            raise ImageError(f"{name} is not a file below the root; correct the task or the root")
        with file.open("rb") as opened:
            content = opened.read(most + 1)
    except (OSError, ValueError):  # no permission, a loop of links, or an impossible name
        raise ImageError(f"{name} cannot be read; correct the task") from None
    if len(content) > most:
        raise ImageError(f"{name} has more than {most} bytes; make it smaller")
    return content


class Query(NamedTuple):
    """A phrase, and the label of its regions for each control."""

    phrase: str
    labels: tuple[tuple[Control, str], ...]


def queries_of(controls: Sequence[Control], context: Context) -> list[Query]:
    """What to find in each image: typed phrases, else the labels.

    A typed phrase gets the label of the same text, else the selected one, else the first.
    """
    if not context.phrases:
        labels = dict.fromkeys(label for control in controls for label in control.labels)
        return [
            Query(text, tuple((c, text) for c in controls if text in c.labels)) for text in labels
        ]
    return [
        Query(text, tuple((control, _label(control, text, context)) for control in controls))
        for text in context.phrases
    ]


def _label(control: Control, phrase: str, context: Context) -> str:
    selected = (label for label in control.labels if label in context.labels)
    return phrase if phrase in control.labels else next(selected, control.labels[0])


def predict(
    scene: Scene,
    phrases: Sequence[TargetPhrase],
    queries: Sequence[Query],
    version: str,
    *,
    typed: bool,
) -> dict[str, Any]:
    """Answer queries about a scene, as a prediction of Label Studio's.

    Args:
        scene: to query.
        phrases: of the queries, parsed.
        queries: in the order of ``phrases``.
        version: of the model.
        typed: an annotator typed them, so unsure answers are included. An unsure answer to a
            label means that the image does not show it.
    """
    answers = [
        (query, answer)
        for query, answer in zip(queries, scene.find_phrases(phrases), strict=True)
        if answer.best is not None and (typed or not answer.unsure)
    ]
    regions = [
        region
        for number, (query, answer) in enumerate(answers, 1)
        for region in _regions(query, answer, f"refmask-{number}")
    ]
    score = min((answer.confidence or 0.0 for _, answer in answers), default=0.0)
    return as_prediction(version, regions, score)


def as_prediction(
    version: str, regions: Sequence[Mapping[str, Any]], score: float
) -> dict[str, Any]:
    """A prediction in Label Studio's format."""
    return {"model_version": version, "score": round(score, 4), "result": list(regions)}


def _regions(query: Query, answer: Segmentation, name: str) -> Iterator[dict[str, Any]]:
    """The regions of an answer's things, for each control."""
    score = round(answer.confidence or 0.0, 4)
    meta = remarks(query.phrase, answer.verdict, answer.provenance)
    for control, label in query.labels:
        for number, thing in enumerate(answer.instances, 1):
            own = f"{name}-{control.name}" if number == 1 else f"{name}-{control.name}-{number}"
            settings = (label, score, own, control.name, control.image)
            if control.kind == "brushlabels":
                regions = [brush_region(thing.mask, *settings)]
            else:
                regions = polygon_regions(thing.mask, *settings)
            yield from (region | meta for region in regions)
