"""``POST /v1/search``: an index of images behind the HTTP interface."""

import shutil
from pathlib import Path

import pytest

import refmask
from refmask.server.searching import opener

pytest.importorskip("lancedb")

from refmask.search import Index


@pytest.fixture(scope="module")
def whole():
    """A system whose proposer has a configuration."""
    return refmask.load("embedded", precision="fp32", answers="one")


@pytest.fixture(scope="module")
def index(whole, tmp_path_factory):
    folder = tmp_path_factory.mktemp("index")
    scenes = Path(refmask.__file__).parent / "assets" / "scenes" / "images"
    for image in sorted(scenes.rglob("*.png"))[:2]:
        (folder / "images").mkdir(exist_ok=True)
        shutil.copy(image, folder / "images")
    made = Index.open(folder / "index", whole, create=True)
    made.add([folder / "images"])
    return folder / "index"


@pytest.fixture(scope="module")
def client(served, whole, index):
    with served(whole, index=opener(index)) as client:
        yield client


def test_hits_are_those_of_the_index(client, whole, index):
    answer = client.post("/v1/search", json={"phrase": "the red thing", "top": 2, "rerank": 1})
    assert answer.status_code == 200
    expected = Index.open(index, whole).search("the red thing", 2, rerank=1)
    assert [hit["content"] for hit in answer.json()["hits"]] == [hit.content for hit in expected]
    for fields, hit in zip(answer.json()["hits"], expected, strict=True):
        assert fields["regions"][0]["score"] == pytest.approx(hit.score, abs=1e-3)
        assert fields["regions"][0]["segmentation"] == hit.regions[0].segmentation
        assert (fields["unsure"], fields["reason"]) == (hit.unsure, hit.reason)
        assert fields["provenance"] == hit.provenance.to_dict()
    assert answer.json()["hits"][0]["confidence"] is not None


def test_filters(client, index):
    query = {"phrase": "the red thing"}
    inside = str(index.parent / "images")
    assert len(client.post("/v1/search", json=query | {"folder": inside}).json()["hits"]) == 2
    for nothing in ({"folder": "/no/such"}, {"min_area": 1.0}, {"until": "1990-01-01"}):
        assert client.post("/v1/search", json=query | nothing).json()["hits"] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"phrase": " "},
        {"top": 0},
        {"min_area": 0.5, "max_area": 0.1},
        {"since": "yesterday"},
        {"folder": "a\x00b"},
        {"path": "/etc"},
    ],
)
def test_invalid_queries(client, fields):
    answer = client.post("/v1/search", json={"phrase": "the dog", **fields})
    assert answer.status_code == 422
    assert list(answer.json()) == ["error"]


def test_without_an_index(served):
    with served() as client:
        answer = client.post("/v1/search", json={"phrase": "the dog"})
    assert answer.status_code == 404
    assert "an `index`" in answer.json()["error"]
