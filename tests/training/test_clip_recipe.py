"""The recipe of the embedded CLIP, and the model that came out of it."""

import json
from importlib.resources import files
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer

import refmask
from clip_tokenizer import merges_for, words_in, write_merges
from emoji_scenes import FONT, Item, Surface, is_held_out
from refmask.clip import load_clip
from refmask.data.scenes import read_scenes
from scene_batches import BatchMaker, Recipe, make_twins
from scene_captions import Claim, vocabulary
from scene_cutouts import FILL, part_of, stretch
from train_clip import to_captions, to_images, twin_loss

TRAINING = Path(__file__).parents[2] / "training"
ASSETS = Path(str(files("refmask") / "assets" / "clip"))

RUG = Surface("rug", "red", "striped", 0.4)
DUCK = Item("duck", "blue", 0.24, (0.5, 0.5), RUG)


def test_each_known_word_is_one_token(tmp_path):
    words = words_in(vocabulary())
    size = write_merges(tmp_path / "merges.txt.gz", merges_for(words))
    tokenizer = SimpleTokenizer(bpe_path=str(tmp_path / "merges.txt.gz"), context_length=32)
    assert tokenizer.vocab_size == size
    assert tokenizer.eot_token_id == size - 1  # the text tower pools at the greatest number
    assert {word: len(tokenizer.encode(word)) for word in words} == dict.fromkeys(words, 1)
    assert len({tokenizer.encode(word)[0] for word in words}) == len(words)


def test_unknown_words_fall_apart_and_come_back(tmp_path):
    write_merges(tmp_path / "merges.txt.gz", merges_for(["duck"]))
    tokenizer = SimpleTokenizer(bpe_path=str(tmp_path / "merges.txt.gz"), context_length=32)
    assert tokenizer.decode(tokenizer.encode("luck")) == "luck "
    assert len(tokenizer.encode("luck")) == 2


def test_merges_are_written_the_same_every_time(tmp_path):
    for name in ("a", "b"):
        write_merges(tmp_path / name, merges_for(words_in(["the red duck"])))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("claim", "true"),
    [
        (Claim("duck"), True),
        (Claim("dog"), False),
        (Claim("duck", colour="blue"), True),
        (Claim("duck", colour="red"), False),
        (Claim("duck", size="small"), True),
        (Claim("duck", size="big"), False),
        (Claim("duck", surface=("rug", None, None)), True),
        (Claim("duck", surface=("rug", "red", "striped")), True),
        (Claim("duck", surface=("rug", "red", "dotted")), False),
        (Claim("duck", surface=("plate", None, None)), False),
    ],
)
def test_claims_are_true_of_what_they_say(claim, true):
    assert claim.holds_for(DUCK) is true


def test_twins_differ_in_the_objects_they_name_and_nowhere_else():
    rng = np.random.default_rng(0)
    for _ in range(200):
        first, second, changed = make_twins(rng)
        assert first.background == second.background
        pairs = zip(first.items, second.items, strict=True)
        assert {i for i, (a, b) in enumerate(pairs) if a != b} == set(changed)
        assert not any(is_held_out(item.noun, item.colour) for item in second.items)


@pytest.mark.skipif(not FONT.exists(), reason="draws with Noto Color Emoji")
def test_a_batch_knows_what_is_true_of_what():
    batch = BatchMaker(Recipe(pairs=6, objects=6, surfaces=2, parts=2, unions=2), 112, seed=0)()
    rows = np.arange(len(batch.scene_texts))
    assert batch.scenes.shape == (12, 112, 112, 3)
    assert batch.scene_truth.shape == (36, 12)
    assert batch.scene_truth[rows, batch.scene_owner].all()
    assert not batch.scene_truth[rows, batch.scene_owner ^ 1].all()
    assert batch.cutouts.shape == (12, 112, 112, 3)
    assert batch.cutout_truth[:8, :8].diagonal().all()
    assert not batch.cutout_truth[:, 8:10].any()  # nothing is true of pieces of objects


def test_true_captions_of_other_images_do_not_count_as_wrong():
    similarity = torch.tensor([[1.0, 9.0], [0.0, 2.0]])
    owner = torch.tensor([0, 1])
    truth = torch.tensor([[True, True], [False, True]])
    # Caption 0 is true of both images: nothing is left to confuse it with.
    expected = -torch.log_softmax(torch.tensor([0.0, 2.0]), dim=0)[1] / 2
    assert to_images(similarity, truth, owner).item() == pytest.approx(expected.item())
    # Image 1 is rightly described by both captions.
    expected = -torch.log_softmax(torch.tensor([1.0, 0.0]), dim=0)[0] / 2
    assert to_captions(similarity, truth, owner).item() == pytest.approx(expected.item())


def test_twins_count_only_where_the_caption_is_false_of_the_other():
    similarity = torch.tensor([[3.0, 1.0], [5.0, 5.0]])
    truth = torch.tensor([[True, False], [True, True]])
    expected = np.log1p(np.exp(-2.0))
    loss = twin_loss(similarity, truth, torch.tensor([0, 1]))
    assert loss.item() == pytest.approx(expected)
    everywhere = torch.ones(2, 2, dtype=torch.bool)
    assert twin_loss(similarity, everywhere, torch.tensor([0, 1])).item() == 0.0


def test_a_stretched_thing_fills_the_square_and_is_alone():
    image = np.full((20, 30, 3), 200, np.uint8)
    mask = np.zeros((20, 30), np.bool_)
    mask[5:9, 10:20] = True
    assert (stretch(image, mask, 16) == 200).all()
    mask[5:9, 12:20] = False
    mask[15, 29] = True
    square = stretch(image, mask, 16)
    assert square[0, 0, 0] == 200
    assert square[8, 8, 0] == FILL


def test_a_part_is_a_part():
    mask = np.ones((20, 20), np.bool_)
    rng = np.random.default_rng(0)
    shares = [part_of(mask, rng).mean() for _ in range(20)]
    assert 0.25 < min(shares) < max(shares) < 0.75


def test_the_folder_states_its_settings():
    config = json.loads((ASSETS / "open_clip_config.json").read_text())
    assert {"alpha", "beta", "mask_layers", "recipe"} <= config["refmask"].keys()
    assert 0 < config["refmask"]["alpha"] < 1
    assert (ASSETS / "card.md").read_text().startswith("# The embedded CLIP")


def test_the_folder_is_small_and_loads():
    assert sum(path.stat().st_size for path in ASSETS.iterdir()) <= 8_000_000
    clip = load_clip("embedded", device="cpu", precision="fp32")
    assert all(torch.isfinite(value).all() for value in clip.model.state_dict().values())
    features = clip.encode_text(["the duck", "the red duck on the striped rug"])
    assert features.shape == (2, clip.dim)


def test_the_shipped_words_are_single_tokens():
    clip = load_clip("embedded", device="cpu", precision="fp32")
    lengths = [(clip.tokenizer([word]) > 0).sum().item() for word in words_in(vocabulary())]
    assert set(lengths) == {3}  # start, word, end


def test_the_model_knows_the_shipped_scenes():
    segmenter = refmask.load("embedded", device="cpu", precision="fp32")
    right = []
    for sample in islice(read_scenes(), 20):
        queries = [query for query in sample.queries if query.kind in ("class", "colour")]
        scene = segmenter.look(sample.image, sample.instances)
        answers = scene.find([query.expression for query in queries])
        right += [
            (answer.mask == query.target).all()
            for answer, query in zip(answers, queries, strict=True)
        ]
    assert len(right) >= 20
    assert np.mean(right) >= 0.85
