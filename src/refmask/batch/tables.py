"""Tables of images, with what is asked about each or without, in CSV or Parquet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow
import pyarrow.compute
from pyarrow import csv

from refmask.batch.places import beside, in_short, locate
from refmask.errors import InputError
from refmask.limits import check
from refmask.ops.parquet import bounded, read_parquet, rows_of
from refmask.ops.reading import BROKEN, MARKS, decode_text

#: Names that columns may have.
IMAGE = ("image", "picture", "path", "uri")
EXPRESSION = ("expression", "phrase", "expressions", "phrases")
#: How texts of two or four bytes a character begin.
WIDE = frozenset(mark[:2] for mark, encoding in MARKS.items() if encoding != "utf-8-sig")


def is_table(name: str) -> bool:
    """Whether a name is that of a table."""
    return locate(name).path.lower().endswith(tuple(READERS))


def read_table(name: str, folder: str | None = None) -> pyarrow.Table:
    """The images of a table, each once, in the order in which it names them.

    Args:
        name: path or URI of a ``.csv`` or ``.parquet`` file. A column "image", "picture", "path"
            or "uri" names images; one called "expression" or "phrase" says what is asked, one row
            each, or in Parquet a list a row.
        folder: what relative names are relative to; the table's own folder when not given.

    Returns:
        ``image``, absolute or a URI, and ``expressions``, a list for each, where they are told.

    Raises:
        InputError: when it cannot be read or has no such columns.
    """
    place = locate(name)
    suffix = next(ending for ending in READERS if place.path.lower().endswith(ending))
    try:
        with place.system.open_input_file(place.path) as file:
            whole = READERS[suffix](file, name)
        images, expressions = (_column(whole, names, name) for names in (IMAGE, EXPRESSION))
        there = ", ".join(whole.schema.names)
    except InputError:
        raise
    except (pyarrow.ArrowException, *BROKEN) as error:
        raise InputError(
            f"expected a {suffix[1:].upper()} table in {name}, it cannot be read "
            f"({in_short(error)}); write it again, its texts in UTF-8"
        ) from None
    if images is None:
        raise InputError(f"expected a column {' or '.join(IMAGE)} in {name}, got {there}")
    folder = folder or place.name(place.path.rpartition("/")[0])
    if not (pyarrow.types.is_string(images.type) or pyarrow.types.is_large_string(images.type)):
        raise InputError(
            f"expected names of images in {name}, got {images.type}; write them as texts"
        )
    given = images.fill_null("").combine_chunks().dictionary_encode()
    places = [beside(folder, image) for image in rows_of(given.dictionary, name)]
    named = {place: number for number, place in enumerate(dict.fromkeys(places))}
    numbers = pyarrow.array([named[place] for place in places], pyarrow.int32())
    known = pyarrow.array(list(named), pyarrow.string())
    if expressions is None:
        return pyarrow.table({"image": known})
    grouped = _grouped(name, numbers.take(given.indices), expressions)
    return grouped.set_column(0, "image", known.take(grouped["image"]))


def _grouped(name: str, images: Any, expressions: Any) -> pyarrow.Table:
    """One row an image, by its number, whatever the table's rows are."""
    expressions = expressions.combine_chunks()
    try:
        if pyarrow.types.is_list(expressions.type) or pyarrow.types.is_large_list(expressions.type):
            images = images.take(pyarrow.compute.list_parent_indices(expressions))
            expressions = pyarrow.compute.list_flatten(expressions)
        expressions = expressions.cast(pyarrow.string()).fill_null("")
    except pyarrow.ArrowException as error:
        raise InputError(
            f"expected texts as expressions in {name}, got {expressions.type} ({in_short(error)})"
        ) from None
    rows = pyarrow.table({"image": images, "expression": expressions})
    # On one thread, groups come in the order of their first rows.
    grouped = rows.group_by("image", use_threads=False).aggregate([("expression", "list")])
    return grouped.select(["image", "expression_list"]).rename_columns(["image", "expressions"])


def _column(table: pyarrow.Table, names: tuple[str, ...], where: str) -> Any:
    found = next((name for name in names if name in table.schema.names), None)
    if found is not None and table.schema.names.count(found) > 1:
        raise InputError(f"expected one column '{found}' in {where}, got several; rename the rest")
    return None if found is None else table[found]


def _csv(file: Any, name: str) -> pyarrow.Table:
    check("file", file.size(), f"the table {name}")
    if file.read(2) in WIDE:
        file.seek(0)
        file = pyarrow.BufferReader(decode_text(file.read(), name).encode())
    file.seek(0)
    form = csv.ParseOptions(newlines_in_values=True)
    names = csv.open_csv(file, parse_options=form).schema.names
    file.seek(0)
    texts = csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.string()))
    batches = csv.open_csv(file, parse_options=form, convert_options=texts)
    return bounded(batches, batches.schema, name)


def _parquet(file: Any, name: str) -> pyarrow.Table:
    return read_parquet(file, name, (*IMAGE, *EXPRESSION))


#: Readers by the name's ending.
READERS: dict[str, Callable[[Any, str], pyarrow.Table]] = {".csv": _csv, ".parquet": _parquet}
