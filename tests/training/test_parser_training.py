"""What the embedded parser is trained on: converted treebank sentences and made fragments."""

import pytest

import fragments
import trees


@pytest.fixture(scope="module")
def modules():
    """The training programs' modules; they are no package and are not installed."""
    return fragments, trees


def arcs(sentence):
    """(word, label, word it hangs on) of each token."""
    rows = zip(sentence.words, sentence.deps, sentence.heads, strict=True)
    return [(word, dep, sentence.words[head]) for word, dep, head in rows]


def test_prepositions_head_their_nouns(modules):
    found = modules[1].convert(
        ["man", "on", "the", "left"], [-1, 3, 3, 0], ["root", "case", "det", "nmod"],
        ["NOUN", "ADP", "DET", "NOUN"],
    )  # fmt: skip
    assert arcs(found) == [
        ("man", "ROOT", "man"),
        ("on", "prep", "man"),
        ("the", "det", "left"),
        ("left", "pobj", "on"),
    ]


def test_copulas_head_their_clauses(modules):
    found = modules[1].convert(
        ["it", "is", "n't", "a", "dog"], [4, 4, 4, 4, -1],
        ["nsubj", "cop", "advmod", "det", "root"], ["PRON", "AUX", "PART", "DET", "NOUN"],
    )  # fmt: skip
    assert arcs(found) == [
        ("it", "nsubj", "is"),
        ("is", "ROOT", "is"),
        ("n't", "neg", "is"),
        ("a", "det", "dog"),
        ("dog", "attr", "is"),
    ]


def test_a_predicate_place_hangs_on_the_copula(modules):
    found = modules[1].convert(
        ["he", "is", "at", "home"], [3, 3, 3, -1], ["nsubj", "cop", "case", "root"],
        ["PRON", "AUX", "ADP", "NOUN"],
    )  # fmt: skip
    assert arcs(found)[1:] == [("is", "ROOT", "is"), ("at", "prep", "is"), ("home", "pobj", "at")]


def test_the_last_name_heads_and_agents_are_named(modules):
    found = modules[1].convert(
        ["seen", "by", "Ann", "Lee"], [-1, 2, 0, 2], ["root", "case", "obl:agent", "flat"],
        ["VERB", "ADP", "PROPN", "PROPN"],
    )  # fmt: skip
    assert arcs(found)[1:] == [("by", "agent", "seen"), ("Ann", "compound", "Lee"),
                               ("Lee", "pobj", "by")]  # fmt: skip


def test_fragments_are_trees_and_the_same_for_the_same_seed(modules):
    grammar, again = modules[0].Grammar(3), modules[0].Grammar(3)
    for _ in range(500):
        sentence = grammar.fragment()
        assert sentence == again.fragment()
        count = len(sentence.words)
        assert count == len(sentence.heads) == len(sentence.deps) == len(sentence.pos)
        for token in range(count):
            steps = 0
            while sentence.heads[token] != token:
                token, steps = sentence.heads[token], steps + 1
                assert steps <= count
            assert sentence.deps[token] == "ROOT"


def test_fragments_stand_in_the_tokens_that_spacy_makes(modules):
    import spacy

    tokenizer = spacy.blank("en").tokenizer
    grammar = modules[0].Grammar(4)
    made = [grammar.fragment().words for _ in range(300)]
    kept = sum([t.text for t in tokenizer(" ".join(words))] == words for words in made)
    assert kept >= 0.97 * len(made)
