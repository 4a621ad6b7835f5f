from threading import Thread

import pytest
import torch

from refmask.clip.row_cache import RowCache, apart

KEYS = [bytes([number]) for number in range(10)]


class Squares:
    """Rows of 8 bytes, 9 with their key; remembers for which keys they were computed."""

    def __init__(self):
        self.asked = []

    def of(self, cache, *numbers):
        def compute(places):
            self.asked.append([numbers[place] for place in places])
            return torch.tensor([[numbers[place] ** 2.0] * 2 for place in places])

        return cache.rows([KEYS[number] for number in numbers], compute)[:, 0].tolist()


def test_rows_are_computed_once():
    squares, cache = Squares(), RowCache()
    assert squares.of(cache, 3, 1, 3) == [9, 1, 9]
    assert squares.of(cache, 1, 2) == [1, 4]
    assert squares.of(cache, 2, 3) == [4, 9]
    assert [sorted(keys) for keys in squares.asked] == [[1, 3], [2]]


def test_the_ones_longest_not_asked_for_go_first():
    squares, cache = Squares(), RowCache(limit=3 * 9)
    squares.of(cache, 0, 1, 2)
    squares.of(cache, 0, 3)  # 1 goes
    squares.asked.clear()
    assert squares.of(cache, 0, 2, 3) == [0, 4, 9]
    assert squares.asked == []
    assert squares.of(cache, 1) == [1]
    assert squares.asked == [[1]]


def test_more_than_fits_is_answered_and_not_kept():
    squares, cache = Squares(), RowCache(limit=2 * 9)
    assert squares.of(cache, *range(10)) == [number**2 for number in range(10)]
    squares.asked.clear()
    squares.of(cache, 8, 9)
    assert squares.asked == []
    squares.of(cache, 0)
    assert squares.asked == [[0]]


def test_calls_apart_take_nothing_from_each_other():
    squares, cache = Squares(), RowCache()
    squares.of(cache, 1, 2)
    others = []
    with apart():
        assert squares.of(cache, 2, 3, 2) == [4, 9, 4]
        assert squares.of(cache, 3) == [9]
        thread = Thread(target=lambda: others.append(squares.of(cache, 1)))  # another's calls
        thread.start()
        thread.join()
    assert squares.of(cache, 2, 3) == [4, 9]
    assert [sorted(keys) for keys in squares.asked] == [[1, 2], [2, 3], [3], [3]]
    assert others == [[1]]


def test_a_kept_row_holds_no_others():
    cache = RowCache()
    cache.rows(KEYS, lambda places: torch.zeros(len(places), 1000))
    assert all(row.untyped_storage().nbytes() == 4000 for row in cache._rows.values())


def test_a_failure_leaves_nothing_behind():
    squares, cache = Squares(), RowCache()

    def fail(_):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        cache.rows(KEYS[:2], fail)
    assert squares.of(cache, 0, 1) == [0, 1]
