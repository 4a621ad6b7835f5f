"""More than eight bits, and floats of any range, are never read as black."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from refmask import ImageError, read_image
from refmask.errors import RefmaskWarning

RAMP = np.linspace(0, 1, 20 * 30).reshape(20, 30)


def grey(values):
    return np.repeat(np.round(values).astype(np.uint8)[..., None], 3, axis=2)


def chunk(kind, content):
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def png_of_16_bits(pixels):
    """Colours of 16 bits, which Pillow does not write."""
    height, width, channels = pixels.shape
    kind = {2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)),
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        ]
    )


@pytest.mark.parametrize("top", [255, 1023, 4095, 16383])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_of_fewer_bits_than_its_file_has(tmp_path, top, suffix):
    file = tmp_path / f"scan.{suffix}"
    Image.fromarray((RAMP * top).astype(np.uint16)).save(file)
    with pytest.warns(RefmaskWarning, match=f"scan.{suffix} holds .* {top} as white"):
        found = read_image(file)
    assert np.abs(found.astype(int) - grey(RAMP * 255)).max() <= 1


def test_arrays_of_twelve_bits():
    with pytest.warns(RefmaskWarning, match="the array holds values from 0 to 4095"):
        assert read_image((RAMP * 4095).astype(np.uint16)).max() == 255


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_of_fewer_bits_keep_the_lower_byte(channels):
    pixels = np.linspace(0, 4095, 20 * 30 * channels).reshape(20, 30, channels).astype(np.uint16)
    if channels == 4:
        pixels[..., 3] = 65535
    with pytest.warns(RefmaskWarning, match="4095 as white"):
        found = read_image(png_of_16_bits(pixels))
    expected = pixels[..., :3] * (255 / 4095)
    assert np.abs(found - expected).max() <= 1


def test_grey_and_alpha_of_fewer_bits_are_not_black():
    pixels = np.dstack([RAMP * 4095, np.full(RAMP.shape, 65535)]).astype(np.uint16)
    with pytest.warns(RefmaskWarning, match="as white"):
        assert read_image(png_of_16_bits(pixels)).max() > 230


def test_colours_of_all_bits_are_as_pillow_reads_them():
    pixels = np.linspace(0, 65535, 20 * 30 * 3).reshape(20, 30, 3).astype(np.uint16)
    np.testing.assert_array_equal(read_image(png_of_16_bits(pixels)), pixels >> 8)


@pytest.mark.parametrize(
    ("values", "bottom", "top"),
    [
        (RAMP * 1.5, 0, 1.5),
        (RAMP * 30 + 280, 280, 310),
        (RAMP - 0.5, -0.5, 0.5),
        (np.round(RAMP * 250), 0, 255),
        (np.round(RAMP * 4000), 0, 4095),
        (RAMP * 1e30, 0, 1e30),
    ],
)
def test_floats_are_scaled_by_what_they_hold(tmp_path, values, bottom, top):
    Image.fromarray(values.astype(np.float32)).save(tmp_path / "a.tif")
    with pytest.warns(RefmaskWarning, match="is read as black"):
        found = read_image(tmp_path / "a.tif")
    expected = grey((values - bottom) / (top - bottom) * 255)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_floats_from_0_to_1_are_not_stretched(tmp_path):
    Image.fromarray((RAMP / 2).astype(np.float32)).save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif").max() == 128


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_names_its_file(tmp_path, wrong):
    values = RAMP.astype(np.float32)
    values[3, 4] = wrong
    Image.fromarray(values).save(tmp_path / "depth.tif")
    with pytest.raises(ImageError, match=r"depth.tif holds NaN or infinity"):
        read_image(tmp_path / "depth.tif")


def test_a_black_image_stays_black():
    file = io.BytesIO()
    Image.fromarray(np.zeros((5, 6), np.uint16)).save(file, "PNG")
    assert read_image(file.getvalue()).max() == 0
