"""Parquet from outside: a few bytes that stand for much, and footers damaged everywhere."""

import io
import subprocess
import sys

import pyarrow as pa
import pytest
from pyarrow import parquet

from refmask import InputError
from refmask.ops.parquet import read_parquet

TABLE = pa.table({"image": ["a.png"] * 40, "expression": [["the cat", "a dog"]] * 40})


def written(table=TABLE, **settings):
    made = io.BytesIO()
    parquet.write_table(table, made, **settings)
    return made.getvalue()


@pytest.mark.parametrize("settings", [{}, {"row_group_size": 7}, {"version": "1.0"}])
def test_values_are_counted_before_they_are_read(monkeypatch, settings):
    content = written(**settings)
    assert read_parquet(io.BytesIO(content), "a") == TABLE
    assert read_parquet(pa.BufferReader(content), "a") == TABLE
    monkeypatch.setenv("REFMASK_LIMITS", "rows=79")  # of 40 rows, whose lists have 80 texts
    with pytest.raises(InputError, match="a would take 80 rows, at most 79"):
        read_parquet(io.BytesIO(content), "a")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 3, b"\xff" * 99])
def test_what_has_no_footer(content):
    with pytest.raises(InputError, match="a cannot be read as a Parquet table"):
        read_parquet(io.BytesIO(content), "a")


DAMAGE = """
import io, sys
from refmask import InputError
from refmask.ops.parquet import read_parquet
content = sys.stdin.buffer.read()
footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
for place in range(footer, len(content)):
    for change in (1, 16):
        damaged = bytearray(content)
        damaged[place] ^= change
        try:
            read_parquet(io.BytesIO(damaged), "a")
        except InputError:
            pass
"""


def test_a_damaged_footer_never_ends_the_process():
    content = written(TABLE.slice(0, 1), store_schema=False)
    command = [sys.executable, "-c", DAMAGE]
    done = subprocess.run(command, input=content, capture_output=True, check=False)
    assert (done.returncode, done.stderr.decode()) == (0, "")
