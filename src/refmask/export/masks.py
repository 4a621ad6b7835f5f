"""One black and white PNG per object."""

from __future__ import annotations

from collections.abc import Iterator

from refmask.export.collection import Collection, File
from refmask.export.folder import answer_names
from refmask.visualize.overlay import png


def masks(collection: Collection) -> Iterator[File]:
    """``STEM/01-LABEL.png``, 255 where the object is, and ``masks.json``, what each file shows."""
    told = []
    for picture in collection.pictures:
        names = answer_names([thing.label for thing in picture.objects])
        for name, thing in zip(names, picture.objects, strict=True):
            path = f"{picture.stem}/{name}.png"
            told.append({"file": path, "picture": str(picture.path), **thing.told})
            yield File(path, png(thing.found.mask))
    yield File.json("masks.json", told)
