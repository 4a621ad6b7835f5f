"""Samples, drawn."""

from __future__ import annotations

import numpy as np

from refmask.types import MaskProposals, Query, Sample
from refmask.visualize.samples import draw_sample


def sample(*said: str, instances: MaskProposals | None = None) -> Sample:
    masks = np.zeros((2, 80, 100), np.bool_)
    masks[0, 10:40, 10:40] = masks[1, 50:70, 50:90] = True
    queries = tuple(Query(str(n), text, masks[n % 2]) for n, text in enumerate(said))
    return Sample("1", np.full((80, 100, 3), 128, np.uint8), queries, instances)


def colours(drawing):
    return {tuple(pixel) for pixel in drawing.reshape(-1, 3)}


def test_targets_are_outlined_and_what_is_inside_keeps_its_colour():
    drawing = draw_sample(sample("the first", "the second", "again the first"), {})
    assert drawing.shape[1] == 640
    scale = 6.4
    for y, x in ((25, 25), (60, 70), (5, 90)):
        assert drawing[round(y * scale), round(x * scale)].tolist() == [128] * 3
    edge = drawing[round(10 * scale), round(25 * scale)]
    other = drawing[round(50 * scale), round(70 * scale)]
    assert not np.array_equal(edge, other)
    assert {tuple(edge), tuple(other)} <= colours(drawing[540:])  # beside the expressions


def test_every_expression_gets_a_row_and_long_ones_more():
    heights = [
        draw_sample(sample(*said), {}).shape[0]
        for said in (("one",), ("one", "two"), ("one", "word " * 60))
    ]
    assert heights[0] < heights[1] < heights[2]


def test_without_expressions_the_things_are_drawn_and_named():
    masks = np.zeros((1, 80, 100), np.bool_)
    masks[0, 10:40, 10:40] = True
    things = MaskProposals(masks, details={"category": np.array([7])})
    named, numbered = (draw_sample(sample(instances=things), names) for names in ({7: "cat"}, {}))
    assert not np.array_equal(named[540:], numbered[540:])
    assert len(colours(named[:500])) > 2
    assert len(colours(draw_sample(sample(), {})[:500])) == 1
