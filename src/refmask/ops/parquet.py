"""Tables from outside: bounded, and with our errors only. Needs pyarrow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from refmask.errors import InputError
from refmask.limits import check
from refmask.ops.reading import BROKEN, in_short

#: Rows that are read at a time, between two looks at how much they take.
BATCH = 4096


def read_parquet(source: Any, where: str, columns: Collection[str] | None = None) -> Any:
    """A table.

    Args:
        source: an open file, of Python or of pyarrow.
        where: its name, for messages.
        columns: those that are wanted, where they are there; all, when not given.

    Returns:
        ``pyarrow.Table``.

    Raises:
        InputError: when it is damaged, or takes too much memory.
    """
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        file = ParquetFile(source)
        check("rows", _values(file.metadata), where)
        leaves = [file.schema.column(number) for number in range(len(file.schema))]
        texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        # Each text once, however many rows repeat it: its size is known before it is copied.
        file = ParquetFile(source, read_dictionary=texts)
        fields = [one for one in file.schema_arrow if columns is None or one.name in columns]
        batches = file.iter_batches(BATCH, columns=[one.name for one in fields])
        return bounded(batches, pyarrow.schema(fields), where)
    except (pyarrow.ArrowException, *BROKEN) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"expected a Parquet table in {where}, it cannot be read ({in_short(error)}); make it "
            "again"
        ) from None


def bounded(batches: Iterable[Any], schema: Any, where: str) -> Any:
    """The table of record batches, its texts spelt out, as long as they are not too many.

    Raises:
        InputError: when they are.
        pyarrow.ArrowException: when a text is no UTF-8.
    """
    import pyarrow

    kept, size, rows = [], 0, 0
    for batch in batches:
        size, rows = size + sum(map(_spelt_out, batch.columns)), rows + len(batch)
        check("file", size, f"rows of {where}")
        check("rows", rows, where)
        kept.append(batch)
    table = pyarrow.Table.from_batches(kept, None if kept else schema)
    plain = [pyarrow.field(one.name, _plain(one.type)) for one in table.schema]
    table = table.cast(pyarrow.schema(plain))
    table.validate(full=True)  # of texts: that they are UTF-8
    return table


def _spelt_out(array: Any) -> int:
    """Bytes of an array once no value stands for another any more."""
    from pyarrow import binary, compute, large_binary, large_string, string, types

    texts = (string(), large_string(), binary(), large_binary())
    if types.is_dictionary(array.type) and array.type.value_type in texts:
        lengths = compute.binary_length(array.dictionary).take(array.indices)
        return int(compute.sum(lengths).as_py() or 0) + int(array.indices.nbytes)
    if types.is_list(array.type) or types.is_large_list(array.type):
        return _spelt_out(array.flatten()) + 4 * len(array)
    if types.is_struct(array.type):
        return sum(map(_spelt_out, array.flatten()))
    return int(array.nbytes)


def _plain(kind: Any) -> Any:
    """A type in which no value stands for another."""
    import pyarrow
    from pyarrow import types

    if types.is_dictionary(kind):
        return _plain(kind.value_type)
    if types.is_list(kind):
        return pyarrow.list_(kind.value_field.with_type(_plain(kind.value_type)))
    if types.is_struct(kind):
        return pyarrow.struct([one.with_type(_plain(one.type)) for one in kind])
    return kind


def _values(footer: Any) -> int:
    """The most rows, or values of one column, that a file's footer tells of: a few bytes can
    stand for millions."""
    columns = Counter[int]()
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        for column in range(group.num_columns):
            columns[column] += max(0, group.column(column).num_values)
    return int(max(footer.num_rows, *columns.values(), 0))


def rows_of(table: Any, where: str) -> list[Any]:
    """The rows of a table, or the values of one of its columns, as Python's own.

    Raises:
        InputError: when texts are no UTF-8, or times and numbers none that Python has.
    """
    import pyarrow

    try:
        return list(table.to_pylist())
    except (pyarrow.ArrowException, *BROKEN) as error:
        raise InputError(
            f"expected texts in UTF-8 and plain numbers in {where}, got others ({in_short(error)});"
            " write it again"
        ) from None
