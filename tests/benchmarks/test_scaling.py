"""The fit that tells how cost grows."""

import numpy as np
import pytest
import scaling
import tables


@pytest.mark.parametrize(("constant", "exponent"), [(0.0, 1.0), (0.3, 1.0), (0.1, 0.5), (0.2, 2.0)])
def test_growth(constant, exponent):
    sizes = [10, 25, 50, 100, 200, 400]
    seconds = [constant + 0.01 * size**exponent for size in sizes]
    found = scaling.growth(sizes, seconds)
    assert found["exponent"] == pytest.approx(exponent, abs=0.02)
    assert found["constant"] == pytest.approx(constant, abs=0.02)
    fitted = [found["constant"] + found["slope"] * size ** found["exponent"] for size in sizes]
    assert np.allclose(fitted, seconds, rtol=0.01)
    assert (found["steepest"] > 1.05) == (exponent > 1)


def test_what_is_drawn(tmp_path):
    sizes, flat = [10, 20, 40], {"least": 0.9, "median": 1.0, "most": 1.2}
    told = {"name": "masks", "sizes": sizes, "seconds": [flat] * 3}
    told |= scaling.growth(sizes, [1.0] * 3)
    scaling.draw([told, told], tmp_path / "scaling.png")
    assert (tmp_path / "scaling.png").read_bytes()[1:4] == b"PNG"
    assert "| masks | 10: 1.00 s (0.90 to 1.20) | 40:" in tables.scaling({"axes": [told]})
