import numpy as np
import pytest

from refmask.metrics import QueryResults


def random_results(seed: int, queries: int = 200, images: int = 40, skill: float = 0.5):
    """Answers of a certain skill; the queries are the same whatever the seed and the skill."""
    same, rng = np.random.default_rng(queries + images), np.random.default_rng(seed)
    union = rng.integers(100, 9000, queries)
    hit = rng.random(queries) < skill
    known = same.random(queries) < 0.8
    return QueryResults(
        image=same.integers(0, images, queries).astype(np.str_),
        intersection=np.where(hit, union * rng.uniform(0.5, 1, queries), 0).astype(int),
        union=union,
        best_intersection=union * 9 // 10,
        best_union=union,
        right_class=np.where(known, hit | (rng.random(queries) < 0.3), np.nan),
        right_instance=np.where(known, hit, np.nan),
        chance=np.where(known, rng.random(queries), np.nan),
        words=same.integers(1, 16, queries),
        kind=same.choice(["", "colour", "size"], queries),
        proposals=rng.integers(0, 20, queries),
    )


@pytest.fixture(scope="session")
def make_results():
    return random_results
