"""Untrusted Parquet tables, read within limits and with refmask's errors. Needs pyarrow."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from refmask.errors import InputError
from refmask.limits import check
from refmask.ops.reading import BROKEN, in_short

#: Rows per batch, after each of which the memory taken is checked.
BATCH = 4096

#: Fields of Parquet's footer: rows and groups of them, columns of a group, and their values.
ROWS, GROUPS, COLUMNS, COLUMN, VALUES = 3, 4, 1, 3, 5
#: Kinds of values in Thrift's compact protocol; footers have no maps.
TRUE, FALSE, BYTE, DOUBLE, TEXT, STRUCT = 1, 2, 3, 7, 8, 12
WHOLE, LISTS = (4, 5, 6), (9, 10)


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
        check("rows", _values(source), where)
        file = ParquetFile(source)
        leaves = [file.schema.column(number) for number in range(len(file.schema))]
        texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        # As dictionaries, repeated texts are stored once, and sizes are known before decoding.
        file = ParquetFile(source, read_dictionary=texts)
        fields = [field for field in file.schema_arrow if columns is None or field.name in columns]
        names = [field.name for field in fields]
        batches = (  # none may span groups: pyarrow joins no lists of dictionaries
            batch
            for group in range(file.num_row_groups)
            for batch in file.iter_batches(BATCH, [group], names)
        )
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


def _values(source: Any) -> int:
    """The number of rows, or of values of the longest column, by a file's footer.

    A few bytes can encode millions. The footer is parsed here: when it is damaged, asking pyarrow
    for these numbers aborts the process.
    """
    length = struct.unpack("<i4x", _last(source, 8))[0]
    footer = _Thrift(_last(source, 8 + length)[:length]).struct()
    columns = Counter[int]()
    for group in footer[GROUPS]:
        for number, chunk in enumerate(group[COLUMNS]):
            columns[number] += max(0, chunk[COLUMN][VALUES])
    return int(max(footer[ROWS], *columns.values(), 0))


def _last(source: Any, count: int) -> bytes:
    """The last bytes of a file, which is read from its beginning again afterwards."""
    size = source.seek(0, 2)
    if not 8 <= count <= size:
        raise ValueError("it has no footer")
    check("settings", count, "the footer of a Parquet table")
    source.seek(size - count)
    content = bytes(source.read(count))
    source.seek(0)
    return content


class _Thrift:
    """Thrift's compact protocol, in which footers are written; any error may come of damage."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def struct(self) -> dict[int, Any]:
        """Values by the numbers of their fields."""
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._whole()
            kind = head & 15
            fields[number] = kind == TRUE if kind in (TRUE, FALSE) else self._value(kind)
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (TRUE, FALSE, BYTE):
            return self._byte()
        if kind in WHOLE:
            return self._whole()
        if kind in (DOUBLE, TEXT):
            return self._skip(8 if kind == DOUBLE else self._varint())
        if kind in LISTS:
            head = self._byte()
            count = head >> 4 if head >> 4 < 15 else self._varint()
            return [self._value(head & 15) for _ in range(count)]
        if kind == STRUCT:
            return self.struct()
        raise ValueError(f"its footer has a value of the unknown kind {kind}")

    def _byte(self) -> int:
        self.at += 1
        return self.content[self.at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
            if shift > 63:
                raise ValueError("its footer has a number of more than 64 bits")
        return value | byte << shift

    def _whole(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _skip(self, count: int) -> None:
        self.at += count


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
