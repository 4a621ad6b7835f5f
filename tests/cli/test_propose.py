"""``refmask propose``, from the outside."""

import json

import numpy as np
import pytest
from PIL import Image

from refmask.cache.masks import MaskCache
from refmask.cli import main
from refmask.data.scenes import IMAGES, SHIPPED, read_scenes
from refmask.metrics import best_iou
from refmask.proposals import load_proposer
from refmask.settings import choose


@pytest.fixture
def images(tmp_path):
    """A folder of two small images with something in them."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, colour in (("a", (220, 60, 40)), ("b", (60, 200, 90))):
        image = np.full((60, 90, 3), (40, 90, 160), np.uint8)
        image[10:40, 20:50] = colour
        Image.fromarray(image).save(folder / f"{name}.png")
    return folder


def propose(*words):
    return main(["propose", *map(str, words)])


def test_a_file_holds_what_was_proposed(images, tmp_path, capsys):
    out = tmp_path / "proposals.npz"
    assert propose(images / "a.png", "--proposals", "grouping", "--out", out) == 0
    assert f"-> {out}" in capsys.readouterr().out
    ours = load_proposer("grouping").propose(np.array(Image.open(images / "a.png")))
    with np.load(out) as arrays:
        count, height, width = arrays["masks_shape"]
        bits = np.unpackbits(arrays["masks_packed"], axis=1, count=height * width)
        assert np.array_equal(bits.reshape(count, height, width), ours.masks)
        assert np.array_equal(arrays["scores"], ours.quality)
        assert np.array_equal(arrays["boxes"], ours.boxes)
    again = load_proposer(f"masks:{out}").propose(np.zeros((60, 90, 3), np.uint8))
    assert np.array_equal(again.masks, ours.masks)
    assert np.array_equal(again.quality, ours.quality)


def test_refinement_is_applied_when_asked(images, tmp_path):
    out = tmp_path / "one.npz"
    assert propose(images / "a.png", "--out", out, "--limit", 1, "--max-area", 0.5) == 0
    with np.load(out) as arrays:
        assert arrays["masks_shape"].tolist() == [1, 60, 90]


def test_one_file_each_and_drawings(images, tmp_path):
    out, drawn = tmp_path / "{stem}.npz", tmp_path / "drawn"
    assert propose(images, "--out", out, "--draw", drawn) == 0
    assert {path.name for path in tmp_path.glob("*.npz")} == {"a.npz", "b.npz"}
    image = np.array(Image.open(drawn / "a.proposals.png"))
    assert image.shape == (60, 90, 3)
    assert (image != np.array(Image.open(images / "a.png"))).any()


def test_images_of_one_name_do_not_overwrite_each_other(images, tmp_path):
    Image.open(images / "a.png").save(images / "a.jpg")
    assert propose(images, "--out", tmp_path / "{stem}.npz", "--draw", tmp_path) == 0
    assert {path.name for path in tmp_path.glob("*.npz")} == {"a.npz", "a-2.npz", "b.npz"}
    assert len(list(tmp_path.glob("*.png"))) == 3


def test_the_first_images_only(images, tmp_path):
    assert propose(images, "--out", tmp_path / "{stem}.npz", "--first", 1) == 0
    assert [path.name for path in tmp_path.glob("*.npz")] == ["a.npz"]


def test_a_folder_is_kept_once_and_read_by_later_commands(images, tmp_path, monkeypatch, capsys):
    store = tmp_path / "store"
    same = ["--proposals", "grouping"]
    assert propose(images, "--out", store, *same) == 0
    (settings,) = MaskCache(store).configurations()
    assert settings["proposer"] == "grouping"
    monkeypatch.setattr("refmask.proposals.grouping.Grouping.propose", None)
    out = tmp_path / "a.npz"
    assert propose(images / "a.png", "--proposals", f"store:{store}", "--out", out) == 0
    assert propose(images / "a.png", "--store", store, "--out", out, *same) == 0
    folder = tmp_path / "answers"
    words = ["segment", str(images), "red", "--model", "embedded", "--store", str(store)]
    assert main([*words, "--out", str(folder)]) == 0
    assert len(list(folder.rglob("*.json"))) == 2
    capsys.readouterr()
    other = tmp_path / "other.png"
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(other)
    assert propose(other, "--proposals", f"store:{store}", "--out", out) == 2
    assert f"--store {store}" in capsys.readouterr().err


def test_what_is_not_named_is_what_a_system_would_take(images, tmp_path, monkeypatch):
    for name in (None, "grouping:limit=2"):
        if name is not None:
            monkeypatch.setenv("REFMASK_PROPOSALS", name)
        assert propose(images, "--out", tmp_path / f"store {name}", "--first", 1) == 0
        (settings,) = MaskCache(tmp_path / f"store {name}").configurations()
        assert settings["proposer"] == choose().proposals.partition(":")[0]
        assert (settings.get("limit") == 2) == (name is not None)


def test_a_bad_image_does_not_stop_the_rest(images, tmp_path, capsys):
    (images / "c.png").write_bytes(b"no image")
    assert propose(images, "--out", tmp_path / "store") == 1
    printed = capsys.readouterr()
    assert "c.png" in printed.err
    assert printed.out.count("masks -> ") == 2


def test_the_report_on_scenes(capsys, monkeypatch, fixed_proposer):
    def propose_quarters(_, image):
        return fixed_proposer.propose(image)

    monkeypatch.setattr("refmask.proposals.grouping.Grouping.propose", propose_quarters)
    assert propose("scenes", "--report", "--json") == 0
    (figures,) = json.loads(capsys.readouterr().out).values()
    assert figures["images"] == 48
    assert figures["masks_per_image"] == 4
    best = [
        best_iou(fixed_proposer.propose(sample.image).masks, np.stack([query.target]))
        for sample in read_scenes()
        for query in {id(query.target): query for query in sample.queries}.values()
    ]
    assert figures["things"] == len(best)
    assert figures["mean_best_iou"] == pytest.approx(np.mean(best))
    assert figures["recall_50"] == pytest.approx(np.mean(np.array(best) > 0.5))


def test_the_report_on_a_folder_in_cocos_format(own_coco, tmp_path, capsys):
    # Of the instances in image 5, the first three; of those in image 3, the dogs.
    masks = [(5, (10, 10, 30, 30)), (5, (40, 4, 48, 8)), (5, (50, 4, 52, 6))]
    masks += [(3, (2, 2, 12, 12)), (3, (20, 2, 36, 18))]
    for image in (5, 3, 8):
        boxes = [box for number, box in masks if number == image] or [(0, 39, 80, 40)]
        stack = np.zeros((len(boxes), 40, 80), np.bool_)
        for mask, (left, top, right, bottom) in zip(stack, boxes, strict=True):
            mask[top:bottom, left:right] = True
        np.savez(tmp_path / f"{image}.npz", masks=stack)
    pixels = [np.array(Image.open(own_coco / "images" / f"{n}.png")) for n in (5, 3, 8)]
    store = MaskCache(tmp_path / "store", create=True)
    for image, number in zip(pixels, (5, 3, 8), strict=True):
        proposals = load_proposer(f"masks:{tmp_path / f'{number}.npz'}").propose(image)
        store.put({"proposer": "given"}, image, proposals)
    words = [own_coco, "--report", "--proposals", f"store:{tmp_path / 'store'}"]
    assert propose(*words, "--json") == 0
    (figures,) = json.loads(capsys.readouterr().out).values()
    assert (figures["images"], figures["things"]) == (3, 10)
    assert figures["mean_best_iou"] == pytest.approx(5 / 10)
    assert figures["mean_best_iou_1_percent"] == pytest.approx(4 / 8)
    assert figures["mean_best_iou_small"] == pytest.approx(5 / 10)
    assert figures["mean_best_iou_medium"] is None
    assert propose(*words) == 0
    row = capsys.readouterr().out.splitlines()[4]
    assert "| 0.500 | 0.500 | 0.500 | none | none | 0.500 |" in row


def test_the_report_sorts_things_by_size(tmp_path, capsys):
    masks = np.zeros((3, 120, 120), np.bool_)
    masks[0, :31, :33] = masks[1, :32, 60:92] = masks[2, 24:, 24:] = True
    np.savez(tmp_path / "truth.npz", masks=masks)
    np.savez(tmp_path / "found.npz", masks=masks[1:2])
    Image.fromarray(np.zeros((120, 120, 3), np.uint8)).save(tmp_path / "a.png")
    words = [tmp_path / "a.png", "--report", "--truth", tmp_path / "truth.npz", "--json"]
    assert propose(*words, "--proposals", f"masks:{tmp_path / 'found.npz'}") == 0
    (figures,) = json.loads(capsys.readouterr().out).values()
    shared = (masks[1] & masks[2]).sum()
    union = (masks[1] | masks[2]).sum()
    assert figures["mean_best_iou_small"] == 0
    assert figures["mean_best_iou_medium"] == 1
    assert figures["mean_best_iou_large"] == pytest.approx(shared / union)


def test_the_report_on_images_with_given_truth_sets_proposers_side_by_side(capsys):
    folder = SHIPPED / IMAGES
    image = sorted(folder.iterdir())[0]
    truth = SHIPPED / "scenes" / "instances.json"
    specs = ["--proposals", "grouping", "--proposals", f"masks:{truth}"]
    status = propose(image, "--report", "--truth", truth, *specs[:2])
    table = capsys.readouterr().out
    assert status == 0
    assert "1 images" in table
    assert table.splitlines()[2].startswith(
        "| proposals | mean best IoU | at least 1 % | small | medium | large | recall@0.5 |"
    )
    assert table.splitlines()[4].startswith("| grouping | 0.")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to do; add --out, --draw or --report"),
        (["--report", "--out", "x"], "leave out --out and --draw"),
        (["--out", "x", "--truth", "y"], "--truth needs --report"),
        (["--out", "x", "--store", "y"], "a store itself"),
        (["--out", "x", "--limit", "5"], "a store keeps all masks"),
        (["--out", "x.npz"], "2 images do not fit into one file"),
        (["--out", "x", "--weights", "w"], "have no setting weights"),
        (
            ["--out", "x", "--proposals", "grouping", "--proposals", "sam"],
            "several --proposals need --report",
        ),
        (["--report"], "has no ground truth; add --truth"),
        (["--draw", "x", "--min-area", "2"], "min_area"),
        (["--draw", "x", "--first", "0"], "--first 0 is too small"),
        (["--draw", "x", "--compat", "reference", "--precision", "bf16"], "computes in fp32"),
    ],
)
def test_contradictions_are_told(words, message, images, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    assert propose(images, *words) == 2
    assert message in capsys.readouterr().err
    assert set(tmp_path.rglob("*")) == before
