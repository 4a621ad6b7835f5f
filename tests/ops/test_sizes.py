import pytest

from refmask.ops.pixels import edges


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((480, 640), (800, 1067)),
        ((427, 640), (800, 1199)),
        ((300, 720), (555, 1333)),
        ((720, 300), (1333, 555)),
        ((500, 500), (800, 800)),
        ((1, 1), (800, 800)),
        ((1, 50_000), (1, 1333)),
    ],
)
def test_the_shorter_side_is_reached_unless_the_longer_would_exceed_its_limit(before, after):
    assert edges(*before, 800, 1333) == after
