"""Kinds of input: data sets, tables, answers, phrases, runs."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow.parquet import write_table

from attack.images import SIDES, images, mask
from attack.kinds import Kind
from refmask.batch.plan import Plan
from refmask.batch.tables import read_table
from refmask.cli.expressions import read_expressions
from refmask.compat import Compat
from refmask.data import load_dataset
from refmask.errors import RefmaskError
from refmask.evaluation.comparing import compare_runs, read_run
from refmask.evaluation.scoring import read_predictions
from refmask.export.answers import read_answers
from refmask.ops import rle
from refmask.ops.reading import read_text
from refmask.types import TargetPhrase

IMAGES = "images/mscoco/images/train2014/COCO_train2014_7.jpg"
REFS, TABLES = "refcoco/refs(unc).p", "refcoco/instances.json"


def kinds(gadgets: list[bytes]) -> Iterator[Kind]:
    """Kinds of this subject."""
    image = {IMAGES: images()["a.jpg"]}
    tables, refs = json.dumps(coco()).encode(), pickle.dumps(referring(), 2)
    yield Kind("refs.p", image | {TABLES: tables, REFS: refs}, _refer, [REFS], gadgets)
    yield Kind("instances.json", image | {TABLES: tables, REFS: refs}, _refer, [TABLES])
    for end, content in ((".json", json.dumps(referring()).encode()), (".parquet", parquet())):
        name = f"grefcoco/grefs(unc){end}" if end == ".json" else f"refcoco/refs(unc){end}"
        folder = name.partition("/")[0]
        files = image | {f"{folder}/instances.json": tables, name: content}
        yield Kind(f"refs{end}", files, _refer, [name])
    path = "annotations/instances_val2014.json"
    yield Kind("coco", {path: tables, "val2014/7.jpg": images()["a.jpg"]}, _coco, [path])
    yield Kind("phrasecut", phrasecut(), _phrasecut, ["refer_test.json", "image_data_split.json"])
    yield Kind("tables", asked(), _table, hostile=list(bombs()))
    yield Kind("answers", {"answers.jsonl": answers()}, _answers)
    yield Kind("expressions", expressions(), lambda folder, name: read_expressions(folder / name))
    yield Kind(
        "predictions", {f"{n}.json": one for n, one in enumerate(predictions())}, _predictions
    )
    run = {
        "configuration.json": json.dumps({"data": "scenes", "split": "val", "system": "x"}).encode()
    }
    yield Kind("runs", run | {"samples.jsonl": records()}, _run)


def coco() -> dict[str, object]:
    """``instances.json`` of one image."""
    shapes = [[[1, 1, 9, 1, 9, 9, 1, 9]], {"size": list(SIDES), "counts": [5, 20, 167]}]
    annotations = [
        {"id": n, "image_id": 7, "category_id": n, "segmentation": shape, "iscrowd": 0}
        for n, shape in enumerate(shapes, 1)
    ]
    image = {"id": 7, "file_name": "COCO_train2014_7.jpg", "height": SIDES[0], "width": SIDES[1]}
    names = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]
    return {"images": [image], "annotations": annotations, "categories": names}


def referring() -> list[dict[str, object]]:
    """Refs of that image."""
    said = [{"tokens": ["the", "dog"], "raw": "the dog", "sent": "the dog", "sent_id": 10}]
    about = {"image_id": 7, "category_id": 1, "split": "val", "file_name": "COCO_train2014_7_1.jpg"}
    return [
        {**about, "ref_id": n, "ann_id": n, "sent_ids": [10 * n], "category_id": n}
        | {"sentences": [said[0] | {"sent_id": 10 * n}]}
        for n in (1, 2)
    ]


def parquet() -> bytes:
    """The same as a table."""
    return _parquet(pyarrow.Table.from_pylist(referring()))


def phrasecut() -> dict[str, bytes]:
    """PhraseCut's two files and an image."""
    tasks = [
        {
            **{"task_id": f"7__{n}", "image_id": 7, "ann_ids": [n], "phrase": "the hill"},
            **{"instance_boxes": [[1, 1, 4, 4]], "Polygons": [[[[1, 1], [5, 1], [5, 5]]]]},
            "phrase_structure": {"name": "hill", "attributes": [], "type": "name"},
        }
        for n in (1, 2)
    ]
    sizes = [{"image_id": 7, "height": SIDES[0], "width": SIDES[1]}]
    told = {"refer_test.json": tasks, "image_data_split.json": sizes}
    files = {name: json.dumps(content).encode() for name, content in told.items()}
    return files | {"images/7.jpg": images()["a.jpg"]}


def asked() -> dict[str, bytes]:
    """Tables of images and expressions of many types."""
    columns = {
        "lists": {"image": ["a.png", "b.png"], "expressions": [["the dog"], ["a cat", "x"]]},
        "texts": {"path": ["a.png", "b.png", "a.png"], "phrase": ["the dog", "a cat", "it"]},
        "names": {"uri": ["a.png"]},
    }
    tables = {f"{name}.parquet": _parquet(pyarrow.table(told)) for name, told in columns.items()}
    csv = b'image,expression\na.png,the dog\nb.png,"a, cat"\n'
    return tables | {"a.csv": csv, "b.csv": b"\xef\xbb\xbfpath\r\na.png\r\n"}


def answers() -> bytes:
    """What ``refmask segment --json`` prints."""
    runs = rle.encode(mask())
    answer = {
        **{"image": "a.png", "expression": "the dog", "noun_phrase": "dog", "head": "dog"},
        **{"width": SIDES[1], "height": SIDES[0], "confidence": 0.9, "unsure": False},
        "answer": {"score": 0.5, "segmentation": runs, "box": [0, 0, 3, 9], "area": 20},
    }
    empty = answer | {"answer": None, "confidence": None, "unsure": True}
    return b"\n".join(json.dumps(one).encode() for one in (answer, empty)) + b"\n"


def expressions() -> dict[str, bytes]:
    """Expressions in all forms."""
    parse = {
        "words": ["the", "dog"],
        "heads": [1, 1],
        "deps": ["det", "ROOT"],
        "pos": ["DET", "NOUN"],
    }
    entries = ["the dog", {"raw": "a cat", "noun_phrase": "cat"}, {"expression": "the dog"} | parse]
    return {
        "a.txt": b"the dog\n\na cat\n",
        "a.json": json.dumps({"expressions": entries}).encode(),
        "a.jsonl": b"\n".join(json.dumps(entry).encode() for entry in entries),
    }


def predictions() -> list[bytes]:
    """Masks of another system, in both forms."""
    runs = {"size": list(SIDES), "counts": [5, 20, 167]}
    listed = [{"sentence_id": 10, "segmentation": runs}, {"sent_id": "20", "segmentation": []}]
    return [
        json.dumps(listed).encode(),
        json.dumps({"10": runs, "20": [[1, 1, 9, 1, 9, 9]]}).encode(),
    ]


def records() -> bytes:
    """The records of a run."""
    row = {
        **{"intersection": 10, "union": 20, "best_intersection": 10, "best_union": 20},
        **{"right_class": True, "right_instance": True, "chance": 0.5, "words": 2, "kind": "all"},
        **{
            "proposals": 3,
            "iou": 0.5,
            "expression": "the dog",
            "mask": {"size": [2, 2], "counts": [4]},
        },
    }
    lines = [
        {"image": str(one), "query": f"{one}-{n}", "number": n, "of": 2} | row
        for one in (1, 2)
        for n in (0, 1)
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _refer(folder: Path, name: str) -> None:
    _all_samples(load_dataset(name.partition("/")[0], "val", folder, split_by="unc"))


def _coco(folder: Path, name: str) -> None:
    del name
    for questions in (None, "categories"):
        _all_samples(load_dataset("coco", "val2014", folder, questions=questions))


def _phrasecut(folder: Path, name: str) -> None:
    del name
    for subset in ("all", "unseen"):
        _all_samples(load_dataset("phrasecut", "test", folder, subset=subset))


def _all_samples(dataset: object) -> None:
    for number in list(dataset.ids)[:4]:  # type: ignore[attr-defined]
        with suppress(RefmaskError):
            dataset.sample(number)  # type: ignore[attr-defined]


def _table(folder: Path, name: str) -> None:
    table = read_table(str(folder / name))
    own = "expressions" in table.schema.names
    plan = Plan(table, None if own else (TargetPhrase("the dog", "the dog", "the dog", "dog"),))
    plan.fingerprint()
    for shard in plan.shards(256):
        shard.encode()


def bombs() -> Iterator[bytes]:
    """Tables of a few kilobytes that stand for millions of rows, or for gigabytes of text."""
    for rows, name in ((4_000_000, "a.png"), (2_900_000, "a.png"), (1_000_000, "a" * 2000)):
        numbers = pyarrow.array(np.zeros(rows, np.int32))
        images = pyarrow.DictionaryArray.from_arrays(numbers, [name])
        phrases = pyarrow.DictionaryArray.from_arrays(numbers, ["the dog"])
        yield _parquet(pyarrow.table({"image": images, "phrase": phrases}))
        yield _parquet(pyarrow.table({"image": images}))


def _answers(folder: Path, name: str) -> None:
    text = read_text(folder / name, "answers")
    for answer in read_answers(text.splitlines(), name):
        for region in answer.instances:
            with suppress(RefmaskError):
                region.mask  # noqa: B018


def _predictions(folder: Path, name: str) -> None:
    found = read_predictions(folder / name, Compat())
    from refmask.ops.segmentations import decode_segmentation

    for told in list(found.segmentations.values())[:4]:
        with suppress(RefmaskError):
            decode_segmentation(told, "a prediction", *SIDES)


def _run(folder: Path, name: str) -> None:
    del name
    found = read_run(folder)
    compare_runs(found, found).to_dict()


def _parquet(table: pyarrow.Table) -> bytes:
    made = io.BytesIO()
    write_table(table, made)
    return made.getvalue()
