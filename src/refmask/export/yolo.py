"""YOLO's segmentation data: one polygon a line, and the pictures beside them.

A line is the class, then x and y of each corner as shares of width and height. As a line holds one
polygon, the parts of a mask are joined by cuts.
"""

from __future__ import annotations

from collections.abc import Iterator

from refmask.export.collection import Collection, File, Picture
from refmask.ops.files import as_utf8
from refmask.ops.polygons import joined, polygons


def yolo(collection: Collection) -> Iterator[File]:
    """``data.yaml``, ``labels/STEM.txt`` and ``images/STEM.*``, a link or a copy.

    Comments of ``data.yaml`` say where the answers come from, and which of them are unsure.
    """
    names = "".join(f"  {number}: {_quoted(name)}\n" for name, number in collection.labels.items())
    told = f"train: images\nval: images\nnames:{chr(10) + names if names else ' {}'}".strip() + "\n"
    yield File("data.yaml", as_utf8(_origins(collection) + _doubts(collection) + told))
    for picture in collection.pictures:
        lines = "".join(_lines(picture, collection))
        yield File(f"labels/{picture.stem}.txt", lines.encode())
        yield File(f"images/{picture.stem}{picture.path.suffix}", picture.path)


def _origins(collection: Collection) -> str:
    """Comments that say where the answers come from, one line each."""
    return "".join(f"# {' '.join(str(origin).split())}\n" for origin in collection.origins)


def _doubts(collection: Collection) -> str:
    """Comments that say which lines of the labels are unsure, and why."""
    told = [
        (f"labels/{picture.stem}.txt line {number}", " ".join(thing.answer.verdict.split()))
        for picture in collection.pictures
        for number, thing in enumerate(picture.objects, 1)
        if thing.answer.unsure
    ]
    return "".join(f"# unsure: {where}: {verdict}\n" for where, verdict in told)


def _lines(picture: Picture, collection: Collection) -> Iterator[str]:
    for thing in picture.objects:
        outline = joined(polygons(thing.found.mask)) / (picture.width, picture.height)
        corners = " ".join(f"{share:.6g}" for share in outline.ravel())
        yield f"{collection.labels[thing.label]} {corners}\n"


def _quoted(text: str) -> str:
    """A YAML string, whatever is in the text."""
    plain = (
        letter if letter.isprintable() and letter not in '"\\' else f"\\U{ord(letter):08x}"
        for letter in text
    )
    return f'"{"".join(plain)}"'
