"""Kinds of input: images and masks."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, features

from attack.gadgets import in_arrays
from attack.kinds import Kind
from refmask.ops.images import decode_image, read_image
from refmask.proposals.given import GivenMasks

SIDES = (12, 16)
#: Formats that Pillow writes, by a file's ending.
FORMATS = {
    **{"png": "PNG", "jpg": "JPEG", "webp": "WEBP", "bmp": "BMP", "gif": "GIF", "tiff": "TIFF"},
    **{"ppm": "PPM", "jp2": "JPEG2000"},
}


def noise() -> np.ndarray:
    """An image, uint8 (12, 16, 3)."""
    return np.random.default_rng(0).integers(0, 256, (*SIDES, 3), np.uint8)


def kinds(gadgets: list[bytes]) -> Iterator[Kind]:
    """Kinds of this subject."""
    yield Kind("images", images(), _image)
    yield Kind("mask images", {"masks/a.png": _png(mask()), "masks/b.png": _palette()}, _folder)
    hostile = [*bombs(), *(in_arrays(one) for one in gadgets)]
    yield Kind("masks.npz", arrays(), _masks, hostile=hostile)
    yield Kind("masks.json", coco_masks(), _masks)


def images() -> dict[str, bytes]:
    """One file of every format, and of the less common modes."""
    image = Image.fromarray(noise())
    made = {f"a.{end}": _saved(image, form) for end, form in FORMATS.items()}
    if features.check("avif"):
        made["a.avif"] = _saved(image, "AVIF")
    deep = Image.fromarray(np.arange(192, dtype=np.uint16).reshape(SIDES) * 300)
    grey = Image.fromarray(np.linspace(-1, 2, 192, dtype=np.float32).reshape(SIDES))
    exif = Image.Exif()
    exif[0x0112] = 6
    return made | {
        "deep.png": _saved(deep, "PNG"),
        "deep.tiff": _saved(deep, "TIFF"),
        "float.tiff": _saved(grey, "TIFF"),
        "packed.tiff": _saved(image, "TIFF", compression="tiff_lzw"),
        "cmyk.jpg": _saved(image.convert("CMYK"), "JPEG"),
        "turned.jpg": _saved(image, "JPEG", exif=exif),
        "alpha.png": _saved(image.convert("RGBA"), "PNG"),
        "palette.png": _saved(image.convert("P"), "PNG"),
        "moving.gif": _saved(image, "GIF", save_all=True, append_images=[image.rotate(90)]),
    }


def arrays() -> dict[str, bytes]:
    """Masks in ``.npz`` files of all forms."""
    masks = np.stack([mask(), ~mask()])
    packed = np.packbits(masks.reshape(2, -1), axis=1)
    return {
        "plain.npz": _npz(masks=masks, quality=np.array([0.5, 0.25])),
        "packed.npz": _npz(masks_packed=packed, masks_shape=np.array(masks.shape)),
        "channel.npz": _npz(masks=masks[:, None].astype(np.float32), scores=np.array([1, 2])),
    }


def bombs() -> Iterator[bytes]:
    """Small files of very many masks, of large ones, and of quality beyond 32 bits."""
    for shape in ((39_000, *SIDES), (700, 1000, 1000)):
        packed = np.zeros((shape[0], -(-shape[1] * shape[2] // 8)), np.uint8)
        yield _npz(np.savez_compressed, masks_packed=packed + 1, masks_shape=np.array(shape))
    yield _npz(np.savez_compressed, masks=np.ones((39_000, *SIDES), np.uint8))
    yield _npz(masks=np.stack([mask(), ~mask()]), quality=np.array([1e300, -1e300]))


def coco_masks() -> dict[str, bytes]:
    """Masks in COCO's form: of an image, and as lists of results."""
    runs = {"size": list(SIDES), "counts": [5, 20, 167]}
    polygon = [[1, 1, 9, 1, 9, 9, 1, 9]]
    shapes = [{"image_id": 1, "category_id": 1, "segmentation": one} for one in (runs, polygon)]
    for number, one in enumerate(shapes, 1):
        one |= {"id": number, "score": 0.5, "iscrowd": 0}
    image = {"id": 1, "file_name": "a.png", "height": SIDES[0], "width": SIDES[1]}
    whole = {"images": [image], "annotations": shapes, "categories": [{"id": 1, "name": "x"}]}
    return {"whole.json": json.dumps(whole).encode(), "results.json": json.dumps(shapes).encode()}


def _image(folder: Path, name: str) -> None:
    read_image(folder / name)
    decode_image((folder / name).read_bytes())


def _masks(folder: Path, name: str) -> None:
    proposals = GivenMasks(folder / name, "a").propose(noise())
    system().look(noise(), proposals).find("the dog")


@cache
def system() -> Any:
    """A system that is asked about what was read."""
    import refmask

    return refmask.load("embedded", precision="fp32")


def _folder(folder: Path, name: str) -> None:
    GivenMasks(folder / "masks").propose(noise())
    GivenMasks(folder / name).propose(noise())


def mask() -> np.ndarray:
    """A mask, bool (12, 16)."""
    made = np.zeros(SIDES, bool)
    made[2:8, 3:9] = True
    return made


def _png(mask: np.ndarray) -> bytes:
    return _saved(Image.fromarray(mask.astype(np.uint8) * 255), "PNG")


def _palette() -> bytes:
    image = Image.fromarray(mask().astype(np.uint8) * 2)
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    return _saved(image, "PNG")


def _npz(write: Callable[..., None] = np.savez, **given: np.ndarray) -> bytes:
    made = io.BytesIO()
    write(made, **given)
    return made.getvalue()


def _saved(image: Image.Image, form: str, **options: object) -> bytes:
    made = io.BytesIO()
    image.save(made, form, **options)
    return made.getvalue()
