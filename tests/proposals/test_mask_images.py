"""PNG files as masks: by what is seen in them, whatever the numbers of a palette."""

import json

import numpy as np
import pytest
from PIL import Image

from refmask.errors import MaskError, RefmaskWarning
from refmask.proposals import load_proposer

HEIGHT, WIDTH = 6, 9
LEFT = np.zeros((HEIGHT, WIDTH), np.bool_)
LEFT[:, :4] = True
VOC = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)]


def propose(path, stem=None):
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    return load_proposer(f"masks:{path}", stem).propose(image).masks


def save(path, numbers, colours, **more):
    image = Image.fromarray(numbers.astype(np.uint8))
    image.putpalette([channel for colour in colours for channel in colour])
    image.save(path, **more)
    with Image.open(path) as saved:
        assert saved.mode == "P"


def test_two_colours_are_told_apart_by_what_is_black(tmp_path):
    save(tmp_path / "a.png", ~LEFT, [(255, 255, 255), (0, 0, 0)])
    save(tmp_path / "b.png", LEFT, [(0, 0, 0), (255, 255, 255)])
    np.testing.assert_array_equal(propose(tmp_path), [LEFT, LEFT])


def test_without_black_the_first_colour_is_the_background_and_told(tmp_path):
    save(tmp_path / "a.png", LEFT, [(255, 255, 255), (255, 0, 0)])
    with pytest.warns(RefmaskWarning, match=r"a\.png' has no black; its first .*255, 255, 255"):
        np.testing.assert_array_equal(propose(tmp_path / "a.png"), [LEFT])


def test_each_colour_of_a_palette_is_an_object(tmp_path):
    numbers = np.zeros((HEIGHT, WIDTH), np.uint8)
    numbers[:2], numbers[2:4, 3:] = 3, 1
    save(tmp_path / "a.png", numbers, VOC)
    np.testing.assert_array_equal(propose(tmp_path), [numbers == 1, numbers == 3])
    np.testing.assert_array_equal(propose(tmp_path / "a.png"), [numbers == 1, numbers == 3])


def test_transparent_colours_are_outside(tmp_path):
    numbers = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 3
    save(tmp_path / "a.png", numbers, VOC[1:], transparency=0)
    np.testing.assert_array_equal(propose(tmp_path / "a.png"), [numbers == 1, numbers == 2])
    save(tmp_path / "a.png", numbers, VOC[1:], transparency=bytes([255, 0, 0]))
    np.testing.assert_array_equal(propose(tmp_path / "a.png"), [numbers == 0])


def test_a_palette_of_greys_is_one_mask(tmp_path):
    numbers = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    save(tmp_path / "a.png", numbers, [(level, level, level) for level in range(256)])
    np.testing.assert_array_equal(propose(tmp_path / "a.png"), [numbers > 0])


def test_of_an_export_the_image_of_the_image_is_read(tmp_path):
    for name, numbers in (("cat", LEFT), ("dog", LEFT * 2 + ~LEFT)):
        save(tmp_path / f"{name}.png", numbers, VOC)
    (tmp_path / "legend.json").write_text(json.dumps([]))
    assert len(propose(tmp_path, "cat")) == 1
    np.testing.assert_array_equal(propose(tmp_path, "dog"), [~LEFT, LEFT])
    for stem, told in (("cow", "none is named 'cow'"), (None, "this image has no name")):
        with pytest.raises(MaskError, match=told):
            propose(tmp_path, stem)
    (tmp_path / "dog.png").unlink()
    assert len(propose(tmp_path)) == 1


def test_files_that_macos_puts_beside_others_are_none(tmp_path):
    save(tmp_path / "a.png", LEFT, VOC)
    (tmp_path / "._a.png").write_bytes(b"\0\5\x16\7")
    np.testing.assert_array_equal(propose(tmp_path), [LEFT])


def test_another_format_under_the_name_of_png(tmp_path):
    Image.fromarray(LEFT.astype(np.uint8) * 255).save(tmp_path / "a.png", "BMP")
    with pytest.raises(MaskError, match="is of the format BMP; save it as PNG"):
        propose(tmp_path / "a.png")
