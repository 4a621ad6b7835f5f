"""Phrases are read in batches, and no answer depends on its company."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from refmask.errors import ExpressionError
from refmask.server import text_batcher
from refmask.server.text_batcher import TextBatcher


@pytest.fixture
def slow(monkeypatch):
    """The batches that were read; the first waits until others have gathered behind it."""
    batches, gathered = [], threading.Event()
    real = text_batcher.read_texts

    def read(system, expressions):
        if not batches:
            assert gathered.wait(30)
        batches.append(list(expressions))
        return real(system, expressions)

    monkeypatch.setattr(text_batcher, "read_texts", read)
    return batches, gathered


def together(segmenter, gathered, asked, counted=lambda _: None):
    """Answers to several requests, all of which wait behind the first."""

    async def ask():
        reader = TextBatcher(counted)
        tasks = [asyncio.create_task(reader.read(segmenter, texts)) for texts in asked[:1]]
        await asyncio.sleep(0.05)  # it has begun
        tasks += [asyncio.create_task(reader.read(segmenter, texts)) for texts in asked[1:]]
        await asyncio.sleep(0.05)  # they wait
        gathered.set()
        try:
            return await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            reader.close()

    return asyncio.run(ask())


def test_those_that_wait_are_read_together(segmenter, slow):
    batches, gathered = slow
    asked = [["the first"], ["left guy", "the dog"], ["a red car"], ["two horses"]]
    counts = []
    told = together(segmenter, gathered, asked, counts.append)
    assert batches == [["the first"], ["left guy", "the dog", "a red car", "two horses"]]
    assert counts == [1, 4]
    assert [[p.expression for p in phrases] for phrases in told] == asked
    assert told == [segmenter.parser(texts) for texts in asked]


def test_a_batch_has_an_end(segmenter, slow, monkeypatch):
    batches, gathered = slow
    monkeypatch.setattr(text_batcher, "MOST", 3)
    together(segmenter, gathered, [["one"], ["two", "three"], ["four", "five"], ["six"] * 5])
    assert [len(batch) for batch in batches] == [1, 2, 2, 5]


def test_a_fault_is_its_own(segmenter, slow):
    _, gathered = slow
    first, good, bad, other = together(
        segmenter, gathered, [["the first"], ["left guy"], [" "], ["the dog"]]
    )
    assert isinstance(bad, ExpressionError)
    assert [phrases[0].expression for phrases in (first, good, other)] == [
        "the first",
        "left guy",
        "the dog",
    ]


def test_who_gave_up_is_left_out(segmenter, slow):
    batches, gathered = slow

    async def ask():
        reader = TextBatcher()
        first = asyncio.create_task(reader.read(segmenter, ["the first"]))
        await asyncio.sleep(0.05)
        gone = asyncio.create_task(reader.read(segmenter, ["nobody waits"]))
        stays = asyncio.create_task(reader.read(segmenter, ["left guy"]))
        await asyncio.sleep(0.05)
        gone.cancel()
        await asyncio.sleep(0.05)
        gathered.set()
        await asyncio.gather(first, stays)
        reader.close()

    asyncio.run(ask())
    assert batches == [["the first"], ["left guy"]]


def test_texts_are_encoded_once_and_in_one_batch(segmenter, noise, monkeypatch):
    clip, calls = segmenter.method.encoder, []
    real = clip._text_tower
    monkeypatch.setitem(vars(clip), "_text_tower", lambda ids: calls.append(len(ids)) or real(ids))
    texts = [f"the {colour} thing on its own rug" for colour in ("teal", "mauve", "ochre")]
    text_batcher.read_texts(segmenter, texts)
    assert calls == [6]  # sentences and noun phrases
    segmenter.look(noise).find(texts)
    assert calls == [6]


def test_answers_do_not_depend_on_their_company(segmenter, served, png, noise):
    texts = [
        f"the {colour} {thing}" for colour in ("red", "blue") for thing in ("car", "dog", "cup")
    ]
    scene, parser, method = segmenter.look(noise), segmenter.parser, segmenter.method
    phrases = [parser([text]) for text in texts]
    alone = [scene.find_phrases(one, method.encode_text(one))[0].scores for one in phrases]
    with served() as client, ThreadPoolExecutor(len(texts)) as pool:
        place = client.post("/v1/scenes", files={"image": ("a.png", png)}).headers["Location"]

        def ask(text):
            asked = {"phrases": [text], "top": 4}
            (answer,) = client.post(f"{place}/find", json=asked).json()["answers"]
            return {found["proposal"]: found["score"] for found in answer["candidates"]}

        for scores, expected in zip(pool.map(ask, texts), alone, strict=True):
            assert np.allclose([scores[k] for k in range(4)], expected, atol=2e-3)
