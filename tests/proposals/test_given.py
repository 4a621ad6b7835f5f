import json
import tracemalloc
import warnings
import zipfile

import numpy as np
import pytest
from PIL import Image

from refmask.errors import ConfigurationError, MaskError, RefmaskWarning
from refmask.proposals import load_proposer
from refmask.proposals.given import GivenMasks
from refmask.types import MaskProposals

HEIGHT, WIDTH = 6, 9
IMAGE = np.zeros((HEIGHT, WIDTH, 3), np.uint8)


def some_masks():
    return np.random.default_rng(1).random((3, HEIGHT, WIDTH)) < 0.5


def propose(path, stem=None):
    return load_proposer(f"masks:{path}", stem).propose(IMAGE)


def refused(path, says, stem=None):
    """The error is a MaskError of one line that says what is wrong."""
    with pytest.raises(MaskError, match=says) as caught:
        propose(path, stem)
    assert "\n" not in str(caught.value)


def save_png(path, mask, mode="L"):
    Image.fromarray((mask * 255).astype(np.uint8)).convert(mode).save(path)


# A folder of PNG files.


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16"])
def test_a_folder_gives_its_pngs_in_the_order_of_their_names(tmp_path, mode):
    masks = some_masks()
    for name, mask in zip(("b.png", "a.PNG", "c.png"), masks, strict=True):
        save_png(tmp_path / name, mask, mode)
    (tmp_path / "notes.txt").write_text("not a mask")
    np.testing.assert_array_equal(propose(tmp_path).masks, masks[[1, 0, 2]])


def test_transparent_pixels_are_outside(tmp_path):
    pixels = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    pixels[..., 3] = some_masks()[0] * 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(propose(tmp_path).masks, some_masks()[:1])


def test_a_mask_of_another_size_is_refused_with_both_sizes(tmp_path):
    save_png(tmp_path / "a.png", np.ones((4, 5)))
    refused(tmp_path, r"5x4 pixels, but the image is 9x6")


def test_masks_of_different_sizes_are_refused(tmp_path):
    save_png(tmp_path / "a.png", np.ones((HEIGHT, WIDTH)))
    save_png(tmp_path / "b.png", np.ones((4, 5)))
    refused(tmp_path, r"b\.png' is 5x4 pixels, but 'a\.png' beside it is 9x6")


def test_an_archive_posing_as_an_image_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.png", "w") as archive:
        archive.writestr("mask.txt", "0")
    refused(tmp_path, r"cannot read the mask .*a\.png' as a PNG")


def test_a_truncated_png_is_refused(tmp_path):
    save_png(tmp_path / "a.png", some_masks()[0])
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) - 30])
    refused(tmp_path, "cannot read the mask")


def test_a_folder_without_pngs_and_a_missing_path_are_refused(tmp_path):
    refused(tmp_path, "holds no PNG")
    refused(tmp_path / "absent", "there is no such file")
    (tmp_path / "masks.txt").write_text("")
    refused(tmp_path / "masks.txt", "unknown kind")


def test_masks_without_a_pixel_are_left_out_and_none_may_be_left(tmp_path):
    masks = some_masks()
    masks[1] = False
    np.savez(tmp_path / "some.npz", masks=masks, quality=np.array([3, 2, 1]))
    found = propose(tmp_path / "some.npz")
    np.testing.assert_array_equal(found.masks, masks[[0, 2]])
    assert found.quality.tolist() == [3, 1]
    save_png(tmp_path / "a.png", np.zeros((HEIGHT, WIDTH)))
    assert propose(tmp_path).masks.shape == (0, HEIGHT, WIDTH)


# An .npz file.


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64])
def test_npz_masks_are_read(tmp_path, dtype):
    np.savez(tmp_path / "m.npz", masks=some_masks().astype(dtype) * dtype(1))
    np.testing.assert_array_equal(propose(tmp_path / "m.npz").masks, some_masks())


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.float32, np.float16])
def test_one_channel_and_floats_of_0_and_1_are_taken(tmp_path, dtype):
    np.savez(tmp_path / "m.npz", masks=some_masks()[:, None].astype(dtype))
    np.testing.assert_array_equal(propose(tmp_path / "m.npz").masks, some_masks())


def test_packed_npz_masks_are_read(tmp_path):
    packed = np.packbits(some_masks().reshape(3, -1), axis=1)
    np.savez(tmp_path / "m.npz", masks_packed=packed, masks_shape=(3, HEIGHT, WIDTH))
    np.testing.assert_array_equal(propose(tmp_path / "m.npz").masks, some_masks())


def test_scores_are_quality_where_there_is_none(tmp_path):
    scores, quality = np.array([0.5, 0.75, 0.25]), np.array([1, 2, 3])
    np.savez(tmp_path / "m.npz", masks=some_masks(), scores=scores)
    assert propose(tmp_path / "m.npz").quality.tolist() == scores.tolist()
    np.savez(tmp_path / "m.npz", masks=some_masks(), scores=scores, quality=quality)
    assert propose(tmp_path / "m.npz").quality.tolist() == quality.tolist()


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"pictures": np.zeros(3)}, "holds pictures; name its array 'masks'"),
        ({"masks": np.full((2, HEIGHT, WIDTH), np.nan)}, "are float64 with values other"),
        ({"masks": np.array([{"pickled": 1}])}, "not an intact .npz file"),
        ({"masks": np.ones((HEIGHT, WIDTH), np.bool_)}, r"shape \(6, 9\); give \(N, H, W\)"),
        ({"masks": np.full((2, HEIGHT, WIDTH), 0.5)}, "are float64 with values other"),
        ({"masks": np.ones((2, 3, HEIGHT, WIDTH), np.bool_)}, r"shape \(2, 3, 6, 9\)"),
        ({"masks": np.ones((2, 0, WIDTH), np.bool_)}, "at least 1x1"),
        ({"masks": np.ones((2, 5, 4), np.bool_)}, "4x5 pixels, but the image is 9x6"),
        ({"masks": some_masks(), "quality": np.ones(2)}, "must be 3 finite numbers"),
        ({"masks": some_masks(), "quality": np.full(3, np.nan)}, "must be 3 finite numbers"),
        ({"masks": some_masks(), "scores": np.ones(2)}, "scores of .* must be 3 finite numbers"),
        ({"masks_packed": np.ones((3, 2), np.uint8), "masks_shape": (3, 6, 9)}, r"\(3, 7\)"),
        ({"masks_packed": np.ones((3, 7), np.uint8), "masks_shape": (3, -6, 9)}, "whole numbers"),
    ],
)
def test_unfit_arrays_are_refused(tmp_path, arrays, says):
    np.savez(tmp_path / "m.npz", **arrays)
    refused(tmp_path / "m.npz", says)


@pytest.mark.parametrize("content", [b"", b"no archive at all", b"PK\x03\x04 cut short"])
def test_a_damaged_npz_is_refused(tmp_path, content):
    (tmp_path / "m.npz").write_bytes(content)
    refused(tmp_path / "m.npz", "not an intact .npz file")


def test_a_bare_array_posing_as_npz_is_refused(tmp_path):
    np.save(tmp_path / "m.npy", some_masks())
    (tmp_path / "m.npy").rename(tmp_path / "m.npz")
    refused(tmp_path / "m.npz", "not an intact .npz file")


def test_headers_alone_refuse_what_does_not_fit(tmp_path, monkeypatch):
    """Too many masks, or masks of another size, are refused before their bytes are read."""
    np.savez(tmp_path / "size.npz", masks=np.ones((2, 5, 4), np.uint8))
    np.savez(tmp_path / "many.npz", masks=some_masks())
    packed = np.packbits(some_masks().reshape(3, -1), axis=1)
    np.savez(tmp_path / "packed.npz", masks_packed=packed, masks_shape=(3, HEIGHT, WIDTH))
    monkeypatch.setattr("zipfile.ZipExtFile.readinto", lambda *_: pytest.fail("bytes are read"))
    refused(tmp_path / "size.npz", "4x5 pixels, but the image is 9x6")
    monkeypatch.setenv("REFMASK_LIMITS", "masks=2")
    refused(tmp_path / "many.npz", r"would take 3 masks, at most 2 .* REFMASK_LIMITS=masks=3")
    monkeypatch.undo()
    monkeypatch.setenv("REFMASK_LIMITS", "masks=2")
    refused(tmp_path / "packed.npz", "at most 2 are read")


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int8, np.int16, np.float32])
def test_masks_are_in_memory_once(tmp_path, dtype):
    masks = np.ones((8, 400, 500), dtype)
    masks[:, :9] = 0
    np.savez_compressed(tmp_path / "m.npz", masks=masks)
    tracemalloc.start()
    try:
        found = GivenMasks(tmp_path / "m.npz").propose(np.zeros((400, 500, 3), np.uint8))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (found.masks[:, 9:]).all()
    assert not (found.masks[:, :9]).any()
    copies = 1 if masks.dtype.itemsize == 1 else 2.5  # numbers, and what they are compared with
    assert peak < masks.nbytes * copies + 3e6


@pytest.mark.parametrize("form", ["npz", "packed", "folder", "palette", "coco"])
def test_more_masks_than_the_limit_are_refused_in_every_form(tmp_path, monkeypatch, form):
    masks = some_masks()
    if form == "npz":
        np.savez(tmp_path / "m.npz", masks=masks)
    elif form == "packed":
        packed = np.packbits(masks.reshape(3, -1), axis=1)
        np.savez(tmp_path / "m.npz", masks_packed=packed, masks_shape=(3, HEIGHT, WIDTH))
    elif form == "folder":
        for number, mask in enumerate(masks):
            save_png(tmp_path / f"{number}.png", mask)
    elif form == "palette":
        drawn = Image.fromarray(
            (np.arange(HEIGHT * WIDTH) % 4).astype(np.uint8).reshape(HEIGHT, -1)
        )
        drawn.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
        drawn.save(tmp_path / "m.png")
    else:
        (tmp_path / "m.json").write_text(
            json.dumps([{"segmentation": compressed(mask)} for mask in masks])
        )
    path = next(iter(tmp_path.iterdir())) if form != "folder" else tmp_path
    assert len(propose(path)) == 3
    monkeypatch.setenv("REFMASK_LIMITS", "masks=2")
    refused(path, r"would take 3 masks, at most 2 are read")


@pytest.mark.parametrize("quality", [np.inf, -np.inf, np.nan, 1e300, -1e300])
def test_quality_that_32_bits_do_not_hold_is_refused(tmp_path, quality):
    np.savez(tmp_path / "m.npz", masks=some_masks(), quality=np.full(3, quality))
    refused(tmp_path / "m.npz", "finite numbers")
    content = [{"segmentation": compressed(mask), "score": quality} for mask in some_masks()]
    (tmp_path / "m.json").write_text(json.dumps(content))
    refused(tmp_path / "m.json", "finite number")
    with pytest.raises(MaskError, match="finite numbers"):
        MaskProposals(some_masks(), quality=np.full(3, quality))


# A COCO file.


def coco(tmp_path, content):
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(content))
    return path


def runs_of(mask):
    """Uncompressed runs of a mask, column by column, background first."""
    flat = mask.T.ravel()
    starts = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *starts.tolist(), flat.size]).tolist()
    return [0, *runs] if flat[0] else runs


def compressed(mask):
    from pycocotools import mask as tools

    encoded = tools.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


def test_run_lengths_compressed_or_not_are_read(tmp_path):
    masks = some_masks()
    plain = {"size": [HEIGHT, WIDTH], "counts": runs_of(masks[0])}
    content = [
        {"segmentation": plain, "score": 0.5},
        {"segmentation": compressed(masks[1]), "score": 0.25},
        {"segmentation": compressed(masks[2]), "score": 0.75},
    ]
    found = propose(coco(tmp_path, content))
    np.testing.assert_array_equal(found.masks, masks)
    assert found.quality.tolist() == [0.5, 0.25, 0.75]


def test_long_runs_survive_their_compression(tmp_path):
    image = np.zeros((300, 400, 3), np.uint8)
    mask = np.zeros((300, 400), np.bool_)
    mask[20:280, 30:35] = mask[100:110, 300:] = True
    path = coco(tmp_path, [{"segmentation": compressed(mask)}])
    np.testing.assert_array_equal(GivenMasks(path).propose(image).masks[0], mask)


def test_polygons_of_several_parts_are_read_as_the_coco_tools_read_them(tmp_path):
    from pycocotools import mask as tools

    polygons = [[1, 1, 4, 1, 4, 4, 1, 4], [5.5, 0.2, 8.7, 2.1, 6, 5]]
    found = propose(coco(tmp_path, {"annotations": [{"segmentation": polygons}]}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        expected = tools.decode(tools.merge(tools.frPyObjects(polygons, HEIGHT, WIDTH)))
    np.testing.assert_array_equal(found.masks[0], expected > 0)


def two_images(size=(50, 50)):
    square = [[1, 1, 4, 1, 4, 4, 1, 4]]
    strip = [[0, 0, 9, 0, 9, 2, 0, 2]]
    return {
        "images": [
            {"id": 1, "file_name": "x/cat.jpg", "height": size[0], "width": size[1]},
            {"id": 2, "file_name": "dog.jpg", "height": HEIGHT, "width": WIDTH},
        ],
        "annotations": [
            {"image_id": 1, "segmentation": square},
            {"image_id": 2, "segmentation": strip},
        ],
    }


def test_of_several_images_the_named_one_is_taken(tmp_path):
    path = coco(tmp_path, two_images(size=(HEIGHT, WIDTH)))
    assert propose(path, stem="cat").masks.sum() == 9
    assert propose(path, stem="dog").masks.sum() == 18
    refused(path, r"2 images and 0 of them are named 'cow'; it has dog\.jpg, x/cat\.jpg", "cow")


def test_without_a_name_the_size_decides_if_it_can(tmp_path):
    assert propose(coco(tmp_path, two_images())).masks.sum() == 18
    same = coco(tmp_path, two_images(size=(HEIGHT, WIDTH)))
    refused(same, "2 of them are of 9x6")


def test_a_bare_list_is_searched_by_the_number_in_the_name(tmp_path):
    content = [dict(a, image_id=a["image_id"] + 40) for a in two_images()["annotations"]]
    path = coco(tmp_path, content)
    assert propose(path, stem="COCO_val2014_000000000042").masks.sum() == 18
    refused(path, "it has image_id 41, image_id 42")


def test_an_image_without_annotations_has_no_masks(tmp_path):
    content = two_images()
    content["annotations"].pop()
    assert len(propose(coco(tmp_path, content), stem="dog")) == 0
    assert len(propose(coco(tmp_path, []))) == 0


RLE = {"size": [HEIGHT, WIDTH], "counts": [50, 4]}


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        ({"segmentation": [1, 1, 4, 1, 4, 4]}, "no segmentation"),
        ({"segmentation": [[1, 1, 4, 1, float("nan"), 4]]}, "three corners"),
        ({"segmentation": [[1, 1, 4, 1, 1e12, 4]]}, "far outside"),
        ({"segmentation": {**RLE, "size": [5, 4]}}, "is 4x5 pixels, but the image is 9x6"),
        ({"segmentation": {**RLE, "size": None}}, "is None pixels"),
        ({"segmentation": {**RLE, "counts": [50, 5]}}, "damaged runs"),
        ({"segmentation": {**RLE, "counts": [60, -6]}}, "damaged runs"),
        ({"segmentation": {**RLE, "counts": "0"}}, "damaged runs"),
        ({"segmentation": {**RLE, "counts": "zzzzé"}}, "damaged runs"),
        ({"segmentation": {**RLE, "counts": None}}, "damaged runs"),
        ({"segmentation": RLE, "score": float("nan")}, "score nan"),
    ],
)
def test_unfit_annotations_are_refused(tmp_path, annotation, says):
    refused(coco(tmp_path, [annotation]), says)


def test_what_draws_nothing_is_left_out_and_counted(tmp_path):
    square = [1, 1, 4, 1, 4, 4, 1, 4]
    content = [
        {"segmentation": [square, [1, 1, 8, 8]]},
        {"segmentation": [[1, 1, 4, 1]]},
        {"segmentation": None},
        {"segmentation": []},
        {"bbox": [1, 2, 3, 4]},
        {"segmentation": RLE, "iscrowd": 1},
    ]
    with pytest.warns(RefmaskWarning, match=r"left out 4 of 5 annotations of .*coco\.json"):
        found = propose(coco(tmp_path, content))
    assert found.masks.sum(axis=(1, 2)).tolist() == [9]


def test_crowds_are_no_proposals(tmp_path):
    crowd = {"segmentation": RLE, "iscrowd": 1}
    assert len(propose(coco(tmp_path, [crowd, {"segmentation": RLE, "iscrowd": 0}]))) == 1


@pytest.mark.parametrize("name", ["x\\cafe\u0301 1.jpg", "x/caf%C3%A9%201.jpg", "caf\u00e9 1.png"])
def test_an_image_is_found_however_its_name_is_spelt(tmp_path, name):
    content = two_images(size=(HEIGHT, WIDTH))
    content["images"][0]["file_name"] = name
    path = coco(tmp_path, content)
    for stem in ("caf\u00e9 1", "cafe\u0301 1", "caf%C3%A9 1"):
        assert propose(path, stem=stem).masks.sum() == 9


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_marks_of_an_encoding_are_passed_over(tmp_path, encoding):
    path = tmp_path / "m.json"
    path.write_text(json.dumps([{"segmentation": RLE}]), encoding=encoding)
    assert len(propose(path)) == 1


@pytest.mark.parametrize("text", ["", "{", '"masks"', "[1, 2]", '{"annotations": 3}', "[" * 100000])
def test_what_is_not_coco_is_refused(tmp_path, text):
    (tmp_path / "m.json").write_text(text)
    refused(tmp_path / "m.json", "m.json")


# The path's {stem}.


def test_the_stem_of_the_image_stands_in_the_path(tmp_path):
    (tmp_path / "cat").mkdir()
    save_png(tmp_path / "cat" / "a.png", some_masks()[0])
    found = load_proposer(f"masks:{tmp_path}/{{stem}}", stem="cat").propose(IMAGE)
    np.testing.assert_array_equal(found.masks, some_masks()[:1])


def test_a_path_with_stem_needs_one():
    with pytest.raises(ConfigurationError, match="need the image's name"):
        load_proposer("masks:x/{stem}.npz")
