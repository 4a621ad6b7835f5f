"""Limits, tokens and readiness: rejections and their status."""

import asyncio
import base64
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.exceptions import HTTPException

from refmask.errors import ConfigurationError, WeightsUnavailable
from refmask.server.admission import AdmissionMiddleware, Capacity, CountedBody
from refmask.server.limits import Limits


def segment(client, png, **headers):
    return client.post(
        "/v1/segment",
        files={"image": ("a.png", png)},
        data={"phrases": "the red car"},
        headers=headers,
    )


def called(limits, messages, headers=()):
    """What a rejecting middleware sends, with the number of messages read before."""
    sent, read = [], 0

    async def receive():
        nonlocal read
        read += 1
        return next(messages)

    async def send(message):
        sent.append((message, read))

    async def app(*_):
        raise AssertionError("answered")

    middleware = AdmissionMiddleware(app, limits, None, lambda: None, {"looks": 0, "asks": 0})
    scope = {"type": "http", "method": "POST", "path": "/v1/segment", "headers": list(headers)}
    asyncio.run(middleware(scope, receive, send))
    return sent


def test_an_announced_body_too_large_is_answered_before_it_is_read():
    rest = iter([{"type": "http.request", "body": b"x" * 600, "more_body": True}] * 9)
    ended = itertools.chain(rest, [{"type": "http.request", "body": b"", "more_body": False}])
    (start, _), (body, before), (end, after) = called(
        Limits(body=1000), ended, [(b"content-length", b"5400")]
    )
    assert start["status"] == 413
    assert b"1000 bytes" in body["body"]
    assert before == 0
    assert body["more_body"]  # the connection is not closed while the client sends
    assert (end["body"], end["more_body"], after) == (b"", False, 10)


def test_a_client_that_expects_100_continue_is_answered_at_once():
    heads = [(b"content-length", b"5400"), (b"expect", b"100-continue")]
    (start, _), *_ = called(Limits(body=1000), iter([{"type": "http.disconnect"}]), heads)
    assert start["status"] == 413
    assert (b"connection", b"close") in start["headers"]


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x"])
def test_a_body_of_unknown_length_is_read_no_further(served, kind):
    sent = []

    def chunks():
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(100):
            sent.append(1)
            yield b"x" * 1000

    with served(body=5000) as client:
        answer = client.post("/v1/segment", content=chunks(), headers={"Content-Type": kind})
    assert answer.status_code == 413
    assert list(answer.json()) == ["error"]


def body(capacity, chunks, kind="looks"):
    """A body in chunks of 600 bytes."""

    async def receive():
        nonlocal chunks
        chunks -= 1
        return {"type": "http.request", "body": b"x" * 600, "more_body": chunks > 0}

    return CountedBody(receive, capacity, kind)


def test_a_counted_body_stops_at_once():
    async def read():
        with body(Capacity(Limits(body=1000), {"looks": 0}), 9) as counted:
            await counted.receive()
            with pytest.raises(HTTPException, match="1000 bytes"):
                await counted.receive()
            return counted.complete

    assert asyncio.run(read()) is False


def test_a_slot_is_taken_when_a_body_is_complete_and_released():
    async def read():
        active = {"looks": 0}
        capacity = Capacity(Limits(workers=1, queue=0), active)
        with body(capacity, 2) as slow, body(capacity, 1) as fast:
            await slow.receive()
            await fast.receive()
            assert active == {"looks": 1}
            with pytest.raises(HTTPException, match="busy with 1 requests"):
                await slow.receive()
        return active

    assert asyncio.run(read()) == {"looks": 0}


def test_all_bodies_together_are_limited():
    async def read():
        capacity = Capacity(Limits(body=1000, bodies=1000), {"looks": 0})
        with body(capacity, 2) as first, body(capacity, 2) as second:
            await first.receive()
            with pytest.raises(HTTPException, match="too many bodies") as caught:
                await second.receive()
        with body(capacity, 2) as third:
            await third.receive()
        return caught.value.status_code

    assert asyncio.run(read()) == 429


def test_too_many_at_once(served, png, quarters):
    with served(workers=1, queue=2) as client, ThreadPoolExecutor(3) as pool:
        path = client.post("/v1/scenes", files={"image": ("a", png)}).headers["Location"]
        with quarters.shut():
            waiting = [pool.submit(segment, client, png) for _ in range(3)]
            quarters.wait(1)
            assert not quarters.begun.acquire(blocking=False)  # there is one worker
            while 'looks"} 2.0' not in client.get("/metrics").text:
                time.sleep(0.01)
            rejected = segment(client, png)
            query = client.post(f"{path}/find", json={"phrases": ["a dog"]})
        assert [done.result().status_code for done in waiting] == [200] * 3
        assert segment(client, png).status_code == 200
    assert rejected.status_code == 429
    assert int(rejected.headers["Retry-After"]) >= 1
    assert "3 requests" in rejected.json()["error"]
    assert query.status_code == 200  # queries do not wait for images


def test_an_answer_that_takes_too_long(served, png, quarters):
    with served(workers=1, seconds=0.3) as client:
        with quarters.shut():
            answer = segment(client, png)
        assert answer.status_code == 503
        assert "0.3 s" in answer.json()["error"]
        assert "Retry-After" in answer.headers


def test_a_body_that_comes_too_slowly():
    async def call():
        """Without the test client, which reads all of a body first."""
        sent = []

        async def app(_scope, receive, _send):
            while True:
                await receive()

        async def receive():
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": b"x", "more_body": not sent}

        async def send(message):
            sent.append(message)

        middleware = AdmissionMiddleware(
            app, Limits(seconds=0.1), None, lambda: None, {"looks": 0, "asks": 0}
        )
        scope = {"type": "http", "method": "POST", "path": "/v1/segment"}
        await middleware(scope | {"headers": [(b"content-length", b"99")]}, receive, send)
        return sent

    assert asyncio.run(call())[0]["status"] == 408


def test_a_token(served, png):
    with served(token="s3cret") as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/healthz/ready").status_code == 200
        for path in ("/metrics", "/openapi.json", "/v1/scenes/x", "/nothing"):
            assert client.get(path).status_code == 401
        for headers in (
            {},
            *({"Authorization": text} for text in ("Bearer", "Bearer s3cre", "Basic eDpzM2NyZXQ=")),
        ):
            answer = segment(client, png, **headers)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert "s3cret" not in answer.text
        assert segment(client, png, Authorization="Bearer s3cret").status_code == 200
        assert segment(client, png, Authorization="bearer  s3cret ").status_code == 200
        document = client.get("/openapi.json", headers={"Authorization": "Bearer s3cret"}).json()
    assert document["paths"]["/v1/segment"]["post"]["security"] == [{"HTTPBearer": []}]


def test_label_studio_sends_the_token_as_a_password(served):
    from refmask.server.label_studio.tasks import ImageFolder

    with served(token="s3cret", images=ImageFolder()) as client:
        for word, status in (("s3cret", 200), ("other", 401)):
            coded = base64.b64encode(f"anybody:{word}".encode()).decode()
            answer = client.get("/label-studio/health", headers={"Authorization": f"Basic {coded}"})
            assert answer.status_code == status
        broken = client.get("/label-studio/health", headers={"Authorization": "Basic %%%"})
        assert broken.status_code == 401


def test_while_the_model_loads(served, segmenter, png):
    loaded = threading.Event()

    def load():
        assert loaded.wait(30)
        return segmenter

    with served(load) as client:
        assert client.get("/healthz").json() == {"status": "loading"}
        assert client.get("/healthz").status_code == 200
        assert client.get("/healthz/ready").status_code == 503
        answer = segment(client, png)
        assert answer.status_code == 503
        assert "loading" in answer.json()["error"]
        loaded.set()
        while client.get("/healthz/ready").status_code != 200:
            time.sleep(0.01)
        assert client.get("/healthz").json() == {"status": "ready"}
        assert segment(client, png).status_code == 200


def test_a_model_that_cannot_be_loaded(served, png):
    def load():
        raise WeightsUnavailable("no weights at /a/place/of/mine")

    with served(load) as client:
        while client.get("/healthz").json()["status"] == "loading":
            time.sleep(0.01)
        assert client.get("/healthz").json() == {"status": "failed"}
        answer = segment(client, png)
        assert isinstance(client.app.state.service.failure, WeightsUnavailable)
    assert answer.status_code == 503
    assert "/a/place" not in answer.text


def test_limits_are_checked_all_at_once():
    with pytest.raises(ConfigurationError, match=r"body is -1; .*workers is 0; choose 1 to 1000"):
        Limits(body=-1, workers=0)


def test_metrics(served, png):
    with served() as client:
        path = client.post("/v1/scenes", files={"image": ("a", png)}).headers["Location"]
        client.post(f"{path}/find", json={"phrases": ["left guy", "the dog"]})
        client.get("/v1/scenes/nothing")
        client.get("/some/where")
        client.request("PATCH", "/v1/segment")
        answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain")
    find = 'route="/v1/scenes/{id}/find"'
    for line in (
        'refmask_requests_total{method="POST",route="/v1/scenes",status="201"} 1.0',
        'refmask_requests_total{method="POST",' + find + ',status="200"} 1.0',
        'refmask_requests_total{method="GET",route="/v1/scenes/{id}",status="404"} 1.0',
        'refmask_requests_total{method="GET",route="other",status="404"} 1.0',
        'refmask_requests_total{method="other",route="/v1/segment",status="405"} 1.0',
        "refmask_request_seconds_count{" + find + "} 1.0",
        'refmask_batch_texts_bucket{le="1.0"} 0.0',
        'refmask_batch_texts_bucket{le="2.0"} 1.0',
        'refmask_queue_length{kind="looks"} 0.0',
        "refmask_scenes 1.0",
    ):
        assert line in answer.text.splitlines()
