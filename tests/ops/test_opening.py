"""Formats that are read, and threads that read them."""

import io
import random
import sys
import threading
import time
import types
import warnings

import numpy as np
import pytest
from PIL import Image, ImageFile

from refmask import ImageError, read_image
from refmask.ops import opening
from refmask.ops.finding import find_images

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 40


@pytest.fixture
def png():
    file = io.BytesIO()
    Image.fromarray(np.full((4, 5, 3), 9, np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def fresh_formats(monkeypatch):
    """What Pillow knows is asked anew, before and after."""
    Image.init()
    monkeypatch.setattr(Image, "OPEN", dict(Image.OPEN))
    monkeypatch.setattr(Image, "ID", list(Image.ID))
    opening.formats.cache_clear()
    opening.has_heif.cache_clear()
    yield monkeypatch
    opening.formats.cache_clear()
    opening.has_heif.cache_clear()


@pytest.fixture
def without_heif(fresh_formats):
    fresh_formats.setitem(sys.modules, "pillow_heif", None)


class _Grey(ImageFile.ImageFile):
    """Stands for pillow-heif's reader: any file that begins as HEIC is one grey pixel."""

    format = "HEIF"

    def _open(self):
        self._size, self._mode = (1, 1), "L"
        self.tile = [ImageFile._Tile("raw", (0, 0, 1, 1), 3, "L")]


@pytest.fixture
def with_heif(fresh_formats):
    def register():
        Image.register_open("HEIF", _Grey, lambda head: head[4:12] == b"ftypheic")

    module = types.ModuleType("pillow_heif")
    module.register_heif_opener = register
    module.__spec__ = types.SimpleNamespace(name="pillow_heif")
    fresh_formats.setitem(sys.modules, "pillow_heif", module)


class _Slow(io.BytesIO):
    """A file whose reading gives way to other threads."""

    def read(self, size=-1, /):
        time.sleep(random.random() / 1000)
        return super().read(size)


def test_the_filter_of_warnings_is_left_as_it_was(png):
    before = list(warnings.filters)

    def read():
        for _ in range(10):
            opening.open_image(_Slow(png)).close()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = list(warnings.filters)
    warnings.filters[:] = before
    assert after == before


@pytest.mark.usefixtures("without_heif")
@pytest.mark.parametrize("name", ["a.heic", "a.jpg"])
def test_heic_without_its_reader_is_told_by_what_it_is(tmp_path, name):
    (tmp_path / name).write_bytes(HEIC)
    with pytest.raises(ImageError, match=r'is a HEIC image.*pip install "refmask\[heif\]"'):
        read_image(tmp_path / name)
    with pytest.raises(ImageError, match=r"^the image is a HEIC image"):
        read_image(HEIC)


@pytest.mark.usefixtures("with_heif")
def test_heic_is_read_where_its_reader_is(tmp_path):
    (tmp_path / "a.HEIC").write_bytes(HEIC)
    assert find_images(str(tmp_path)) == [tmp_path / "a.HEIC"]
    assert read_image(tmp_path / "a.HEIC").shape == (1, 1, 3)
