"""Pictures with their regions, looked at in another process."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator, Sequence

from refmask.errors import InputError
from refmask.search.images import File
from refmask.search.rows import Entry, Picture, picture_rows

#: Looks at files, and gives an entry for each in their order, or why there is none.
Elsewhere = Callable[[Sequence[File]], Generator[Entry | InputError, None, None]]


def encode(entry: Entry) -> bytes:
    """An entry as Arrow's streams: the picture's row, then those of its regions."""
    import pyarrow as pa

    sink = io.BytesIO()
    for table in (picture_rows([entry.picture]), entry.rows):
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    return sink.getvalue()


def decode(content: bytes) -> Entry:
    """What ``encode`` gave."""
    import pyarrow as pa

    source = pa.BufferReader(content)
    picture, rows = (pa.ipc.open_stream(source).read_all() for _ in range(2))
    return Entry(Picture(**picture.to_pylist()[0]), rows)
