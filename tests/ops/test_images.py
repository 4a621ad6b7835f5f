"""Images as people have them."""

import io
import os
import random
import warnings
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from refmask import ImageError, read_image
from refmask.ops.images import decode_image
from refmask.ops.opening import FORMATS

RED, BLUE = (220, 30, 40), (20, 40, 230)


@pytest.fixture(scope="module")
def image():
    """Red on the left, blue on the right; taller than wide."""
    pixels = np.zeros((30, 20, 3), np.uint8)
    pixels[:, :10], pixels[:, 10:] = RED, BLUE
    return pixels


def file_of(image, form="PNG"):
    content = io.BytesIO()
    Image.fromarray(image).save(content, form)
    return content.getvalue()


def near(ours, theirs, tolerance=0):
    assert ours.dtype == np.uint8
    assert ours.shape == theirs.shape
    assert np.abs(ours.astype(int) - theirs).max() <= tolerance


def test_paths_pil_images_and_arrays_are_the_same(image, tmp_path):
    Image.fromarray(image).save(tmp_path / "a.png")
    for given in (tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(image), image):
        near(read_image(given), image)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(image, tmp_path, orientation):
    turned = {
        1: image,
        2: image[:, ::-1],
        3: image[::-1, ::-1],
        4: image[::-1],
        5: image.transpose(1, 0, 2),
        6: np.rot90(image),
        7: image.transpose(1, 0, 2)[::-1, ::-1],
        8: np.rot90(image, 3),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(turned)).save(tmp_path / "a.png", exif=exif)
    near(read_image(tmp_path / "a.png"), image)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr", "HSV"])
def test_modes(image, mode, tmp_path):
    image = Image.fromarray(image).convert(mode)
    suffix = {"CMYK": ".tif", "YCbCr": ".jpg"}.get(mode, ".png")
    if mode != "HSV":
        exact = {"quality": 100, "subsampling": 0} if suffix == ".jpg" else {}
        image.save(tmp_path / f"a{suffix}", **exact)
        near(read_image(tmp_path / f"a{suffix}"), np.array(image.convert("RGB")), 4)
    near(read_image(image), np.array(image.convert("RGB")))


def test_cmyk_jpeg(image, tmp_path):
    Image.fromarray(image).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    near(read_image(tmp_path / "a.jpg")[:, :8], image[:, :8], 12)


def test_transparent_pixels_are_white(image):
    rgba = np.dstack([image, np.full((30, 20), 255, np.uint8)])
    rgba[:15, :, 3] = 0
    for given in (rgba, Image.fromarray(rgba), Image.fromarray(rgba).convert("LA")):
        assert (read_image(given)[:15] == 255).all()
    near(read_image(rgba)[15:], image[15:])
    palette = Image.fromarray(image).quantize(2, dither=Image.Dither.NONE)
    palette.info["transparency"] = palette.getpixel((0, 0))
    assert (read_image(palette)[:, :10] == 255).all()


def test_sixteen_bits(tmp_path):
    ramp = np.linspace(0, 65535, 600).reshape(20, 30).astype(np.uint16)
    expected = np.repeat(np.round(ramp / 257).astype(np.uint8)[..., None], 3, axis=2)
    for suffix in ("png", "tif", "pgm"):
        Image.fromarray(ramp).save(tmp_path / f"a.{suffix}")
        near(read_image(tmp_path / f"a.{suffix}"), expected, 1)
    near(read_image(ramp), expected, 1)
    near(read_image(Image.fromarray(ramp.astype(np.int32))), expected, 1)


def test_arrays_of_other_types(image):
    near(read_image(image / 255), image)
    near(read_image((image / 255).astype(np.float32)), image)
    near(read_image(image[..., 0] > 100)[:, :10], np.full((30, 10, 3), 255))
    near(read_image(image[..., :1]), np.repeat(image[..., :1], 3, axis=2))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 30, 20)), "move channels to the last axis"),
        (np.zeros((0, 20, 3), np.uint8), "at least 1x1"),
        (np.full((4, 4), np.nan), "from 0 to 1"),
        (np.full((4, 4), 7.0), "from 0 to 1"),
        (np.zeros((4, 4), np.int64), "uint8, uint16, bool or float"),
        (np.zeros((10_000, 5_001), np.bool_), "50010000 pixels"),
    ],
)
def test_arrays_that_are_no_image(array, message):
    with pytest.raises(ImageError, match=message):
        read_image(array)


def test_files_that_are_no_image(image, tmp_path):
    Image.fromarray(image).resize((200, 300)).save(tmp_path / "cut.jpg")
    whole = (tmp_path / "cut.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with zipfile.ZipFile(tmp_path / "archive.png", "w") as archive:
        archive.writestr("a.png", b"x")
    (tmp_path / "empty.png").touch()
    (tmp_path / "program.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    for name, message in [
        ("absent.png", "there is no such file"),
        (".", "is a folder"),
        ("cut.jpg", "damaged or cut short"),
        ("archive.png", "is no image that refmask can read"),
        ("empty.png", "is no image that refmask can read"),
        ("program.eps", "is no image that refmask can read"),
    ]:
        with pytest.raises(ImageError, match=message):
            read_image(tmp_path / name)


def test_an_image_too_large(tmp_path):
    Image.new("1", (12_000, 9_000)).save(tmp_path / "large.png")
    with pytest.raises(ImageError, match=r"12000x9000.* 108000000 pixels.* 50000000 .*pixels=108"):
        read_image(tmp_path / "large.png")


def test_a_decoder_may_raise_anything(image, tmp_path):
    Image.fromarray(image).save(tmp_path / "a.avif")
    content = (tmp_path / "a.avif").read_bytes()
    told = set()
    for place in range(0, len(content), 7):
        damaged = content[:place] + b"\xff" * 7 + content[place + 7 :]
        try:
            decode_image(damaged)
        except ImageError as error:
            told.add(str(error))
    assert any("damaged or cut short" in line for line in told)


@pytest.mark.parametrize("form", FORMATS)
def test_what_begins_as_an_image_is_damaged_whatever_its_decoder_says(image, form):
    content = file_of(image, form)
    for rest in (b"", b"\xff" * 99):
        with pytest.raises(ImageError, match=r"^a.bin is damaged or cut short.*; fetch it again$"):
            decode_image(content[:20] + rest, "a.bin")


def test_files_in_memory(image, tmp_path):
    Image.fromarray(image).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    near(decode_image(content), image)
    near(decode_image(content, most=600), image)
    with pytest.raises(ImageError, match=r"b.png has 20x30 .* up to 0.000599"):
        decode_image(content, "b.png", most=599)
    with pytest.raises(ImageError, match=r"^the file is damaged or cut short"):
        decode_image(content[:-30])
    for nothing in (b"", b"none"):
        with pytest.raises(ImageError, match="the file is no image that refmask can read"):
            decode_image(nothing)


def test_bytes_files_and_tensors(image, tmp_path):
    content = file_of(image)
    (tmp_path / "a.png").write_bytes(content)
    with (tmp_path / "a.png").open("rb") as opened:
        for given in (content, bytearray(content), io.BytesIO(content), opened):
            near(read_image(given), image)
    tensor = torch.tensor(image)
    for given in (tensor, tensor.permute(2, 0, 1), tensor.permute(2, 0, 1) / 255):
        near(read_image(given), image)
    near(read_image(tensor[None, ..., 0]), np.repeat(image[..., :1], 3, axis=2))
    near(read_image((tensor / 255).requires_grad_()), image)


def test_what_else_is_given_is_told_what_is_taken(image, tmp_path):
    (tmp_path / "a.txt").write_text("text")
    with (tmp_path / "a.txt").open() as text:
        for given, message in [
            (text, "a.txt is open as text"),
            (7, "from int; give a path, a file's bytes"),
            (None, "from NoneType; give"),
            ([image], "from list; give"),
            (torch.zeros(2, 3, 30, 20), r"got \(2, 3, 30, 20\)"),
            ("https://example.org/a.png", "URLs are not supported, got https://example.org/a.png"),
            (tmp_path.__class__("https://example.org/a.png"), "URLs are not supported"),
            ("data:image/png;base64,iVBORw0KGgo=", "URLs are not supported"),
        ]:
            with pytest.raises(ImageError, match=message):
                read_image(given)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about damaged tags
@pytest.mark.parametrize("kind", [*FORMATS, "MPO"])
def test_damaged_files_of_any_kind_fail_with_our_error_only(image, kind):
    whole = io.BytesIO()
    Image.fromarray(image).save(whole, kind)
    content, chosen = whole.getvalue(), random.Random(kind)
    told = []
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(chosen.randint(1, 8)):
            damaged[chosen.randrange(len(damaged))] = chosen.randrange(256)
        try:
            decode_image(bytes(damaged[: chosen.choice((None, chosen.randrange(len(damaged))))]))
        except ImageError as error:
            told.append(str(error))
    assert told
    assert not any("\n" in line for line in told)


def test_a_pipe_is_no_image(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match=r"pipe.png: it is a device or a pipe"):
        read_image(tmp_path / "pipe.png")


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
def test_tensors_of_any_float_are_read(kind):
    assert (read_image(torch.ones(3, 8, 9, dtype=kind)) == 255).all()


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", ["u2", "f4"])
def test_arrays_in_any_byte_order_are_read(order, kind):
    most = 65535 if kind == "u2" else 1
    assert (read_image(np.full((8, 9), most, order + kind)) == 255).all()


def closed():
    file = io.BytesIO(b"")
    file.close()
    return file


def quantised(*given):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on its age
        return torch.quantize_per_tensor(*given)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (quantised(torch.ones(3, 8, 9), 0.1, 0, torch.quint8), "quint8"),
        (torch.ones(3, 8, 9).to_sparse(), "sparse"),
        (torch.ones(3, 8, 9, device="meta"), "meta"),
        (torch.ones(3, 8, 9, dtype=torch.complex64), "complex64"),
        (np.full((8, 9), np.nan), "got NaN"),
        (closed(), "cannot be read"),
    ],
)
def test_what_holds_no_image_is_refused_in_a_line(given, says):
    with pytest.raises(ImageError, match=says):
        read_image(given)
