"""Pickles are read as data: REFER's own, written by Python 2, and none that could run something."""

from __future__ import annotations

import collections
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

from refmask.data.files import loads_plain
from refmask.data.refs import parse_refs
from refmask.errors import InputError

PLAIN = [{"a": 1, "b": [2.5, None, True, ("x", b"y")], "c": {"d": "\u00e9"}, "e": 1 << 40}]


def python2(value: object) -> bytes:
    """A pickle as Python 2 writes it: ``str`` as bytes, ``long`` apart from ``int``."""
    return b"\x80\x02" + _python2(value) + b"."


def _python2(value: object) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, dict):
        return b"}(" + b"".join(_python2(k) + _python2(v) for k, v in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(_python2, value)) + b"e"
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, str):
        if value.startswith("u:"):
            text = value[2:].encode()
            return b"X" + struct.pack("<i", len(text)) + text
        text = value.encode("latin1")
        return b"U" + bytes([len(text)]) + text
    assert isinstance(value, int)
    if value < 1 << 31:
        return b"J" + struct.pack("<i", value)
    digits = value.to_bytes((value.bit_length() // 8) + 1, "little", signed=True)
    return b"\x8a" + bytes([len(digits)]) + digits


class Touch:
    """Writes a file when it is unpickled by an ordinary unpickler."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_is_read(protocol):
    # Old protocols spell bytes as a call, which no file of refs holds.
    value = PLAIN if protocol >= 3 else [{"a": 1, "b": [2.5, None, True, ("x",)], "e": 1 << 40}]
    assert loads_plain(pickle.dumps(value, protocol), Path("x.p")) == value


def test_pickles_of_python_2_are_read():
    record = {
        "ref_id": 3,
        "ann_id": 1 << 40,
        "image_id": 5,
        "category_id": 1,
        "split": "testA",
        "sentences": [{"sent_id": 1, "raw": "caf\u00e9", "sent": "u:caf\u00e9 \u2603"}],
    }
    (ref,) = parse_refs(python2([record]), Path("refs(unc).p"))
    assert ref.annotations == (1 << 40,)
    assert ref.sentences[0].text == "caf\u00e9"
    record["sentences"][0]["raw"] = None
    (ref,) = parse_refs(python2([record]), Path("refs(unc).p"))
    assert ref.sentences[0].text == "caf\u00e9 \u2603"


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_is_run(tmp_path, protocol):
    made = tmp_path / "made"
    content = pickle.dumps([Touch(made)], protocol)
    with pytest.raises(InputError, match="open is not plain data") as caught:
        loads_plain(content, Path("x.p"))
    assert "\n" not in str(caught.value)
    assert not made.exists()
    pickle.loads(content)[0].close()  # noqa: S301 - it does run where it may
    assert made.exists()


@pytest.mark.parametrize(
    "value",
    [np.float32(1), np.zeros(2), collections.OrderedDict(a=1), Path("x"), len, InputError],
    ids=["scalar", "array", "ordered", "path", "function", "class"],
)
def test_whatever_has_a_class_is_refused(value):
    with pytest.raises(InputError, match="is not plain data"):
        loads_plain(pickle.dumps(value), Path("x.p"))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x02",
        b"not a pickle",
        python2(PLAIN[:0])[:-1],
        b"\x80\x02]}b.",
        b"\x82\x01.",
        b"(iposix\nsystem\n.",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"S'unfinished\n.",
        b"Pname\n.",
        b"\x80\x63.",
    ],
)
def test_damage_is_told_in_one_line(content):
    with pytest.raises(InputError, match=r"x\.p is not a pickle of plain .*: ") as caught:
        loads_plain(content, Path("x.p"))
    assert "\n" not in str(caught.value)
