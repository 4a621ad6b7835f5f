"""``POST /v1/segment``: answers and errors."""

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
    content = {"image": base64.b64encode(png).decode(), "phrases": PHRASES, **fields}
    return client.post("/v1/segment", json=content)


@pytest.fixture(scope="module")
def expected(segmenter, noise):
    return segmenter.look(noise).find(PHRASES)


@pytest.mark.parametrize("send", [form, body])
def test_answers_are_those_of_the_scene(client, png, expected, send):
    response = send(client, png)
    assert response.status_code == 200
    assert (response.json()["width"], response.json()["height"]) == (80, 60)
    for fields, answer in zip(response.json()["answers"], expected, strict=True):
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
    response = form(client, png, format="polygons").json()["answers"]
    for fields, answer in zip(response, expected, strict=True):
        (ring,) = fields["answer"]["polygons"]
        ys, xs = np.nonzero(answer.mask)
        corners = {(x, y) for x in (xs.min(), xs.max() + 1) for y in (ys.min(), ys.max() + 1)}
        assert {tuple(point) for point in ring} == corners


def test_a_mask_is_drawn_once(client, png, monkeypatch):
    drawn = []
    real = answers.polygons
    monkeypatch.setattr(answers, "polygons", lambda mask: drawn.append(1) or real(mask))
    response = body(client, png, format="polygons", top=4, phrases=["a", "b", "c"])
    assert len(drawn) == 4
    assert [len(fields["candidates"]) for fields in response.json()["answers"]] == [4] * 3


def test_the_best_proposals_are_listed(client, png, expected):
    for fields, answer in zip(form(client, png, top="3").json()["answers"], expected, strict=True):
        listed = [candidate["proposal"] for candidate in fields["candidates"]]
        assert listed == list(np.argsort(-answer.scores, kind="stable")[:3])


def test_blends_of_one_request(client, png, noise, quarters):
    blended = body(client, png, alpha=0.1, beta=1, top=4).json()["answers"]
    other = refmask.load(
        "embedded",
        proposals=quarters,
        precision="fp32",
        alpha=0.1,
        beta=1.0,
        answers="one",
        terms="none",
    )
    for fields, answer in zip(blended, other.look(noise).find(PHRASES), strict=True):
        scores = [candidate["score"] for candidate in fields["candidates"]]
        assert scores == pytest.approx(sorted(answer.scores, reverse=True), abs=1e-3)
    default = body(client, png, top=4).json()["answers"]
    assert [f["candidates"][0]["score"] for f in default] != [
        f["candidates"][0]["score"] for f in blended
    ]


def test_a_method_without_blends(served, png):
    usual = refmask.load("embedded", precision="fp32")
    whole = dataclasses.replace(usual, method=load_method("global", usual.method.encoder))
    with served(whole) as client:
        response = body(client, png, alpha=0.5)
        assert response.status_code == 422
        assert "no alpha" in response.json()["error"]


@pytest.mark.parametrize(
    ("fields", "message"),
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
        ({"image": base64.b64encode(b"GIF89a, not really").decode()}, "damaged"),
        ({"image": ""}, "no image"),
    ],
)
def test_invalid_requests(client, png, fields, message):
    response = body(client, png, **fields)
    assert response.status_code == 422
    assert list(response.json()) == ["error"]
    assert message in response.json()["error"]
    assert "\n" not in response.json()["error"]


def test_a_data_uri(client, png):
    uri = "data:image/png;base64," + base64.b64encode(png).decode()
    assert body(client, png, image=uri).json() == body(client, png).json()


def test_an_image_cut_short(client, png):
    response = form(client, png[: len(png) // 2])
    assert response.status_code == 422
    assert "cut short" in response.json()["error"]


def test_too_many_pixels(served, png):
    with served(pixels=60 * 80 - 1) as small:
        response = form(small, png)
    assert response.status_code == 422
    assert "80x60" in response.json()["error"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b'{"phrases": "\\ud800"}', b"\xff\xfe", b"null"]
)
def test_invalid_json(client, content):
    response = client.post(
        "/v1/segment", content=content, headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 422
    assert json.loads(response.content)["error"].startswith("the body is invalid")


def test_invalid_forms(client, png):
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


def test_an_unexpected_error_reveals_nothing(served, segmenter, png):
    class Broken:
        def propose(self, _):
            raise RuntimeError("a secret")

    with served(dataclasses.replace(segmenter, proposer=Broken()), raising=False) as client:
        response = form(client, png)
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert list(response.json()) == ["error"]


def test_unknown_paths_and_methods(client):
    response = client.get("/v1/segment")
    assert response.status_code == 405
    assert response.headers["Allow"] == "POST"
    assert response.json() == {"error": "this path does not allow GET; use POST"}
    assert client.put("/v1/scenes/x").headers["Allow"] == "DELETE, GET"
    for path in ("/", "/docs", "/v1/nothing"):
        response = client.get(path)
        assert response.status_code == 404
        assert list(response.json()) == ["error"]


def test_base64_may_have_line_breaks(client, png):
    plain = base64.b64encode(png).decode()
    broken = "\r\n".join(plain[start : start + 76] for start in range(0, len(plain), 76))
    for image in (base64.encodebytes(png).decode(), broken, f"data:image/png;base64,{broken}\n"):
        assert client.post("/v1/segment", json={"image": image, "phrases": PHRASES}).is_success


def damaged_bodies(png):
    """JSON that may break Python or pydantic, by name."""
    image = base64.b64encode(png).decode()
    for digits in ("9" * 309, "9" * 5000, "1e" + "9" * 309, "NaN", "-" + "9" * 309 + ".0"):
        for name in ("top", "alpha", "beta", "format", "phrases", "image"):
            values = {"image": f'"{image}"', "phrases": '["a dog"]', name: digits}
            fields = ",".join(f'"{key}":{value}' for key, value in values.items())
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
        response = client.post(path, content=content, headers={"Content-Type": "application/json"})
        assert response.status_code == 422, name
        assert list(response.json()) == ["error"]


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about damaged tags
@pytest.mark.parametrize("kind", ["AVIF", "WEBP", "JPEG2000", "TIFF", "PNG", "JPEG"])
def test_damaged_images_are_refused(client, noise, kind):
    file = io.BytesIO()
    Image.fromarray(noise).save(file, kind)
    whole = file.getvalue()
    for size in range(12, len(whole), len(whole) // 12):
        files = {"image": ("a", whole[:size] + b"\0" * 8)}
        response = client.post("/v1/scenes", files=files)
        assert response.status_code in (201, 422), size
