"""Untrusted Parquet tables, read within limits and with refmask's errors. Needs pyarrow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from refmask.errors import InputError
from refmask.limits import check
from refmask.ops.reading import BROKEN, in_short

#: Rows per batch, after each of which the memory taken is checked.
BATCH = 4096


def read_parquet(source: Any, where: str, columns: Collection[str] | None = None) -> Any:
    """A table.

    Args:
        source: an open file, of Python or of pyarrow.
        where: its name, for messages.
        columns: to read, where they exist; by default all.

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
        # As dictionaries, repeated texts are stored once, and sizes are known before decoding.
        file = ParquetFile(source, read_dictionary=texts)
        fields = [field for field in file.schema_arrow if columns is None or field.name in columns]
        batches = file.iter_batches(BATCH, columns=[field.name for field in fields])
        return bounded(batches, pyarrow.schema(fields), where)
    except (pyarrow.ArrowException, *BROKEN) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{where} cannot be read as a Parquet table ({in_short(error)}); write it again"
        ) from None


def bounded(batches: Iterable[Any], schema: Any, where: str) -> Any:
    """The table of record batches, without dictionaries, within the limits.

    Raises:
        InputError: when it exceeds them.
        pyarrow.ArrowException: when a text is not UTF-8.
    """
    import pyarrow

    read, size, rows = [], 0, 0
    for batch in batches:
        size, rows = size + sum(map(_decoded_size, batch.columns)), rows + len(batch)
        check("file", size, f"rows of {where}")
        check("rows", rows, where)
        read.append(batch)
    table = pyarrow.Table.from_batches(read, None if read else schema)
    plain = [pyarrow.field(field.name, _plain(field.type)) for field in table.schema]
    table = table.cast(pyarrow.schema(plain))
    table.validate(full=True)  # that texts are UTF-8
    return table


def _decoded_size(array: Any) -> int:
    """Bytes of an array without dictionaries."""
    from pyarrow import binary, compute, large_binary, large_string, string, types

    texts = (string(), large_string(), binary(), large_binary())
    if types.is_dictionary(array.type) and array.type.value_type in texts:
        lengths = compute.binary_length(array.dictionary).take(array.indices)
        return int(compute.sum(lengths).as_py() or 0) + int(array.indices.nbytes)
    if types.is_list(array.type) or types.is_large_list(array.type):
        return _decoded_size(array.flatten()) + 4 * len(array)
    if types.is_struct(array.type):
        return sum(map(_decoded_size, array.flatten()))
    return int(array.nbytes)


def _plain(kind: Any) -> Any:
    """A type without dictionaries."""
    import pyarrow
    from pyarrow import types

    if types.is_dictionary(kind):
        return _plain(kind.value_type)
    if types.is_list(kind):
        return pyarrow.list_(kind.value_field.with_type(_plain(kind.value_type)))
    if types.is_struct(kind):
        return pyarrow.struct([field.with_type(_plain(field.type)) for field in kind])
    return kind


def _values(footer: Any) -> int:
    """The number of rows, or of values of the longest column, by a file's footer.

    A few bytes can encode millions.
    """
    columns = Counter[int]()
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        for column in range(group.num_columns):
            columns[column] += max(0, group.column(column).num_values)
    return int(max(footer.num_rows, *columns.values(), 0))


def rows_of(table: Any, where: str) -> list[Any]:
    """The rows of a table, or the values of one of its columns, as Python objects.

    Raises:
        InputError: when texts are not UTF-8, or Python has no such times or numbers.
    """
    import pyarrow

    try:
        return list(table.to_pylist())
    except (pyarrow.ArrowException, *BROKEN) as error:
        raise InputError(
            f"{where} has values other than UTF-8 texts and plain numbers ({in_short(error)}); "
            "write it again"
        ) from None
