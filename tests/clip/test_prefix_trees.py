"""Texts as trees of their beginnings."""

import random

import torch

from refmask.clip.kernels.text import prefix_trees


def spelled(tree):
    """The tokens of each node's path from the root."""
    paths = []
    for token, parent in zip(tree.ids, tree.parents, strict=True):
        paths.append((paths[parent] if parent >= 0 else []) + [token])
    return paths


def test_what_texts_begin_with_is_there_once():
    (tree,) = prefix_trees([[7, 1, 2, 9], [7, 1, 9], [8], [7, 1, 2, 9]], most=100)
    paths = spelled(tree)
    assert sorted(paths) == [[7], [7, 1], [7, 1, 2], [7, 1, 2, 9], [7, 1, 9], [8]]
    assert [paths[end] for end in tree.ends] == [[7, 1, 2, 9], [7, 1, 2, 9], [7, 1, 9], [8]]
    assert tree.texts == [0, 3, 1, 2]
    assert tree.places == [len(path) - 1 for path in paths]
    sight = tree.sight()
    for node, path in enumerate(paths):
        seen = [paths[other] for other in sight[node].nonzero()[:, 0].tolist()]
        assert seen == [path[:length] for length in range(1, len(path) + 1)]


def test_every_text_is_in_one_tree_of_its_size():
    draw = random.Random(0)
    texts = [[draw.randrange(3) for _ in range(draw.randrange(1, 9))] for _ in range(300)]
    texts.append([5] * 40)  # longer than a tree
    trees = list(prefix_trees(texts, most=30))
    assert sorted(text for tree in trees for text in tree.texts) == list(range(len(texts)))
    for tree in trees:
        paths = spelled(tree)
        assert [paths[end] for end in tree.ends] == [texts[text] for text in tree.texts]
        assert len({tuple(path) for path in paths}) == len(paths)
        assert len(paths) <= 30 or tree.texts == [300]
        assert tree.sight().equal(
            torch.tensor([[other == one[: len(other)] for other in paths] for one in paths])
        )


def test_no_texts_no_trees():
    assert list(prefix_trees([], most=10)) == []
