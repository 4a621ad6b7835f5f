"""Folders that are no index, or damaged: one clear sentence."""

import json
import shutil
import sys

import pytest

from refmask.errors import ConfigurationError, MissingResource
from refmask.search import Collection, Index
from refmask.search.folder import MARKER, translate_errors


def refused(folder):
    with pytest.raises(ConfigurationError) as caught:
        Collection(folder).images()
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 500
    return message


def test_no_index_at_all(tmp_path):
    assert "refmask index add" in refused(tmp_path / "absent")
    (tmp_path / "file").write_text("")
    assert "refmask index add" in refused(tmp_path / "file")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "damaged"),
        ("{}", "damaged"),
        ("[1]", "damaged"),
        ("[" * 100_000, "damaged"),
        ('{"format": 1, "dim": 3}', "damaged"),
        ('{"format": 1, "dim": 3, "alpha": 1, "configuration": {}, "folders": 3}', "damaged"),
        *(
            (json.dumps({"format": 1, "configuration": {}, "folders": [], "removed": []} | told), w)
            for told, w in [
                ({"dim": 3, "alpha": float("nan")}, "damaged"),
                ({"dim": 3, "alpha": 7}, "damaged"),
                ({"dim": -1, "alpha": 1}, "damaged"),
                ({"dim": 3, "alpha": 1, "trained": -5}, "damaged"),
            ]
        ),
        ('{"format": 99}', "format 99"),
    ],
)
def test_a_damaged_marker(copied, content, message):
    (copied / MARKER).write_text(content)
    assert message in refused(copied)


@pytest.mark.parametrize("table", ["pictures", "regions"])
def test_a_table_is_missing(copied, table):
    shutil.rmtree(copied / f"{table}.lance")
    assert "create the index again" in refused(copied)


def test_damaged_files(copied, make_segmenter):
    for file in copied.rglob("*.lance"):
        if file.is_file():
            file.write_bytes(b"\xff" * 50)
    index = Index.open(copied, make_segmenter(rows=4))
    with pytest.raises(ConfigurationError, match="create the index again"):
        index.search("red car")


def test_a_folder_of_other_files(tmp_path, make_segmenter):
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "letter.txt").write_text("dear")
    with pytest.raises(ConfigurationError, match="not empty and no index"):
        Index.open(tmp_path / "index", make_segmenter(), create=True)


def test_a_killed_creation_is_done_again(copied, make_segmenter):
    (copied / MARKER).unlink()
    refused(copied)
    index = Index.open(copied, make_segmenter(), create=True)
    assert index.collection.images() == []
    assert json.loads((copied / MARKER).read_text())["format"] == 1


@pytest.mark.parametrize(
    ("raised", "message"),
    [
        (
            "lance error: LanceError(IO): Generic LocalFileSystem error: Unable to write: No space "
            "left on device (os error 28), /root/.cargo/registry/src/index-1/a-0.1/src/io.rs:12:3",
            "no space is left on the disk; free some, and run it again",
        ),
        (
            "lance error: Not found: x, /build/rust/lance-io/src/local.rs:133:31",
            "lance error: Not found: x; check the disk, or create the index again",
        ),
    ],
)
def test_errors_of_the_library_lose_its_source_lines(tmp_path, raised, message):
    with (
        pytest.raises(ConfigurationError, match=f"the index {tmp_path} cannot be used: {message}$"),
        translate_errors(tmp_path),
    ):
        raise OSError(raised)


def test_without_the_library(copied, monkeypatch):
    monkeypatch.setitem(sys.modules, "lancedb", None)
    with pytest.raises(MissingResource, match=r'pip install "refmask\[index\]"'):
        Collection(copied)
