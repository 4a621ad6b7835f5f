"""YOLO data, read by supervision."""

import dataclasses
import os

import numpy as np
import pytest
import supervision
from PIL import Image

from refmask import ConfigurationError, InputError
from refmask.export import export
from refmask.export.collection import Options
from refmask.ops import rle


def read(folder):
    return supervision.DetectionDataset.from_yolo(
        str(folder / "images"), str(folder / "labels"), str(folder / "data.yaml")
    )


def test_supervision_reads_masks_and_names(answers, masks, tmp_path):
    folder = tmp_path / "yolo"
    export("yolo", answers, folder)
    data = read(folder)
    assert data.classes == [answers[n].expression for n in (0, 1, 3)]
    found = data.annotations[str(folder / "images" / "a.png")]
    assert found.class_id.tolist() == [0, 1, 2]
    for mask, made in zip(found.mask, masks.values(), strict=True):
        # OpenCV also fills the pixels that a line touches, so holes and gaps shrink by one.
        assert (mask & made).sum() / (mask | made).sum() > 0.75
    assert len(data.annotations[str(folder / "images" / "a-2.png")]) == 0


def test_comments_say_where_answers_come_from(answers, origin, tmp_path):
    strange = dataclasses.replace(origin, model="two\nlines")
    answers = [*answers, dataclasses.replace(answers[0], provenance=strange)]
    export("yolo", answers, tmp_path / "yolo")
    lines = (tmp_path / "yolo" / "data.yaml").read_text().splitlines()
    assert lines[0] == f"# {origin}"
    assert lines[1].startswith("# refmask 0.1.0 (emoji model: ")
    assert "model two lines " in lines[1]
    assert lines[2] == "# unsure: labels/a.txt line 3: confidence 30%, UNSURE"
    assert lines[3] == "train: images"


def test_a_line_redraws_holes_and_parts(answers, masks, tmp_path):
    export("yolo", answers, tmp_path / "yolo")
    lines = (tmp_path / "yolo" / "labels" / "a.txt").read_text().splitlines()
    for line, mask in zip(lines, masks.values(), strict=True):
        corners = np.array(line.split()[1:], float).reshape(-1, 2) * (80, 60)
        drawn = rle.from_polygons([corners.ravel().tolist()], 60, 80)
        assert (drawn & mask).sum() / (drawn | mask).sum() > 0.95


def test_images_are_linked_or_copied(answers, tmp_path):
    export("yolo", answers, tmp_path / "linked")
    export("yolo", answers, tmp_path / "copied", Options(copy_images=True))
    images = [tmp_path / name / "images" / "a-2.png" for name in ("linked", "copied")]
    assert [image.is_symlink() for image in images] == [True, False]
    assert np.array(Image.open(images[0])).shape == (60, 80, 3)
    assert images[0].read_bytes() == images[1].read_bytes()
    assert os.path.realpath(images[0]) == str(tmp_path / "photos" / "sub" / "a.png")


def test_overwriting_a_link_leaves_the_image_alone(answers, tmp_path):
    export("yolo", answers, tmp_path / "out")
    before = (tmp_path / "photos" / "a.png").read_bytes()
    export("yolo", answers, tmp_path / "out", Options(copy_images=True, overwrite=True))
    assert not (tmp_path / "out" / "images" / "a.png").is_symlink()
    assert (tmp_path / "photos" / "a.png").read_bytes() == before


def test_a_missing_image(answers, tmp_path):
    (tmp_path / "photos" / "a.png").unlink()
    with pytest.raises(InputError, match=r"the image .*a\.png is missing or cannot be read"):
        export("yolo", answers, tmp_path / "out")


@pytest.mark.parametrize("copy", [False, True])
def test_a_file_that_is_no_image_is_refused(answers, tmp_path, copy):
    (tmp_path / "photos" / "a.png").write_text("root:x:0:0")
    with pytest.raises(InputError, match=r"a\.png is not an image"):
        export("yolo", answers, tmp_path / "out", Options(copy_images=copy))


def test_a_disk_without_links(answers, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("pathlib.Path.symlink_to", fail)
    with pytest.raises(ConfigurationError, match="not permitted; add `copy_images`"):
        export("yolo", answers, tmp_path / "out")


def test_names_with_a_meaning_in_yaml(answers, tmp_path):
    import yaml

    names = (
        "yes",
        "a: b # c",
        '"quoted"',
        "back\\slash",
        "two\nlines",
        "左の犬 🐕",
        "\x85\x7f",
    )
    export(
        "yolo",
        [dataclasses.replace(answers[0], expression=name) for name in names],
        tmp_path / "out",
    )
    data = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())
    assert data["names"] == dict(enumerate(names))
