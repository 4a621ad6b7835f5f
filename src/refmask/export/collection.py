"""Answers grouped by image, the input of exporters, and files, their output."""

from __future__ import annotations

import json
import os
import secrets
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from refmask.errors import ConfigurationError, InputError
from refmask.export.answers import Answer, Region
from refmask.export.folder import image_folders
from refmask.ops.files import as_utf8, write_whole
from refmask.ops.opening import is_image
from refmask.ops.reading import is_file
from refmask.provenance import Provenance

#: Choices of an instance's label, and the answer's field of each.
LABELS = {"expression": "expression", "noun-phrase": "noun_phrase", "head": "head"}

#: Path under which Label Studio serves images of its own disk.
LOCAL_FILES = "/data/local-files/?d="


@dataclass(frozen=True)
class Options:
    """How answers are written.

    Attributes:
        label: source of an instance's label, a key of ``LABELS``.
        sure_only: leave out unsure answers; their images stay.
        copy_images: copy images beside the labels of yolo and labelme, instead of linking to or
            naming them.
        image_prefix: in Label Studio's tasks, prefix of an image's path below the common folder.
        overwrite: replace existing files; others stay.

    Raises:
        ConfigurationError: for an unknown label.
    """

    label: str = "expression"
    sure_only: bool = False
    copy_images: bool = False
    image_prefix: str = LOCAL_FILES
    overwrite: bool = False

    def __post_init__(self) -> None:
        if self.label not in LABELS:
            raise ConfigurationError(
                f"unknown label '{self.label}'; choose one of: {', '.join(LABELS)}"
            )


@dataclass(frozen=True)
class Instance:
    """A thing that answers an expression about an image.

    Attributes:
        label: its class name in the export.
        answer: the answer.
        region: its mask, box and score.
    """

    label: str
    answer: Answer
    region: Region

    @property
    def attributes(self) -> dict[str, Any]:
        """Fields written beside the mask in formats that allow it."""
        answer = self.answer
        return {
            "label": self.label,
            "expression": answer.expression,
            "noun_phrase": answer.noun_phrase,
            "head": answer.head,
            "confidence": answer.confidence,
            "unsure": answer.unsure,
            "reason": answer.reason,
            "score": self.region.score,
            "provenance": None if answer.provenance is None else answer.provenance.to_dict(),
        }


@dataclass(frozen=True)
class ImageAnswers:
    """An image and its instances.

    Attributes:
        path: as the user wrote it.
        stem: file name without ending, unique among all images.
        height: in pixels.
        width: in pixels.
        instances: in the order of the expressions, of each the best first.
    """

    path: Path
    stem: str
    height: int
    width: int
    instances: tuple[Instance, ...]


@dataclass(frozen=True)
class Collection:
    """Answers to export.

    Attributes:
        images: all images, including those without instances.
        folder: output folder.
        options: how to write.
        origins: provenance of the answers, each once.
    """

    images: tuple[ImageAnswers, ...]
    folder: Path
    options: Options
    origins: tuple[Provenance, ...] = ()

    @cached_property
    def labels(self) -> dict[str, int]:
        """Number of each label, from 0 in order of first appearance."""
        names = (instance.label for image in self.images for instance in image.instances)
        return {name: number for number, name in enumerate(dict.fromkeys(names))}

    @cached_property
    def root(self) -> Path:
        """The common folder of all images."""
        # Not resolved: links keep their names.
        parents = {os.path.abspath(image.path.parent) for image in self.images}  # noqa: PTH100
        return Path(os.path.commonpath(parents))

    def name_of(self, image: ImageAnswers) -> str:
        """An image's path below ``root``, with slashes."""
        return Path(os.path.relpath(image.path, self.root)).as_posix()


@dataclass(frozen=True)
class File:
    """One file of an export.

    Attributes:
        path: below the export's folder.
        content: its bytes, or the path of an image to copy or link.
    """

    path: str
    content: bytes | Path = field(repr=False)

    @classmethod
    def json(cls, path: str, value: Any) -> File:
        """A file of JSON."""
        return cls(path, as_utf8(json.dumps(value, ensure_ascii=False) + "\n"))


def collect(answers: Iterable[Answer], folder: Path, options: Options) -> Collection:
    """Group answers by image, in order of first appearance.

    ``a.png``, ``./a.png`` and its absolute path are one image, named by the first spelling.

    Raises:
        InputError: when there are no answers, or an image has two sizes.
    """
    images: dict[str, list[Answer]] = {}
    for answer in answers:
        # Links keep their names.
        path = unicodedata.normalize("NFC", os.path.abspath(answer.image))  # noqa: PTH100
        images.setdefault(path, []).append(answer)
        first = images[path][0]
        if (first.height, first.width) != (answer.height, answer.width):
            raise InputError(
                f"answers about {answer.image} have different sizes, {first.width}x{first.height} "
                f"and {answer.width}x{answer.height}; the image has changed, segment it again"
            )
    if not images:
        raise InputError("there are no answers to export; segment an image first")
    groups = list(images.values())
    paths = [Path(group[0].image) for group in groups]
    grouped = tuple(
        ImageAnswers(path, stem, group[0].height, group[0].width, _instances(group, options))
        for path, stem, group in zip(paths, image_folders(paths), groups, strict=True)
    )
    origins = dict.fromkeys(answer.provenance for group in groups for answer in group)
    return Collection(grouped, folder, options, tuple(filter(None, origins)))


def _instances(answers: Iterable[Answer], options: Options) -> tuple[Instance, ...]:
    return tuple(
        Instance(getattr(answer, LABELS[options.label]), answer, region)
        for answer in answers
        for region in answer.instances
        if not (answer.unsure and options.sure_only)
    )


def check_free(folder: Path, options: Options) -> None:
    """Refuse a folder that is not empty.

    Raises:
        ConfigurationError: when it holds files and ``options.overwrite`` is off.
    """
    if not options.overwrite and folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise ConfigurationError(f"{folder} is not empty; choose another `out`, or add `overwrite`")


def write_file(folder: Path, file: File, options: Options) -> Path:
    """Write one file; returns its path.

    Raises:
        ConfigurationError: when it cannot be written.
        InputError: when its image is missing, unreadable or no image.
    """
    path = folder / file.path
    if isinstance(file.content, bytes):
        write_whole(path, file.content)
        return path
    if not (is_file(file.content) and os.access(file.content, os.R_OK)):
        raise InputError(
            f"the image {file.content} is missing or cannot be read; check the answers' paths"
        )
    if not is_image(file.content):
        raise InputError(f"{file.content} is not an image; check the answers' paths")
    if options.copy_images:
        write_whole(path, file.content.read_bytes())
    else:
        _link(path, file.content.resolve())
    return path


def _link(path: Path, target: Path) -> None:
    """Make ``path`` a symbolic link, replacing any file."""
    temporary = path.parent / f".{secrets.token_hex(8)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.symlink_to(target)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise ConfigurationError(
            f"cannot link {path} to the image: {error.strerror}; add `copy_images`"
        ) from None
