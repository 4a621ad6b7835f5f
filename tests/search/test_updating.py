"""``update``: changes of images on disk."""

import shutil

import pytest
from PIL import Image

from refmask.search import Index


@pytest.fixture
def index(tmp_path, segmenter, photos):
    made = Index.open(tmp_path / "index", segmenter, create=True)
    made.add([photos])
    return made


def names(index):
    return sorted(image.path.rpartition("/")[2] for image in index.collection.images())


def test_nothing_has_changed(index, blind):
    blind()
    assert index.update() == {"kept": 6}


def test_new_changed_moved_and_deleted_images(index, photos):
    (photos / "p0.png").unlink()
    (photos / "p1.png").rename(photos / "sea, 50% o'clock" / "q1.png")
    Image.open(photos / "p2.png").rotate(180).save(photos / "p2.png")
    Image.open(photos / "p3.png").rotate(180).save(photos / "new.png")
    assert index.update() == {"kept": 3, "removed": 1, "moved": 1, "changed": 1, "added": 1}
    assert names(index) == ["new.png", "p2.png", "p3.png", "p4.png", "p5.png", "q1.png"]
    assert index.collection.stats().regions == 24


def test_a_folder_below_is_deleted(index, photos):
    shutil.rmtree(photos / "sea, 50% o'clock")
    assert index.update() == {"kept": 4, "removed": 2}


def test_a_missing_folder_keeps_its_images(index, photos):
    photos.rename(photos.with_name("unplugged"))
    outcomes = []
    counts = index.update(lambda outcome, _: outcomes.append(outcome))
    assert counts == {"failed": 1}
    assert "bring it back" in outcomes[0].error
    assert len(names(index)) == 6
    assert index.collection.remove_places([photos]) == 6
    assert index.update() == {}


def test_a_moved_folder_that_was_added_again_is_forgotten(index, photos):
    shutil.copy(photos / "p1.png", photos.with_name("copy.png"))
    index.add([photos.with_name("copy.png")])
    moved = photos.rename(photos.with_name("moved"))
    assert index.add([moved]) == {"moved": 6}
    assert index.update() == {"kept": 7}
    assert index.collection.stats().folders == (str(moved),)
    assert len(names(index)) == 7


def test_a_file_that_was_added_alone(tmp_path, segmenter, photos):
    index = Index.open(tmp_path / "index", segmenter, create=True)
    index.add([photos / "p0.png", f"{photos}/p[12].png"])
    assert index.update() == {"kept": 3}
    (photos / "p0.png").unlink()
    assert index.update() == {"kept": 2, "removed": 1}


def test_removing(index, photos):
    assert index.collection.remove_places([photos / "p0.png", photos / "p"]) == 1
    assert index.collection.remove_places([photos / "sea, 50% o'clock"]) == 2
    assert index.collection.remove_places([photos / "sea, 50% o'clock"]) == 0
    assert names(index) == ["p1.png", "p2.png", "p3.png"]
    assert index.collection.stats().regions == 12
    assert index.update() == {"kept": 3}
    assert index.add([photos / "p0.png"]) == {"added": 1}
    assert index.update() == {"kept": 4}
    assert index.add([photos]) == {"kept": 4, "added": 2}
