"""Which files of a folder are images, everywhere the same."""

import pytest

from refmask import ImageError
from refmask.batch import storage
from refmask.errors import RefmaskWarning
from refmask.ops import finding
from refmask.search import images as index

MAC = ("._b.png", ".hidden.png", ".DS_Store")


def of_index(where):
    files, _ = index.find([where])
    return [file.given for file in files]


@pytest.fixture(params=[finding.find_images, of_index, storage.find_images])
def find(request):
    """Names that one of the three finders gives; the index and batches look below folders, too."""
    return lambda where: [str(name).rpartition("/")[2] for name in request.param(str(where))]


def made(folder, *names):
    for name in names:
        (folder / name).touch()
    return folder


def test_a_folder(tmp_path, find):
    made(tmp_path, "b.png", "a.JPG", "c.jfif", "notes.txt", *MAC)
    assert find(tmp_path) == ["a.JPG", "b.png", "c.jfif"]


def test_a_glob(tmp_path, find):
    made(tmp_path, "b.png", "a.jpg", *MAC)
    assert find(f"{tmp_path}/*.png") == ["b.png"]
    assert find(f"{tmp_path}/*b.png") == ["b.png"]
    with pytest.raises(ImageError, match="there are no images in"):
        find(f"{tmp_path}/*.gif")


def test_images_that_cannot_be_read_are_told(tmp_path, find, monkeypatch):
    monkeypatch.setattr(finding, "has_heif", lambda: False)
    made(tmp_path, "a.png", "b.heic", "c.NEF", "d.svg", "e.pdf", "._f.heic", "g.txt")
    with pytest.warns(
        RefmaskWarning, match=r"skipped 4 image\(s\) .*b\.heic, .*c\.NEF, .*refmask\[h"
    ):
        assert find(tmp_path) == ["a.png"]


def test_nothing_but_such(tmp_path, find, monkeypatch):
    monkeypatch.setattr(finding, "has_heif", lambda: False)
    made(tmp_path, "b.heic")
    with (
        pytest.warns(RefmaskWarning, match="skipped 1 image"),
        pytest.raises(ImageError, match="there are no images in"),
    ):
        find(tmp_path)


@pytest.mark.parametrize("url", ["https://example.org/a.png", "http://example.org/a?b=1&c=*"])
def test_urls(url):
    for finder in (finding.find_images, of_index):
        with pytest.raises(ImageError, match=r"^URLs are not supported, got http"):
            finder(url)


def test_one_file_needs_no_ending(tmp_path):
    made(tmp_path, "plain")
    assert finding.find_images(str(tmp_path / "plain")) == [tmp_path / "plain"]
    assert finding.find_images("no/such.png")[0].name == "such.png"
