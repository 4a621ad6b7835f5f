"""That the benchmark of keeping does its work, not how fast."""

import cases
import keeping

VISION = {"image_size": 224, "layers": 3, "width": 64, "head_width": 32, "patch_size": 32}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
CFG = {"embed_dim": 16, "quick_gelu": True, "vision_cfg": VISION, "text_cfg": TEXT}


def test_every_work_is_done_as_often():
    stored, saved, taken = keeping.measure(cases.Model("tiny", CFG, mask_layers=2), 3, 2)
    assert {len(seconds) for seconds in taken.values()} == {2}
    assert next(iter(taken)) == "looked at"
    assert 2 * 3 * 16 * 4 < stored < 2000
    assert 480 * 640 * 3 < saved < 480 * 640 * 3 + 5000
