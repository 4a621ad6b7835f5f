"""Paths and URIs: found, read and written."""

import os

import pytest

from refmask.batch import storage
from refmask.batch.storage import absolute, find_images, is_folder, read, resolve, write_whole
from refmask.errors import ConfigurationError, ImageError, InputError

NAMES = [
    "0.png",
    "1.png",
    "2.png",
    "3.png",
    "broken.png",
    "more of them/4.png",
    "more of them/5.png",
]


def test_a_folder_gives_all_images_below_it_but_hidden_ones(photos):
    assert find_images(str(photos)) == [f"{photos}/{name}" for name in NAMES]
    assert find_images(f"{photos}/") == find_images(str(photos))


def test_a_glob_and_a_single_image(photos):
    assert find_images(f"{photos}/[01]*") == [f"{photos}/0.png", f"{photos}/1.png"]
    assert find_images(f"{photos}/**/5.*") == [f"{photos}/more of them/5.png"]
    assert find_images(f"{photos}/broken.png") == [f"{photos}/broken.png"]  # reading it raises
    with pytest.raises(ImageError, match=r"nothing does not exist; check the path"):
        find_images(f"{photos}/nothing")


def test_a_uri_names_what_it_finds_by_uris(photos):
    found = find_images(photos.as_uri())
    assert found == [(photos / name).as_uri() for name in NAMES]
    assert read(found[-1]) == (photos / NAMES[-1]).read_bytes()
    assert is_folder(photos.as_uri())
    assert not is_folder(found[0])


def test_folders_and_globs_without_images_are_refused(tmp_path):
    for name in (tmp_path, tmp_path / "*.png", tmp_path.as_uri()):
        with pytest.raises(ImageError, match=r"there are no images in"):
            find_images(str(name))


@pytest.mark.parametrize("uri", ["gopher://host/a.png", "https://host/a.png", "s3://"])
def test_a_uri_that_pyarrow_cannot_open_is_refused(uri):
    with pytest.raises(InputError, match=r"cannot be opened .*; use a path, or a URI of s3"):
        read(uri)


def test_a_password_in_a_uri_is_refused():
    with pytest.raises(InputError, match=r"URI of /a.png holds a password") as caught:
        read("s3://name:secret@bucket/a.png")
    assert "secret" not in str(caught.value)


def test_options_of_a_file_system_stay_in_uris(photos):
    found = find_images(f"{photos.as_uri()}/[01]*")
    assert found == [f"{photos.as_uri()}/0.png", f"{photos.as_uri()}/1.png"]
    assert resolve("s3://bucket/a b?region=x", "c.png") == "s3://bucket/a%20b/c.png?region=x"


def test_unreadable_files_are_refused(photos, monkeypatch):
    with pytest.raises(ImageError, match=r"nothing.png does not exist"):
        read(f"{photos}/nothing.png")
    with pytest.raises(ImageError, match=r"is not an image; check the path"):
        read(str(photos))
    monkeypatch.setenv("REFMASK_LIMITS", "file=10")
    with pytest.raises(ImageError, match=r"0.png would take .* at most 10 are read"):
        read(f"{photos}/0.png")


def test_names_are_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert absolute("a/../b.png") == f"{tmp_path}/b.png"
    assert absolute("s3://bucket/a.png") == "s3://bucket/a.png"
    assert resolve(f"{tmp_path}/in", "../b.png") == f"{tmp_path}/b.png"
    assert resolve("file:///in", "a b.png") == "file:///in/a%20b.png"
    assert resolve("/in", "/b.png") == "/b.png"
    assert resolve("/in", "s3://bucket/b.png") == "s3://bucket/b.png"


@pytest.mark.parametrize("direct", [False, True])
def test_files_are_written_whole(tmp_path, monkeypatch, direct):
    if direct:  # as in an object store
        monkeypatch.setattr(storage, "STORES", ("local",))
        (tmp_path / "out").mkdir()
    for content in (b"one", b"two"):
        write_whole(str(tmp_path / "out"), "file", content)
        assert (tmp_path / "out" / "file").read_bytes() == content
    assert os.listdir(tmp_path / "out") == ["file"]  # noqa: PTH208


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot write .*file/part: .*another folder"):
        write_whole(str(tmp_path / "file"), "part", b"content")


def test_a_failed_write_leaves_nothing(tmp_path):
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "in the way").write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot write"):
        write_whole(str(tmp_path), "part", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["part"]


@pytest.mark.parametrize("where", ["", "/*"])
def test_a_name_that_is_not_utf8_is_one_bad_image_among_others(tmp_path, where):
    for name in (b"a.png", b"b\xe4.png"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"")
    found = find_images(f"{tmp_path}{where}")
    assert found == [f"{tmp_path}/a.png", f"{tmp_path}/b\\udce4.png"]
    assert read(found[0]) == b""
    with pytest.raises(ImageError, match="is not UTF-8; rename it"):
        read(found[1])
