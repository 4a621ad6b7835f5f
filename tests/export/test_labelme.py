"""labelme files, read by supervision's reader of them."""

import json

import numpy as np
import pytest
import supervision

from refmask.export import export
from refmask.export.collection import Options


def test_supervision_reads_masks_and_groups_parts(answers, masks, tmp_path):
    folder = tmp_path / "out"
    export("labelme", answers, folder, Options(copy_images=True))
    data = supervision.DetectionDataset.from_labelme(str(folder), str(folder))
    found = data.annotations[str(folder / "a.png")]
    wanted = [answers[n].expression for n in (0, 1, 3)]
    assert [data.classes[n] for n in found.class_id] == wanted
    for mask, made in zip(found.mask, masks.values(), strict=True):
        assert (mask & made).sum() / (mask | made).sum() > 0.75


@pytest.mark.parametrize("copied", [False, True])
def test_the_image_is_where_the_file_says(answers, tmp_path, copied):
    export("labelme", answers, tmp_path / "out", Options(copy_images=copied))
    for stem in ("a", "a-2"):
        page = json.loads((tmp_path / "out" / f"{stem}.json").read_text())
        assert (page["imageHeight"], page["imageWidth"], page["imageData"]) == (60, 80, None)
        assert (tmp_path / "out" / page["imagePath"]).is_file()
        assert copied == ("/" not in page["imagePath"])


def test_unsure_answers_are_flagged(answers, tmp_path):
    export("labelme", answers, tmp_path / "out")
    shapes = json.loads((tmp_path / "out" / "a.json").read_text())["shapes"]
    assert [shape["flags"]["unsure"] for shape in shapes] == [False, False, True, True]
    assert shapes[0]["description"] == "the round thing (confidence 90%; emoji model)"
    assert "(confidence 30%, UNSURE; " in shapes[3]["description"]
    assert [shape["group_id"] for shape in shapes] == [None, None, 2, 2]
    assert all(len(np.array(shape["points"])) >= 4 for shape in shapes)
