"""The table of nouns: words in all their forms, affinities, and the table that ships."""

import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from refmask.classifier.network import CLASSES
from refmask.classifier.words import FILE, SCALE, WordTable, load_words
from refmask.errors import MissingResource

ASSETS = Path(str(files("refmask") / "assets" / "words"))
LOOKS = Path(__file__).parents[2] / "training" / "looks.txt"


def table_of(rows, profiles=(), rare=(), unlisted=(), plurals=(), others=()):
    """A table of 3 classes: word -> {column: value}, in bytes."""
    parts = [sorted(row.items()) for row in rows.values()]
    entries = [entry for part in parts for entry in part]
    lines = [f"{word}\n" for word in rows]
    return WordTable(
        {
            "words": np.frombuffer("".join(lines).encode(), np.uint8),
            "row_ends": np.cumsum([len(part) for part in parts], dtype=np.uint32),
            "columns": np.array([column for column, _ in entries], np.uint16),
            "values": np.array([value for _, value in entries], np.uint8),
            "profiles": np.array(profiles, np.uint8).reshape(-1, 3),
            "things": np.array([word not in others for word in rows]),
            "common": np.array([word not in rare for word in rows]),
            "listed": np.array([word not in {*rare, *unlisted} for word in rows]),
            "plurals": np.frombuffer("".join(f"{p}\n" for p in plurals).encode(), np.uint8),
        }
    )


def known(*words, **flags):
    return table_of({word: {} for word in words}, **flags)


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("Dogs", "dog"),
        ("buses", "bus"),
        ("benches", "bench"),
        ("puppies", "puppy"),
        ("wolves", "wolf"),
        ("snowmen", "snowman"),
        ("geese", "goose"),
        ("T-shirts", "t-shirt"),
        ("t shirt", "t-shirt"),
        ("tshirt", None),
        ("fire-hydrant", "fire hydrant"),
        ("firehydrants", "fire hydrant"),
        ("back pack", "backpack"),
        ("the dog", None),
        ("dog's", "dog"),
        ("flurb", None),
        ("", None),
    ],
)
def test_finds_words_in_all_their_forms(written, word):
    table = known(
        *("dog", "bus", "bench", "puppy", "wolf", "snowman", "goose", "t-shirt", "fire hydrant"),
        "backpack",
        plurals=["geese\tgoose"],
    )
    assert table.find(written) == word


def test_what_is_written_wins_over_a_plural():
    assert known("glass", "glasses").find("glasses") == "glasses"


def test_a_rare_word_is_not_put_together_from_its_parts():
    table = known("leatherjacket", "jacket", "backpack", rare=["leatherjacket"])
    assert table.find("leather jacket") is None
    assert table.find("leatherjacket") == "leatherjacket"
    assert table.find("back pack") == "backpack"


def test_a_described_noun_is_no_compound():
    table = known("greenhouse", "house", "backpack", unlisted=["greenhouse"])
    assert table.find("green house") is None
    assert table.find("back pack") == "backpack"  # unless it is well known


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("girafe", "giraffe"),
        ("giraffee", "giraffe"),
        ("girraffe", "giraffe"),
        ("girafef", "giraffe"),
        ("griaffe", "giraffe"),
        ("cot", None),  # too short to be sure
        ("coast", None),  # coat or toast?
        ("toaste", None),  # toast is rare here
        ("coated", None),  # a word of its own
    ],
)
def test_a_slip_of_the_pen_is_read_where_there_is_one_way_to(written, word):
    table = known("giraffe", "cat", "coat", "roast", "coate", "toast", rare=["toast"])
    assert table.find_misspelt(written) == word


def test_a_noun_is_known_from_other_words():
    table = known("dog", "standing", others=["standing"])
    assert [table.is_thing(word) for word in ("dog", "standing", "flurb")] == [True, False, False]


def test_affinity_is_the_greatest_of_a_words_own_and_its_profiles():
    full, half = SCALE, round(SCALE / 2**0.5)
    table = table_of(
        {"ball": {0: full}, "player": {0: 51, 3: half, 4: full}, "kid": {3: full}},
        profiles=[[full, full, 0], [0, 0, 51]],
    )
    np.testing.assert_allclose(table.affinity("ball"), [1, 0, 0])
    np.testing.assert_allclose(table.affinity("players"), [0.5, 0.5, 0.04], atol=2e-3)
    np.testing.assert_allclose(table.affinity("kid"), [1, 1, 0])
    assert table.affinity("flurb") is None
    assert table.affinity("ball").dtype == np.float32
    assert (len(table), table.classes) == (3, 3)


@pytest.mark.parametrize("damage", ["missing", "cut", "lacking"])
def test_a_table_that_cannot_be_read_says_so(tmp_path, damage):
    path = tmp_path / FILE
    if damage == "cut":
        path.write_bytes((ASSETS / FILE).read_bytes()[:1000])
    if damage == "lacking":
        save_file({"words": np.zeros(1, np.uint8)}, path)
    with pytest.raises(
        MissingResource, match=r"words\.safetensors cannot be read; install refmask"
    ):
        WordTable.load(path)


def test_the_shipped_table_is_small_and_has_its_card():
    assert (ASSETS / FILE).stat().st_size < 6e6
    card = (ASSETS / "card.md").read_text(encoding="utf-8")
    assert f"{len(load_words()):,} words" in card
    assert "Princeton University" in (ASSETS / "LICENSE-WordNet.txt").read_text(encoding="utf-8")
    assert load_words().classes == CLASSES


#: Some classes by the order of ILSVRC 2012.
RETRIEVER, TABBY, BROWN_BEAR, HOTDOG = 207, 281, 294, 934
JERSEY, SPORTS_CAR, TEDDY, TOASTER = 610, 817, 850, 859


@pytest.mark.parametrize(
    ("word", "yes", "no"),
    [
        ("dog", RETRIEVER, TABBY),
        ("puppies", RETRIEVER, SPORTS_CAR),
        ("animal", TABBY, SPORTS_CAR),
        ("bear", BROWN_BEAR, HOTDOG),
        ("teddy bear", TEDDY, BROWN_BEAR),
        ("hot dog", HOTDOG, RETRIEVER),
        ("lady", JERSEY, TABBY),
        ("umpire", JERSEY, SPORTS_CAR),
        ("vehicle", SPORTS_CAR, TEDDY),
        ("toaster", TOASTER, JERSEY),  # who proposes a toast may wear one, but is seldom meant
    ],
)
def test_the_shipped_table_knows_what_nouns_name(word, yes, no):
    affinity = load_words().affinity(word)
    assert affinity.shape == (CLASSES,)
    assert affinity[yes] > 2 * affinity[no]


def test_the_shipped_table_is_made_with_the_list_of_looks():
    lines = re.sub(r"\n +", " ", LOOKS.read_text("utf-8")).splitlines()
    about = [line.partition(":")[0] for line in lines if line and line[0] != "#"]
    nouns = [noun.partition("#")[0].strip(" *") for some in about for noun in some.split(",")]
    assert len(nouns) > 400
    assert [noun for noun in nouns if load_words().find(noun) != noun.replace("'s", "")] == []


@pytest.mark.parametrize(
    "word", ["coin", "coins", "money", "logo", "tennis", "soccer", "gift", "selfie"]
)
def test_what_people_ask_for_is_known(word):
    assert load_words().affinity(word).max() > 0.2
