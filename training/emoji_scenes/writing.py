"""Writing scenes in the layout of REFER (RefCOCO, RefCOCO+, RefCOCOg)::

    ROOT/images/mscoco/images/train2014/scene_000001.png ...
    ROOT/scenes/instances.json        COCO instances: objects and surfaces, masks as RLE
    ROOT/scenes/refs(scenes).p        REFER's pickled list of refs
    ROOT/scenes/refs.json             the same list, for readers that open no pickles

Scenes with expressions about any number of things are the data set "gscenes", in gRefCOCO's form::

    ROOT/gscenes/instances.json
    ROOT/gscenes/grefs(scenes).json   ``ann_id`` and ``category_id`` are lists; [-1] for nothing

A REFER loader reads it as the data set "scenes", split by "scenes", with two splits: "val" holds
combinations of noun and colour as in training, "test" only the held-out ones. Each sentence has
one field more than REFER's: ``kind``, what tells its target apart. Masks are RLE because polygons
would lose pixels. Nothing in the files depends on the time or the machine.
"""

from __future__ import annotations

import json
import pickle
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from emoji_scenes.compose import ComposedScene
from emoji_scenes.vocabulary import NOUNS, SURFACES, HeldOut
from refmask.data.refs import NO_ANNOTATION
from refmask.data.scenes import FOLDER, GENERALISED, IMAGES
from refmask.errors import InputError
from refmask.ops.rle import encode
from refmask.types import tight_boxes

Record = dict[str, Any]

#: Split -> the combinations of noun and colour in it.
SPLITS: dict[str, HeldOut] = {"val": "exclude", "test": "only"}

_OBJECT_IDS = {noun: number for number, noun in enumerate(NOUNS, 1)}
_SURFACE_IDS = {kind: number for number, kind in enumerate(SURFACES, 101)}


def write_scenes(
    root: Path,
    parts: Mapping[str, Iterable[ComposedScene]],
    description: str,
    generalised: bool = False,
) -> int:
    """Write a data set, wholly or not at all.

    Args:
        root: the new folder; may exist if empty.
        parts: split -> its scenes; numbers are unique over all splits.
        description: goes into ``info`` of ``instances.json``.
        generalised: the scenes are those of the data set "gscenes".

    Returns:
        The number of sentences written.

    Raises:
        InputError: when the folder holds something already or cannot be written.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise InputError(
            f"expected a new or empty folder at {root}, found something there already; "
            "name another folder or empty this one"
        )
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{root.name}-", dir=root.parent))
    except OSError as error:
        raise _unwritable(root, error) from error
    try:
        count = _write_all(partial, parts, description, generalised)
        partial.chmod(0o755)
        if root.exists():
            root.rmdir()
        partial.rename(root)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError):
            raise _unwritable(root, error) from error
        raise
    return count


def _unwritable(root: Path, error: OSError) -> InputError:
    return InputError(
        f"expected a folder that can be written at {root}, got {error}; name another folder"
    )


def _write_all(
    root: Path,
    parts: Mapping[str, Iterable[ComposedScene]],
    description: str,
    generalised: bool,
) -> int:
    """Write images as they come and the tables at the end."""
    folder = root / (GENERALISED if generalised else FOLDER)
    (root / IMAGES).mkdir(parents=True)
    folder.mkdir()
    images: list[Record] = []
    annotations: list[Record] = []
    refs: list[Record] = []
    for split, scenes in parts.items():
        for scene in scenes:
            name = f"scene_{scene.number:06d}.png"
            Image.fromarray(scene.rendered.image).save(root / IMAGES / name, optimize=True)
            height, width = scene.rendered.image.shape[:2]
            images.append({"id": scene.number, "file_name": name, "height": height, "width": width})
            annotations += _annotations(scene)
            refs += (_set_refs if generalised else _refs)(scene, split, name)
    tables = {
        "info": {"description": description},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": _categories(),
    }
    (folder / "instances.json").write_text(_json(tables))
    if generalised:
        (folder / "grefs(scenes).json").write_text(_json(refs))
    else:
        (folder / "refs.json").write_text(_json(refs))
        (folder / "refs(scenes).p").write_bytes(pickle.dumps(refs, protocol=2))
    return sum(len(ref["sentences"]) for ref in refs)


def _json(content: object) -> str:
    return json.dumps(content, separators=(",", ":")) + "\n"


def _categories() -> list[Record]:
    return [
        {"id": number, "name": name, "supercategory": above}
        for table, above in ((_OBJECT_IDS, "object"), (_SURFACE_IDS, "surface"))
        for name, number in table.items()
    ]


def _annotations(scene: ComposedScene) -> list[Record]:
    """COCO annotations: the objects, then the surfaces."""
    items = scene.layout.items
    categories = [_OBJECT_IDS[item.noun] for item in items]
    categories += [_SURFACE_IDS[item.surface.kind] for item in items if item.surface is not None]
    masks = np.concatenate([scene.rendered.objects, scene.rendered.surfaces])
    masks = masks[masks.any(axis=(1, 2))]
    records = []
    for row, (mask, category) in enumerate(zip(masks, categories, strict=True)):
        left, top, right, bottom = (int(edge) for edge in tight_boxes(mask[None])[0])
        records.append(
            {
                "id": scene.instance_id(row),
                "image_id": scene.number,
                "category_id": category,
                "segmentation": encode(mask),
                "area": int(mask.sum()),
                "bbox": [left, top, right - left, bottom - top],
                "iscrowd": 0,
            }
        )
    return records


def _refs(scene: ComposedScene, split: str, name: str) -> list[Record]:
    """REFER's refs: one per object with all sentences about it."""
    refs = []
    for index, item in enumerate(scene.layout.items):
        sentences = [
            _sentence(scene.sentence_id(row), sentence, kind)
            for row, (owner, sentence, kind) in enumerate(scene.expressions)
            if owner == index
        ]
        if sentences:
            refs.append(
                {
                    "ref_id": scene.instance_id(index),
                    "ann_id": scene.instance_id(index),
                    "image_id": scene.number,
                    "category_id": _OBJECT_IDS[item.noun],
                    "split": split,
                    "file_name": name,
                    "sent_ids": [sentence["sent_id"] for sentence in sentences],
                    "sentences": sentences,
                }
            )
    return refs


def _set_refs(scene: ComposedScene, split: str, name: str) -> list[Record]:
    """gRefCOCO's refs: one per group of objects, several, one or none, with its sentences."""
    groups: dict[tuple[int, ...], list[Record]] = {}
    for row, (items, sentence, kind) in enumerate(scene.set_expressions):
        said = _sentence(scene.sentence_id(row), sentence, kind)
        groups.setdefault(items, []).append(said)
    return [
        {
            "ref_id": sentences[0]["sent_id"],
            "ann_id": [scene.instance_id(index) for index in items] or [NO_ANNOTATION],
            "image_id": scene.number,
            "category_id": [_OBJECT_IDS[scene.layout.items[index].noun] for index in items]
            or [NO_ANNOTATION],
            "split": split,
            "file_name": name,
            "no_target": not items,
            "sent_ids": [sentence["sent_id"] for sentence in sentences],
            "sentences": sentences,
        }
        for items, sentences in groups.items()
    ]


def _sentence(number: int, sentence: str, kind: str) -> Record:
    return {
        "tokens": sentence.split(),
        "raw": sentence,
        "sent": sentence,
        "sent_id": number,
        "kind": kind,
    }
