"""Answers arranged by image, as every exporter takes them, and the files that it gives."""

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
from refmask.export.answers import Answer, Found
from refmask.export.folder import image_folders
from refmask.ops.files import as_utf8, write_whole
from refmask.ops.opening import is_image
from refmask.ops.reading import is_file
from refmask.provenance import Provenance

#: What may name an object, and the field of the answer that it is.
LABELS = {"expression": "expression", "noun-phrase": "noun_phrase", "head": "head"}

#: Where Label Studio serves images of its own disk.
LOCAL_FILES = "/data/local-files/?d="


@dataclass(frozen=True)
class Options:
    """How answers are written.

    Attributes:
        label: what names an object: a key of ``LABELS``.
        sure_only: leave out answers that call themselves unsure; their images stay.
        copy_images: copy images beside the files of those forms that want them there (yolo,
            labelme), instead of linking to or naming them.
        image_prefix: what comes before an image's path below the folder that holds them all, in
            Label Studio's tasks.
        overwrite: replace files that are there already; others stay.

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
                f"expected a label out of {', '.join(LABELS)}, got '{self.label}'"
            )


@dataclass(frozen=True)
class Object:
    """A thing that was found in an image.

    Attributes:
        label: what it is called.
        answer: all that is known about it.
        found: the answer's mask, box and score.
    """

    label: str
    answer: Answer
    found: Found

    @property
    def told(self) -> dict[str, Any]:
        """What is written beside a mask where a form has room for it."""
        answer = self.answer
        return {
            "label": self.label,
            "expression": answer.expression,
            "noun_phrase": answer.noun_phrase,
            "head": answer.head,
            "confidence": answer.confidence,
            "unsure": answer.unsure,
            "reason": answer.reason,
            "score": self.found.score,
            "provenance": None if answer.provenance is None else answer.provenance.to_dict(),
        }


@dataclass(frozen=True)
class ImageAnswers:
    """An image and what was found in it.

    Attributes:
        path: as it was given.
        stem: a file name for it without ending, unique among all.
        height: in pixels.
        width: in pixels.
        objects: in the order in which they were asked for.
    """

    path: Path
    stem: str
    height: int
    width: int
    objects: tuple[Object, ...]


@dataclass(frozen=True)
class Collection:
    """What is exported.

    Attributes:
        images: all that were asked about, those without an answer too.
        folder: where the files will be.
        options: how they are written.
        origins: where the answers come from, each once.
    """

    images: tuple[ImageAnswers, ...]
    folder: Path
    options: Options
    origins: tuple[Provenance, ...] = ()

    @cached_property
    def labels(self) -> dict[str, int]:
        """The place of every label among all, 0 for the first that occurs."""
        names = (thing.label for image in self.images for thing in image.objects)
        return {name: number for number, name in enumerate(dict.fromkeys(names))}

    @cached_property
    def root(self) -> Path:
        """The folder that holds all the images, here or further down."""
        # Not resolved: links among the images stay what they are called.
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
        content: its bytes, or the image that it is to be.
    """

    path: str
    content: bytes | Path = field(repr=False)

    @classmethod
    def json(cls, path: str, value: Any) -> File:
        """A file of JSON."""
        return cls(path, as_utf8(json.dumps(value, ensure_ascii=False) + "\n"))


def collect(answers: Iterable[Answer], folder: Path, options: Options) -> Collection:
    """Answers by image, both in the order in which they came.

    ``a.png``, ``./a.png`` and its absolute path are one image, called by its first name.

    Raises:
        InputError: when there are none, or an image has two sizes.
    """
    images: dict[str, list[Answer]] = {}
    for answer in answers:
        same = images.setdefault(_place(answer.image), [answer])
        if (same[0].height, same[0].width) != (answer.height, answer.width):
            raise InputError(
                f"expected answers about {answer.image} to tell of one size, got "
                f"{same[0].width}x{same[0].height} and {answer.width}x{answer.height}; "
                "the image was changed, segment it again"
            )
        if same[-1] is not answer:
            same.append(answer)
    if not images:
        raise InputError("expected answers to export, got none; segment an image first")
    paths = [Path(told[0].image) for told in images.values()]
    arranged = tuple(
        ImageAnswers(path, stem, told[0].height, told[0].width, _objects(told, options))
        for path, stem, told in zip(paths, image_folders(paths), images.values(), strict=True)
    )
    told = (answer.provenance for same in images.values() for answer in same)
    origins = tuple(dict.fromkeys(origin for origin in told if origin is not None))
    return Collection(arranged, folder, options, origins)


def _place(image: str) -> str:
    """What the names of one image have in common; links stay what they are called."""
    return unicodedata.normalize("NFC", os.path.abspath(image))  # noqa: PTH100


def _objects(answers: Iterable[Answer], options: Options) -> tuple[Object, ...]:
    return tuple(
        Object(getattr(answer, LABELS[options.label]), answer, answer.found)
        for answer in answers
        if answer.found is not None and not (answer.unsure and options.sure_only)
    )


def check_free(folder: Path, options: Options) -> None:
    """Raise unless files may be written to a folder.

    Raises:
        ConfigurationError: when files are there already, and ``options.overwrite`` is off.
    """
    if not options.overwrite and folder.exists() and (folder.is_file() or any(folder.iterdir())):
        raise ConfigurationError(
            f"expected {folder} to be new or empty; choose another `out`, or add `overwrite`"
        )


def write_file(folder: Path, file: File, options: Options) -> Path:
    """Write one file; returns where.

    Raises:
        ConfigurationError: when it cannot be written there.
        InputError: when it is to be an image that is gone or locked.
    """
    path = folder / file.path
    if isinstance(file.content, bytes):
        write_whole(path, file.content)
        return path
    if not (is_file(file.content) and os.access(file.content, os.R_OK)):
        raise InputError(
            f"expected the image {file.content}, but it is gone or locked; check the path"
        )
    if not is_image(file.content):
        raise InputError(
            f"expected an image in {file.content}, got something else; check the answers' paths"
        )
    if options.copy_images:
        write_whole(path, file.content.read_bytes())
    else:
        _link(path, file.content.resolve())
    return path


def _link(path: Path, target: Path) -> None:
    """Make ``path`` a symbolic link, in the place of whatever is there."""
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
