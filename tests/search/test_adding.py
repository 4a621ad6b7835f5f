"""Adding images: rows written, images kept, files moved or changed."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from refmask.errors import ConfigurationError, ImageError
from refmask.ops import rle
from refmask.search import Collection, Index
from refmask.search.filters import among
from refmask.search.rows import features_of


@pytest.fixture
def index(tmp_path, segmenter):
    return Index.open(tmp_path / "index", segmenter, create=True)


def paths(index):
    return {image.path for image in index.collection.images()}


def count(index):
    return index.collection.stats().regions


def test_rows_hold_masks_and_features(index, photos, segmenter):
    assert index.add([photos]) == {"added": 6}
    image = next(one for one in index.collection.images() if one.path.endswith("p1.png"))
    scene = segmenter.look(photos / "p1.png")
    rows = index.collection.rows(image.path)
    assert (image.width, image.height, image.regions) == (64, 64, 4)
    assert rows.column("number").to_pylist() == [0, 1, 2, 3]
    for row, mask, box in zip(
        rows.to_pylist(), scene.proposals.masks, scene.proposals.boxes, strict=True
    ):
        assert np.array_equal(rle.decode({"size": [64, 64], "counts": row["counts"]}), mask)
        assert row["box"] == box.tolist()
        assert row["area"] == mask.sum()
        assert row["share"] == pytest.approx(mask.mean())
    expected, stored = scene.features, features_of(rows)
    for name in ("global_context", "local_context"):
        assert np.allclose(getattr(stored, name), getattr(expected, name), atol=2e-4)
    vectors = np.array(rows.column("vector").to_pylist(), np.float32)
    wanted = expected.blend(segmenter.method.alpha)
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert np.allclose(vectors, wanted, atol=5e-4)


def test_a_second_add_does_nothing(index, photos, blind):
    index.add([photos])
    blind()
    before = {name: getattr(index.collection, name).version for name in ("_images", "_regions")}
    assert index.add([photos]) == {"kept": 6}
    assert index.add([f"{photos}/*.png", photos / "p0.png"]) == {"kept": 4}
    after = {name: getattr(index.collection, name).version for name in ("_images", "_regions")}
    assert after == before


def test_a_moved_image_keeps_its_rows(index, photos, blind):
    index.add([photos])
    before = index.collection.rows(str(photos / "p0.png")).drop_columns(["path", "date"])
    blind()
    (photos / "p0.png").rename(photos / "renamed.png")
    assert index.add([photos]) == {"kept": 5, "moved": 1}
    assert str(photos / "p0.png") not in paths(index)
    after = index.collection.rows(str(photos / "renamed.png")).drop_columns(["path", "date"])
    assert after.equals(before)
    assert count(index) == 24


def test_a_copy_is_not_encoded(index, photos, blind):
    index.add([photos])
    blind()
    shutil.copy(photos / "p0.png", photos / "copy.png")
    assert index.add([photos]) == {"kept": 6, "added": 1}
    hits = index.search("red car", top=10)
    assert len(hits) == 6
    (both,) = (hit for hit in hits if hit.copies)
    assert {both.path, *both.copies} == {str(photos / "p0.png"), str(photos / "copy.png")}


def test_a_touched_image_is_not_encoded(index, photos, blind):
    index.add([photos])
    blind()
    os.utime(photos / "p0.png", (1, 1))
    assert index.add([photos]) == {"kept": 6}
    (image,) = index.collection.images(among("path", [str(photos / "p0.png")]))
    assert image.modified == 10**9
    assert count(index) == 24


def test_a_changed_image_is_encoded_again(index, photos, segmenter):
    index.add([photos])
    shutil.copy(photos / "p1.png", photos / "p0.png")
    Image.open(photos / "p2.png").rotate(180).save(photos / "p0.png")
    assert index.add([photos]) == {"kept": 5, "changed": 1}
    rows = index.collection.rows(str(photos / "p0.png"))
    expected = segmenter.look(photos / "p0.png").features
    assert np.allclose(features_of(rows).local_context, expected.local_context, atol=2e-4)
    assert count(index) == 24


def test_an_image_without_regions_is_indexed(index, tmp_path, blind):
    Image.new("RGB", (40, 30)).save(tmp_path / "black.png")
    assert index.add([tmp_path / "black.png"]) == {"added": 1}
    blind()
    assert index.add([tmp_path / "black.png"]) == {"kept": 1}
    assert index.search("red car") == []
    assert len(index.scene(str(tmp_path / "black.png")).proposals) == 0


def test_bad_images_are_reported_and_left_out(index, photos):
    (photos / "text.png").write_text("no image")
    (photos / "cut.png").write_bytes((photos / "p0.png").read_bytes()[:200])
    (photos / os.fsdecode(b"\xff\xfe.png")).write_bytes((photos / "p0.png").read_bytes())
    outcomes = []
    counts = index.add([photos, photos / "absent.png"], lambda one, _: outcomes.append(one))
    assert counts == {"added": 6, "failed": 4}
    errors = " ".join(outcome.error for outcome in outcomes)
    for reason in (
        "is no image that refmask can read",
        "cut short",
        "is not UTF-8; rename it",
        "there is no such file",
    ):
        assert reason in errors


def test_nothing_to_add(index, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageError, match="there are no images in"):
        index.add([tmp_path / "empty"])


def test_rows_of_a_killed_writer_are_never_shown(index, photos, monkeypatch):
    monkeypatch.setattr(index.collection._images, "add", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        index.add([photos])
    again = Index(Collection(index.collection.folder), index.segmenter)
    assert count(again) == 24
    assert again.search("red car") == []
    assert again.add([photos]) == {"added": 6}
    assert count(again) == 24
    assert len(again.search("red car")) == 6


def test_an_interrupted_add_resumes(index, photos, monkeypatch):
    monkeypatch.setattr("refmask.search.ingest.BATCH", 2)

    def stop(outcome, _):
        if outcome.path.endswith("p2.png"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index.add([photos], stop)
    assert len(paths(index)) == 4
    assert index.add([photos]) == {"kept": 4, "added": 2}
    assert count(index) == 24


def test_another_system_is_refused(index, photos, make_segmenter):
    folder = index.collection.folder
    index.add([photos])
    with pytest.raises(ConfigurationError, match=r"global\.mask_layers 3 instead of 1"):
        Index.open(folder, make_segmenter(mask_layers=1), create=True)
    with pytest.raises(ConfigurationError, match="weights_sha256"):
        Index.open(folder, make_segmenter(model="tiny_vit16"))
    other = Index.open(folder, make_segmenter(rows=3))
    assert len(other.search("red car")) == 6
    for work in (lambda: other.add([photos]), other.update):
        with pytest.raises(ConfigurationError, match=r"masks with rows 2 instead of 3"):
            work()
    Index.open(folder, make_segmenter(alpha=0.1, beta=0.9), create=True).add([photos])


def test_methods_without_one_vector_per_mask_are_refused(tmp_path, make_segmenter, golden_model):
    from refmask.factory import assemble

    with pytest.raises(ConfigurationError, match="without local_top"):
        Index.open(tmp_path / "index", make_segmenter(local_top=2), create=True)
    made = make_segmenter()
    other = assemble(golden_model("tiny_vit32"), made.proposer, method="region-token")
    with pytest.raises(ConfigurationError, match="RegionToken"):
        Index.open(tmp_path / "index", other, create=True)
    released = assemble(golden_model("tiny_rn"), made.proposer, compat="reference")
    with pytest.raises(ConfigurationError, match="plain product"):
        Index.open(tmp_path / "index", released, create=True)
    assert not (tmp_path / "index").exists()
