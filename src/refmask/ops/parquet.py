"""Parquet tables from outside: bounded, and with our errors only. Needs pyarrow."""

from __future__ import annotations

from collections.abc import Collection
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

    batches, size = [], 0
    try:
        file = ParquetFile(source)
        fields = [one for one in file.schema_arrow if columns is None or one.name in columns]
        for batch in file.iter_batches(BATCH, columns=[one.name for one in fields]):
            size += batch.nbytes
            check("file", size, f"rows of {where}")
            batches.append(batch)
        table = pyarrow.Table.from_batches(batches, None if batches else pyarrow.schema(fields))
        table.validate(full=True)  # of texts: that they are UTF-8
        return table
    except (pyarrow.ArrowException, *BROKEN) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"expected a Parquet table in {where}, it cannot be read ({in_short(error)}); make it "
            "again"
        ) from None


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
