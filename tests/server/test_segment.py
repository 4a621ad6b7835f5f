"""``POST /v1/segment``: what comes back, and what is refused."""

import base64
import dataclasses
import io
import json

import numpy as np
import pytest
from PIL import Image

import refmask
from refmask.methods import load_method
from refmask.ops import rle
from refmask.server import answers

PHRASES = ["the red car", "left guy in blue"]


def form(client, png, **fields):
    data = {"phrases": PHRASES, **fields}
    return client.post("/v1/segment", files={"image": ("a.png", png)}, data=data)


def body(client, png, **fields):
    asked = {"image": base64.b64encode(png).decode(), "phrases": PHRASES, **fields}
    return client.post("/v1/segment", json=asked)


@pytest.fixture(scope="module")
def expected(segmenter, noise):
    return segmenter.look(noise).find(PHRASES)


@pytest.mark.parametrize("send", [form, body])
def test_answers_are_those_of_the_scene(client, png, expected, send):
    told = send(client, png)
    assert told.status_code == 200
    assert (told.json()["width"], told.json()["height"]) == (80, 60)
    for fields, answer in zip(told.json()["answers"], expected, strict=True):
        assert fields["expression"] == answer.why.phrase.expression
        assert fields["noun_phrase"] == answer.why.phrase.noun_phrase
        assert fields["answer"]["proposal"] == answer.best
        assert fields["runner_up"]["proposal"] == answer.why.runner_up
        assert fields["confidence"] == pytest.approx(answer.confidence, abs=1e-3)
        assert (fields["unsure"], fields["reason"]) == (answer.unsure, answer.reason)
        assert fields["provenance"] == answer.provenance.to_dict()
        assert fields["margin"] == pytest.approx(answer.why.margin, abs=1e-3)
        assert fields["candidates"] == []
        assert (rle.decode(fields["answer"]["segmentation"]) == answer.mask).all()


def test_masks_as_png(client, png, expected):
    for fields, answer in zip(
        body(client, png, format="png").json()["answers"], expected, strict=True
    ):
        drawn = Image.open(io.BytesIO(base64.b64decode(fields["answer"]["png"])))
        assert (np.asarray(drawn) == 255 * answer.mask).all()
        assert "segmentation" not in fields["answer"]


def test_masks_as_polygons(client, png, expected):
    told = form(client, png, format="polygons").json()["answers"]
    for fields, answer in zip(told, expected, strict=True):
        (ring,) = fields["answer"]["polygons"]
        ys, xs = np.nonzero(answer.mask)
        corners = {(x, y) for x in (xs.min(), xs.max() + 1) for y in (ys.min(), ys.max() + 1)}
        assert {tuple(point) for point in ring} == corners


def test_a_mask_is_drawn_once(client, png, monkeypatch):
    drawn = []
    real = answers.polygons
    monkeypatch.setattr(answers, "polygons", lambda mask: drawn.append(1) or real(mask))
    told = body(client, png, format="polygons", top=4, phrases=["a", "b", "c"]).json()["answers"]
    assert len(drawn) == 4
    assert [len(fields["candidates"]) for fields in told] == [4] * 3


def test_the_best_proposals_are_listed(client, png, expected):
    for fields, answer in zip(form(client, png, top="3").json()["answers"], expected, strict=True):
        listed = [candidate["proposal"] for candidate in fields["candidates"]]
        assert listed == list(np.argsort(-answer.scores, kind="stable")[:3])


def test_blends_of_one_request(client, png, noise, quarters):
    asked = body(client, png, alpha=0.1, beta=1, top=4).json()["answers"]
    other = refmask.load("embedded", proposals=quarters, precision="fp32", alpha=0.1, beta=1.0)
    for fields, answer in zip(asked, other.look(noise).find(PHRASES), strict=True):
        scores = [candidate["score"] for candidate in fields["candidates"]]
        assert scores == pytest.approx(sorted(answer.scores, reverse=True), abs=1e-3)
    usual = body(client, png, top=4).json()["answers"]
    assert [f["candidates"][0]["score"] for f in usual] != [
        f["candidates"][0]["score"] for f in asked
    ]


def test_a_method_without_blends(served, png):
    usual = refmask.load("embedded", precision="fp32")
    whole = dataclasses.replace(usual, method=load_method("global", usual.method.encoder))
    with served(whole) as client:
        told = body(client, png, alpha=0.5)
        assert told.status_code == 422
        assert "no alpha" in told.json()["error"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"phrases": []}, "phrases"),
        ({"phrases": [" "]}, "phrases.0"),
        ({"phrases": ["x" * 301]}, "300 characters"),
        ({"phrases": ["the dog"] * 65}, "at most 64 items"),
        ({"phrases": "the dog"}, "phrases"),
        ({"format": "gif"}, "'rle', 'png' or 'polygons'"),
        ({"alpha": 1.5}, "alpha"),
        ({"alpha": "0.5"}, "alpha"),
        ({"top": -1}, "top"),
        ({"topp": 1}, "topp"),
        ({"image": "image.png"}, "base64"),
        ({"image": "/etc/passwd"}, "base64"),
        ({"image": "https://example.org/a.png"}, "never opened"),
        ({"image": "file:///etc/passwd,AAAA"}, "data URI"),
        ({"image": base64.b64encode(b"GIF89a, not really").decode()}, "an image"),
        ({"image": ""}, "an image"),
    ],
)
def test_what_cannot_be_used(client, png, fields, says):
    told = body(client, png, **fields)
    assert told.status_code == 422
    assert list(told.json()) == ["error"]
    assert says in told.json()["error"]
    assert "\n" not in told.json()["error"]


def test_a_data_uri(client, png):
    uri = "data:image/png;base64," + base64.b64encode(png).decode()
    assert body(client, png, image=uri).json() == body(client, png).json()


def test_a_image_cut_short(client, png):
    told = form(client, png[: len(png) // 2])
    assert told.status_code == 422
    assert "cut short" in told.json()["error"]


def test_too_many_pixels(served, png):
    with served(pixels=60 * 80 - 1) as small:
        told = form(small, png)
    assert told.status_code == 422
    assert "80x60" in told.json()["error"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b'{"phrases": "\\ud800"}', b"\xff\xfe", b"null"]
)
def test_no_such_json(client, content):
    told = client.post("/v1/segment", content=content, headers={"Content-Type": "application/json"})
    assert told.status_code == 422
    assert json.loads(told.content)["error"].startswith("expected a body")


def test_forms_that_are_none(client, png):
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    broken = client.post("/v1/segment", content=b"--y\r\nnonsense", headers=kind)
    assert broken.status_code in (400, 422)
    assert client.post("/v1/segment", data={"phrases": "a"}).status_code == 415
    assert form(client, png, alpha="much").status_code == 422
    twice = client.post(
        "/v1/segment",
        files=[("image", ("a", png)), ("image", ("b", png))],
        data={"phrases": "a"},
    )
    assert twice.status_code == 422
    many = form(client, png, phrases=["a dog"] * 100)
    assert many.status_code in (400, 422)


def test_an_unforeseen_error_says_nothing_of_itself(served, segmenter, png):
    class Broken:
        def propose(self, _):
            raise RuntimeError("a secret of the house")

    with served(dataclasses.replace(segmenter, proposer=Broken()), raising=False) as client:
        told = form(client, png)
    assert told.status_code == 500
    assert "secret" not in told.text
    assert "Traceback" not in told.text
    assert list(told.json()) == ["error"]


def test_nothing_else_is_there(client):
    told = client.get("/v1/segment")
    assert told.status_code == 405
    assert told.headers["Allow"] == "POST"
    assert told.json() == {"error": "expected POST at this path, got GET"}
    assert client.put("/v1/scenes/x").headers["Allow"] == "DELETE, GET"
    for path in ("/", "/docs", "/v1/nothing"):
        told = client.get(path)
        assert told.status_code == 404
        assert list(told.json()) == ["error"]


def test_base64_may_have_line_breaks(client, png):
    plain = base64.b64encode(png).decode()
    broken = "\r\n".join(plain[start : start + 76] for start in range(0, len(plain), 76))
    for image in (base64.encodebytes(png).decode(), broken, f"data:image/png;base64,{broken}\n"):
        assert client.post("/v1/segment", json={"image": image, "phrases": PHRASES}).is_success


def damaged_bodies(png):
    """JSON that Python or pydantic may stumble over, by name."""
    image = base64.b64encode(png).decode()
    for digits in ("9" * 309, "9" * 5000, "1e" + "9" * 309, "NaN", "-" + "9" * 309 + ".0"):
        for name in ("top", "alpha", "beta", "format", "phrases", "image"):
            told = {"image": f'"{image}"', "phrases": '["a dog"]', name: digits}
            fields = ",".join(f'"{key}":{value}' for key, value in told.items())
            yield f"{name}={digits[:4]}", f"{{{fields}}}".encode()
    for count in (1_000, 100_000):
        yield "brackets", b"[" * count
        yield "lists", b"[" * count + b"]" * count
        yield "objects", b'{"phrases":' * count + b"1" + b"}" * count
    yield "bytes", b'{"image": "\xff", "phrases": ["a dog"]}'
    yield "surrogate", f'{{"image": "{image}", "phrases": ["a \\ud800 dog"]}}'.encode()


@pytest.mark.parametrize("path", ["/v1/segment", "/v1/scenes", "/v1/scenes/x/find", "/v1/search"])
def test_numbers_and_depths_beyond_reason_are_refused(client, png, path):
    for name, content in damaged_bodies(png):
        told = client.post(path, content=content, headers={"Content-Type": "application/json"})
        assert told.status_code == 422, name
        assert list(told.json()) == ["error"]


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about damaged tags
@pytest.mark.parametrize("kind", ["AVIF", "WEBP", "JPEG2000", "TIFF", "PNG", "JPEG"])
def test_damaged_images_are_refused(client, noise, kind):
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind)
    whole = file.getvalue()
    for size in range(12, len(whole), len(whole) // 12):
        files = {"image": ("a", whole[:size] + b"\0" * 8)}
        told = client.post("/v1/scenes", files=files)
        assert told.status_code in (201, 422), size
