"""Answers in file formats of other programs.

To add one: a function that takes a ``Collection`` and yields files, and a line in ``EXPORTERS``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from refmask.errors import ConfigurationError

if TYPE_CHECKING:
    from refmask.export.answers import Answer
    from refmask.export.collection import Collection, File, Options

    Exporter = Callable[[Collection], Iterator[File]]

#: Formats by name: module and function.
EXPORTERS = {
    "coco": ("refmask.export.coco", "coco"),
    "coco-polygons": ("refmask.export.coco", "coco_polygons"),
    "label-studio": ("refmask.export.label_studio", "label_studio"),
    "labelme": ("refmask.export.polygons", "labelme"),
    "palette": ("refmask.export.png", "palette"),
    "png": ("refmask.export.png", "masks"),
    "polygons": ("refmask.export.polygons", "outlines"),
    "yolo": ("refmask.export.polygons", "yolo"),
}


def load_exporter(name: str) -> Exporter:
    """The function that writes a format.

    Raises:
        ConfigurationError: for an unknown name.
    """
    if name not in EXPORTERS:
        raise ConfigurationError(f"unknown format '{name}'; choose one of: {', '.join(EXPORTERS)}")
    module, function = EXPORTERS[name]
    exporter: Exporter = getattr(importlib.import_module(module), function)
    return exporter


def export(
    name: str,
    answers: Iterable[Answer],
    folder: str | PathLike[str],
    options: Options | None = None,
) -> list[Path]:
    """Write answers in a format of other programs.

    Args:
        name: a key of ``EXPORTERS``.
        answers: of any number of images.
        folder: output folder; created when missing.
        options: the defaults when None.

    Returns:
        The files in the order of writing.

    Raises:
        ConfigurationError: for an unknown name, when the folder is not empty and
            ``options.overwrite`` is off, or when a file cannot be written.
        InputError: when answers contradict each other, or a needed image is missing.
    """
    from refmask.export.collection import Options, check_free, collect, write_file

    out, options = Path(folder), options or Options()
    exporter = load_exporter(name)
    check_free(out, options)
    collection = collect(answers, out, options)
    return [write_file(out, file, options) for file in exporter(collection)]
