import numpy as np
import pytest

from refmask.errors import ConfigurationError, InputError
from refmask.metrics import QueryResults, by_kind, by_length

ROW = {
    "image": "a",
    "intersection": 1,
    "union": 2,
    "best_intersection": 2,
    "best_union": 2,
    "words": 3,
    "proposals": 4,
}


def test_what_a_row_does_not_tell_is_unknown():
    results = QueryResults.of([ROW, {**ROW, "right_class": None, "kind": None}])
    assert np.isnan(results.right_class).all()
    assert np.isnan(results.right_instance).all()
    assert results.kind.tolist() == ["", ""]
    assert results.union.dtype == np.int64


def test_a_row_without_a_column_is_refused():
    with pytest.raises(InputError, match="row 1 has no 'union'"):
        QueryResults.of([ROW, {name: value for name, value in ROW.items() if name != "union"}])


def test_a_column_of_another_type_is_refused():
    with pytest.raises(InputError, match="union takes int64 values"):
        QueryResults.of([{**ROW, "union": "many"}])


def test_columns_of_uneven_length_are_refused(make_results):
    columns = vars(make_results(0))
    with pytest.raises(InputError, match="one length"):
        QueryResults(**{**columns, "words": columns["words"][:-1]})


def test_parts_put_together_again_are_the_whole(make_results):
    results = make_results(0)
    first = np.arange(len(results)) < 70
    again = QueryResults.concatenate([results[first], results[~first], results[:0]])
    for name, column in vars(results).items():
        np.testing.assert_array_equal(getattr(again, name), column)
    assert len(QueryResults.concatenate([])) == 0


def test_images_with_longer_names_keep_them():
    both = QueryResults.concatenate(
        [QueryResults.of([ROW]), QueryResults.of([{**ROW, "image": "longer"}])]
    )
    assert both.image.tolist() == ["a", "longer"]


def test_kinds_are_apart_and_unknown_ones_nowhere():
    rows = [{**ROW, "kind": kind, "words": n} for n, kind in enumerate(["size", "", "place"], 1)]
    rows.append({**ROW, "kind": "size", "words": 4})
    groups = by_kind(QueryResults.of(rows))
    assert {kind: group.words.tolist() for kind, group in groups.items()} == {
        "size": [1, 4],
        "place": [3],
    }
    assert list(groups) == ["size", "place"]


def test_lengths_fall_into_groups_with_both_ends():
    results = QueryResults.of([{**ROW, "words": words} for words in range(1, 15)])
    groups = {name: group.words.tolist() for name, group in by_length(results).items()}
    assert groups == {
        "1-5": [1, 2, 3, 4, 5],
        "6-7": [6, 7],
        "8-10": [8, 9, 10],
        "11-": [11, 12, 13, 14],
    }
    assert list(by_length(results[:2])) == ["1-5"]
    assert list(by_length(results, [2])) == ["1-2", "3-"]
    assert list(by_length(results, [])) == ["1-"]
    assert by_length(results[:0]) == by_kind(results[:0]) == {}


@pytest.mark.parametrize("edges", [(5, 5), (7, 5), (0, 4)])
def test_edges_that_do_not_ascend_are_refused(edges):
    with pytest.raises(ConfigurationError, match="ascending"):
        by_length(QueryResults.of([ROW]), edges)
