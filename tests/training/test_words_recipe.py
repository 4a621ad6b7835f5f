"""The table of nouns, made from a WordNet of a few words and vectors made up here."""

import numpy as np
import pytest
import torch
from safetensors.numpy import save
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from looks import Looks
from make_words import imagenet, make_table
from refmask.classifier.words import WordTable
from sentences import SentenceEncoder
from word_kinship import Kinship, by_vectors
from wordnet import Nouns

#: Offset: names, offset of what it is a kind of.
SYNSETS = {
    1: ("entity", None),
    2: ("physical_entity", 1),
    3: ("abstraction", 1),
    4: ("person individual", 2),
    5: ("rider", 4),
    6: ("animal", 2),
    7: ("cat", 6),
    8: ("tabby tabby_cat", 7),
    9: ("lion", 7),
    10: ("dog", 6),
    11: ("garment", 2),
    12: ("jersey", 11),
    13: ("shirt", 11),
    14: ("number", 3),
    15: ("Felix", 7),
    16: ("cat", 4),
    17: ("jacket", 11),
    18: ("yellow_jacket", 6),
    19: ("catcher's_mitt", 11),
    20: ("goose", 6),
}
INSTANCES = {15}
#: How often senses were met, by word and number.
COUNTS = {"cat": [8, 0], "jersey": [3], "number": [5]}
TABBY, JERSEY = CLASSES = (8, 12)
LOOKS = """\
# A comment.
person*, crowd: 0.5 jersey
shirt: 0.8 jersey;
  0.25 <crowd>
"""


@pytest.fixture(scope="module")
def nouns(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wordnet")
    licence = "  1 This stands in for the licence.  \n"
    data, senses = licence, {}
    for offset, (names, parent) in SYNSETS.items():
        words = names.split()
        pointer = f"@{'i' * (offset in INSTANCES)} {parent:08} n 0000 " if parent else ""
        listed = " ".join(f"{word} 0" for word in words)
        count = f"{bool(parent):03} {pointer}"
        data += f"{offset:08} 03 n {len(words):02x} {listed} {count}| a gloss; with | and 1\n"
        for word in words:
            senses.setdefault(word.lower(), []).append(f"{offset:08}")
    index = "".join(
        f"{word} n {len(at)} 0 {len(at)} 0 {' '.join(at)}  \n" for word, at in senses.items()
    )
    counts = [
        f"{word}%1:05:0{number}:: {number} {count}\n"
        for word, each in COUNTS.items()
        for number, count in enumerate(each, 1)
        if count
    ]
    texts = {
        "data.noun": data,
        "index.noun": licence + index,
        "noun.exc": "geese goose\nmice mouse\n",
        "cntlist.rev": "".join(counts) + "dog%2:38:00:: 1 9\n",
        "index.verb": licence + "dog v 1 0 1 1 00000007\nrider v 1 0 1 1 00000008\n",
        "index.adj": licence,
        "index.adv": licence,
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    return Nouns.read(folder)


@pytest.fixture(scope="module")
def kinship(nouns):
    return Kinship(nouns, CLASSES, Looks(LOOKS, nouns, CLASSES))


def vectors(texts):
    """A text's letters, counted: the same for the same text."""
    return np.array([[text.count(letter) + 0.1 for letter in "abcdefgh"] for text in texts])


def test_reads_wordnets_files(nouns):
    assert nouns.lemmas[8] == ("tabby", "tabby cat")
    assert nouns.senses["cat"] == (7, 16)
    assert nouns.above(8) == {8, 7, 6, 2, 1}
    assert nouns.below(4) == {4, 5, 16}
    assert nouns.instances == INSTANCES
    assert nouns.plurals == {"geese": "goose", "mice": "mouse"}
    assert nouns.information(1) == 0
    assert nouns.information(8) == 1
    assert nouns.find("cat#2") == 16


@pytest.mark.parametrize(
    ("word", "noun"), [("number", True), ("dog", False), ("lion", True), ("rider", False)]
)
def test_tells_nouns_from_other_words(nouns, word, noun):
    assert nouns.chiefly_noun(word) == noun


def test_only_what_can_be_seen_is_in_the_table(kinship):
    words = kinship.words()
    assert {"dog", "tabby cat", "shirt", "crowd"} <= {*words}
    assert not {"number", "abstraction", "felix"} & {*words}


def test_a_word_is_its_kinds_and_less_so_what_is_like_it(kinship):
    of = {word: kinship.by_wordnet(word) for word in ("animal", "cat", "lion", "dog", "jersey")}
    assert of["animal"][0] == of["cat"][0] == of["jersey"][1] == 1
    assert 0.5 > of["lion"][0] > of["dog"][0] > 0
    assert of["lion"][1] < 0.01


def test_people_who_are_called_like_something_else_count_little(kinship):
    (animal, most), (person, little) = kinship.senses("cat")
    assert (animal, person) == (7, 16)
    assert most == 1
    assert little == pytest.approx(0.25 * 0.6 * 0.5 / 8.5)


def test_looks_choose_the_sense_that_photographs_show(nouns):
    kinship = Kinship(nouns, CLASSES, Looks("cat#2: 1 jersey", nouns, CLASSES))
    assert dict(kinship.senses("cat")) == {16: 1, 7: 0.25}


def test_looks_are_inherited_by_kinds_and_taken_from_other_lines(nouns):
    looks = Looks(LOOKS, nouns, CLASSES)
    assert looks.words == {"person", "crowd", "shirt"}
    np.testing.assert_allclose(looks.of_word("shirt"), [0, 0.8])
    np.testing.assert_allclose(looks.of_kind(5), [0, 0.5])
    assert looks.of_kind(7) is None
    assert looks.of_word("rider") is None
    wide = Looks("crowd: 0.4 animal, garment", nouns, CLASSES)
    np.testing.assert_allclose(wide.of_word("crowd"), [0.4, 0.4])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("person 0.5 jersey", "expected 'NOUN: WEIGHT name, name"),
        ("person: jersey", "expected 'NOUN: WEIGHT name, name"),
        ("person: 0.5 unicorn", "no noun 'unicorn'"),
        ("unicorn*: 0.5 jersey", "no noun 'unicorn'"),
        ("cat#3: 0.5 jersey", "no noun 'cat#3'"),
        ("person: 0.5 number", "no class is a kind of 'number'"),
        ("person: 0.5 <shirt>", "no line is about 'shirt'"),
    ],
)
def test_faults_in_looks_are_told(nouns, text, fault):
    with pytest.raises(ValueError, match=fault):
        Looks(text, nouns, CLASSES)


def test_vectors_are_compared_around_the_classes_mean():
    classes = np.array([[2, 0, 5], [0, 2, 5]], np.float32)
    likeness = by_vectors(np.array([[3, 1, 5], [1, 3, 5], [1, 1, 9]], np.float32), classes)
    np.testing.assert_allclose(likeness, [[0.25, 0], [0, 0.25], [0, 0]], atol=1e-6)


def test_the_table_reads_as_it_was_made(nouns, kinship):
    arrays = make_table(nouns, CLASSES, kinship.looks, vectors)
    table = WordTable(arrays)
    assert table.classes == 2
    assert table.find("Tabby cats") == "tabby cat"
    assert table.find("geese") == "goose"
    assert table.find("catcher's mitts") == "catcher mitt"
    assert table.find("yellow jacket") is None  # no jacket, in WordNet
    assert table.affinity("cat")[0] == 1
    assert table.affinity("rider")[1] >= 0.49
    assert not table.is_thing("dog")
    assert save(arrays) == save(make_table(nouns, CLASSES, kinship.looks, vectors))


def test_imagenets_classes_come_in_the_order_of_networks():
    offsets = imagenet()
    assert len(offsets) == 1000
    assert offsets == sorted(offsets)
    assert offsets[207] == 2099601  # golden retriever


def test_sentences_are_encoded_alike_alone_and_together(tmp_path):
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=6, num_hidden_layers=2, **shape)).save_pretrained(tmp_path)
    words = {"[CLS]": 0, "[SEP]": 1, "a": 2, "photo": 3, "dog": 4, "[PAD]": 5}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[PAD]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 1), ("[CLS]", 0))
    tokenizer.enable_padding(pad_id=5, length=12)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    encode = SentenceEncoder(tmp_path)
    texts = ["a dog", "a photo a dog", "photo"]
    together = encode(texts)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(together, [encode([text])[0] for text in texts], atol=1e-6)
    assert np.abs(together[0] - together[2]).max() > 0.01
