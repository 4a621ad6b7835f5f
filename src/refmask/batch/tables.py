"""Tables of pictures, with what is asked about each or without, in CSV or Parquet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow
import pyarrow.compute
from pyarrow import csv, parquet

from refmask.batch.places import beside, in_short, locate
from refmask.errors import InputError

#: Names that columns may have.
PICTURE = ("picture", "path", "uri")
EXPRESSION = ("expression", "phrase", "expressions", "phrases")


def is_table(name: str) -> bool:
    """Whether a name is that of a table."""
    return locate(name).path.lower().endswith(tuple(READERS))


def read_table(name: str, folder: str | None = None) -> pyarrow.Table:
    """The pictures of a table, each once, in the order in which it names them.

    Args:
        name: path or URI of a ``.csv`` or ``.parquet`` file. A column "picture", "path" or "uri"
            names pictures; one called "expression" or "phrase" says what is asked, one row each,
            or in Parquet a list a row.
        folder: what relative names are relative to; the table's own folder when not given.

    Returns:
        ``picture``, absolute or a URI, and ``expressions``, a list for each, where they are told.

    Raises:
        InputError: when it cannot be read or has no such columns.
    """
    place = locate(name)
    suffix = next(ending for ending in READERS if place.path.lower().endswith(ending))
    try:
        with place.system.open_input_file(place.path) as file:
            whole = READERS[suffix](file)
    except (OSError, pyarrow.ArrowException) as error:
        raise InputError(
            f"expected a {suffix[1:].upper()} table in {name}, it cannot be read "
            f"({in_short(error)})"
        ) from None
    pictures, expressions = _column(whole, PICTURE), _column(whole, EXPRESSION)
    if pictures is None:
        there = ", ".join(whole.schema.names)
        raise InputError(f"expected a column {' or '.join(PICTURE)} in {name}, got {there}")
    folder = folder or place.name(place.path.rpartition("/")[0])
    named = [beside(folder, picture or "") for picture in pictures.to_pylist()]
    return _grouped(name, pyarrow.array(named, pyarrow.string()), expressions)


def _grouped(name: str, pictures: Any, expressions: Any) -> pyarrow.Table:
    """One row a picture, whatever the table's rows are."""
    if expressions is None:
        return pyarrow.table({"picture": pyarrow.compute.unique(pictures)})
    expressions = expressions.combine_chunks()
    try:
        if pyarrow.types.is_list(expressions.type) or pyarrow.types.is_large_list(expressions.type):
            pictures = pictures.take(pyarrow.compute.list_parent_indices(expressions))
            expressions = pyarrow.compute.list_flatten(expressions)
        expressions = expressions.cast(pyarrow.string()).fill_null("")
    except pyarrow.ArrowException as error:
        raise InputError(
            f"expected texts as expressions in {name}, got {expressions.type} ({in_short(error)})"
        ) from None
    rows = pyarrow.table({"picture": pictures, "expression": expressions})
    # On one thread, groups come in the order of their first rows.
    grouped = rows.group_by("picture", use_threads=False).aggregate([("expression", "list")])
    return grouped.select(["picture", "expression_list"]).rename_columns(["picture", "expressions"])


def _column(table: pyarrow.Table, names: tuple[str, ...]) -> Any:
    found = next((name for name in names if name in table.schema.names), None)
    return None if found is None else table[found]


def _csv(file: Any) -> pyarrow.Table:
    texts = dict.fromkeys((*PICTURE, *EXPRESSION), pyarrow.string())
    return csv.read_csv(
        file,
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(column_types=texts),
    )


def _parquet(file: Any) -> pyarrow.Table:
    wanted = (*PICTURE, *EXPRESSION)
    source = parquet.ParquetFile(file)
    return source.read([name for name in source.schema_arrow.names if name in wanted])


#: Readers by the name's ending.
READERS: dict[str, Callable[[Any], pyarrow.Table]] = {".csv": _csv, ".parquet": _parquet}
