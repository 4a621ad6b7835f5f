"""Read tables of images, with or without expressions, from CSV or Parquet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow
import pyarrow.compute
from pyarrow import csv

from refmask.batch.storage import first_line, locate, resolve
from refmask.errors import InputError
from refmask.limits import check
from refmask.ops.parquet import bounded, read_parquet, rows_of
from refmask.ops.reading import BROKEN, MARKS, decode_text

#: Accepted column names.
IMAGE = ("image", "picture", "path", "uri")
EXPRESSION = ("expression", "phrase", "expressions", "phrases")
#: First bytes of texts in UTF-16 or UTF-32.
WIDE = frozenset(mark[:2] for mark, encoding in MARKS.items() if encoding != "utf-8-sig")


def is_table(name: str) -> bool:
    """Whether a file name ends as a table's."""
    return locate(name).path.lower().endswith(tuple(READERS))


def read_table(name: str, folder: str | None = None) -> pyarrow.Table:
    """The images of a table, each once, in order of first appearance.

    Args:
        name: path or URI of a ``.csv`` or ``.parquet`` file. A column "image", "picture", "path"
            or "uri" names images; a column "expression" or "phrase" holds one expression a row,
            or in Parquet a list a row.
        folder: what relative names are relative to; the table's own folder when None.

    Returns:
        ``image``, absolute path or URI, and ``expressions``, a list of strings for each, where the
        table has such a column.

    Raises:
        InputError: when it cannot be read or lacks a column of images.
    """
    location = locate(name)
    suffix = next(ending for ending in READERS if location.path.lower().endswith(ending))
    try:
        with location.system.open_input_file(location.path) as file:
            table = READERS[suffix](file, name)
        images, expressions = (_column(table, names, name) for names in (IMAGE, EXPRESSION))
        columns = ", ".join(table.schema.names)[:200]
    except InputError:
        raise
    except (pyarrow.ArrowException, *BROKEN) as error:
        raise InputError(
            f"{name} is not a {suffix[1:].upper()} table that can be read ({first_line(error)}); "
            "write it again, with texts in UTF-8"
        ) from None
    if images is None:
        raise InputError(
            f"{name} has no column of images, only {columns}; name one {' or '.join(IMAGE)}"
        )
    if not (pyarrow.types.is_string(images.type) or pyarrow.types.is_large_string(images.type)):
        raise InputError(
            f"names of images in {name} are {images.type} instead of texts; write them as texts"
        )
    folder = folder or location.name(location.path.rpartition("/")[0])
    encoded = images.fill_null("").combine_chunks().dictionary_encode()
    # Different spellings may name the same file.
    paths = [resolve(folder, image) for image in rows_of(encoded.dictionary, name)]
    numbers = {path: number for number, path in enumerate(dict.fromkeys(paths))}
    unique = pyarrow.array(list(numbers), pyarrow.string())
    if expressions is None:
        return pyarrow.table({"image": unique})
    indices = pyarrow.array([numbers[path] for path in paths], pyarrow.int32())
    grouped = _grouped(name, indices.take(encoded.indices), expressions)
    return grouped.set_column(0, "image", unique.take(grouped["image"]))


def _grouped(name: str, images: Any, expressions: Any) -> pyarrow.Table:
    """One row per image number, with the list of its expressions."""
    expressions = expressions.combine_chunks()
    try:
        if pyarrow.types.is_list(expressions.type) or pyarrow.types.is_large_list(expressions.type):
            images = images.take(pyarrow.compute.list_parent_indices(expressions))
            expressions = pyarrow.compute.list_flatten(expressions)
        expressions = expressions.cast(pyarrow.string()).fill_null("")
    except pyarrow.ArrowException as error:
        raise InputError(
            f"expressions in {name} are {expressions.type} instead of texts "
            f"({first_line(error)}); write them as texts, or lists of texts"
        ) from None
    rows = pyarrow.table({"image": images, "expression": expressions})
    # On one thread, groups keep the order of their first rows.
    grouped = rows.group_by("image", use_threads=False).aggregate([("expression", "list")])
    return grouped.select(["image", "expression_list"]).rename_columns(["image", "expressions"])


def _column(table: pyarrow.Table, names: tuple[str, ...], source: str) -> Any:
    found = next((name for name in names if name in table.schema.names), None)
    if found is not None and table.schema.names.count(found) > 1:
        raise InputError(f"{source} has several columns '{found}'; keep one and rename the others")
    return None if found is None else table[found]


def _csv(file: Any, name: str) -> pyarrow.Table:
    check("file", file.size(), f"the table {name}")
    if file.read(2) in WIDE:
        file.seek(0)
        file = pyarrow.BufferReader(decode_text(file.read(), name).encode())
    file.seek(0)
    parsing = csv.ParseOptions(newlines_in_values=True)
    names = csv.open_csv(file, parse_options=parsing).schema.names
    file.seek(0)
    texts = csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.string()))
    batches = csv.open_csv(file, parse_options=parsing, convert_options=texts)
    return bounded(batches, batches.schema, name)


def _parquet(file: Any, name: str) -> pyarrow.Table:
    return read_parquet(file, name, (*IMAGE, *EXPRESSION))


#: Readers by ending.
READERS: dict[str, Callable[[Any, str], pyarrow.Table]] = {".csv": _csv, ".parquet": _parquet}
