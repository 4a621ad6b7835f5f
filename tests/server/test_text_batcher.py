"""Phrases are encoded in batches, and no answer depends on its batch."""

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
    """The batches; the first waits until others have gathered behind it."""
    batches, gathered = [], threading.Event()
    real = text_batcher.parse_and_encode

    def read(system, expressions):
        if not batches:
            assert gathered.wait(30)
        batches.append(list(expressions))
        return real(system, expressions)

    monkeypatch.setattr(text_batcher, "parse_and_encode", read)
    return batches, gathered


def together(segmenter, gathered, requests, observe=lambda _: None):
    """Phrases of several requests, all of which wait behind the first."""

    async def ask():
        batcher = TextBatcher(observe)
        tasks = [asyncio.create_task(batcher.parse(segmenter, texts)) for texts in requests[:1]]
        await asyncio.sleep(0.05)  # it has begun
        tasks += [asyncio.create_task(batcher.parse(segmenter, texts)) for texts in requests[1:]]
        await asyncio.sleep(0.05)  # they wait
        gathered.set()
        try:
            return await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            batcher.close()

    return asyncio.run(ask())


def test_waiting_requests_are_batched(segmenter, slow):
    batches, gathered = slow
    requests = [["the first"], ["left guy", "the dog"], ["a red car"], ["two horses"]]
    counts = []
    results = together(segmenter, gathered, requests, counts.append)
    assert batches == [["the first"], ["left guy", "the dog", "a red car", "two horses"]]
    assert counts == [1, 4]
    assert [[p.expression for p in phrases] for phrases in results] == requests
    assert results == [segmenter.parser(texts) for texts in requests]


def test_batches_are_limited(segmenter, slow, monkeypatch):
    batches, gathered = slow
    monkeypatch.setattr(text_batcher, "BATCH", 3)
    together(segmenter, gathered, [["one"], ["two", "three"], ["four", "five"], ["six"] * 5])
    assert [len(batch) for batch in batches] == [1, 2, 2, 5]


def test_an_invalid_expression_fails_its_own_request(segmenter, slow):
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


def test_cancelled_requests_are_left_out(segmenter, slow):
    batches, gathered = slow

    async def ask():
        batcher = TextBatcher()
        first = asyncio.create_task(batcher.parse(segmenter, ["the first"]))
        await asyncio.sleep(0.05)
        gone = asyncio.create_task(batcher.parse(segmenter, ["nobody waits"]))
        stays = asyncio.create_task(batcher.parse(segmenter, ["left guy"]))
        await asyncio.sleep(0.05)
        gone.cancel()
        await asyncio.sleep(0.05)
        gathered.set()
        await asyncio.gather(first, stays)
        batcher.close()

    asyncio.run(ask())
    assert batches == [["the first"], ["left guy"]]


def test_texts_are_encoded_once_and_in_one_batch(segmenter, noise, monkeypatch):
    clip, calls = segmenter.method.encoder, []
    real = clip._text_tower
    monkeypatch.setitem(vars(clip), "_text_tower", lambda ids: calls.append(len(ids)) or real(ids))
    texts = [f"the {colour} thing on its own rug" for colour in ("teal", "mauve", "ochre")]
    text_batcher.parse_and_encode(segmenter, texts)
    assert calls == [6]  # sentences and noun phrases
    segmenter.look(noise).find(texts)
    assert calls == [6]


def test_answers_do_not_depend_on_their_batch(segmenter, served, png, noise):
    texts = [
        f"the {colour} {thing}" for colour in ("red", "blue") for thing in ("car", "dog", "cup")
    ]
    scene, parser = segmenter.look(noise), segmenter.parser
    phrases = [parser([text]) for text in texts]
    alone = [scene.find_phrases(p, afresh=True)[0].scores for p in phrases]
    with served() as client, ThreadPoolExecutor(len(texts)) as pool:
        path = client.post("/v1/scenes", files={"image": ("a.png", png)}).headers["Location"]

        def ask(text):
            body = {"phrases": [text], "top": 4}
            (answer,) = client.post(f"{path}/find", json=body).json()["answers"]
            return {c["proposal"]: c["score"] for c in answer["candidates"]}

        for scores, expected in zip(pool.map(ask, texts), alone, strict=True):
            assert np.allclose([scores[k] for k in range(4)], expected, atol=2e-3)
