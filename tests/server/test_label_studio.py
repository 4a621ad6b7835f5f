"""The backend of Label Studio: requests as Label Studio sends them."""

import base64
import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from refmask.answer import Segmentation
from refmask.errors import ConfigurationError, ImageError, InputError
from refmask.server.label_studio.config import Context, context_of, controls_of
from refmask.server.label_studio.tasks import ImageFolder, Query, predict
from refmask.types import TargetPhrase
from refmask.why import Why

BRUSH = """
<View>
  <Image name="image" value="$image" zoom="true"/>
  <BrushLabels name="mask" toName="image">
    <Label value="the red car" background="#f00"/>
    <Label value="left guy"/>
  </BrushLabels>
  <TextArea name="ask" toName="image"/>
</View>
"""
POLYGON = BRUSH.replace("BrushLabels", "PolygonLabels")
#: What an annotator typed.
TYPED = {
    "type": "textarea",
    "from_name": "ask",
    "to_name": "image",
    "value": {"text": ["the dog on the left"]},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory, png):
    folder = tmp_path_factory.mktemp("images")
    (folder / "deep er").mkdir()
    (folder / "deep er" / "a.png").write_bytes(png)
    (folder.parent / "outside.png").write_bytes(png)
    (folder / "link.png").symlink_to(folder.parent / "outside.png")
    (folder / "inside.png").symlink_to(folder / "deep er" / "a.png")
    return folder


@pytest.fixture(scope="module")
def client(served, root):
    with served(images=ImageFolder(root)) as client:
        yield client


@pytest.fixture
def all_sure(monkeypatch):
    """No answer is unsure."""
    monkeypatch.setattr(Segmentation, "UNSURE_BELOW", 0.0)


def request(*images, config=BRUSH, context=None):
    """A request as Label Studio sends it."""
    tasks = [
        {"id": n, "data": {"image": image}, "annotations": []} for n, image in enumerate(images)
    ]
    return {
        "tasks": tasks,
        "project": "7.1700000000",
        "label_config": config,
        "params": {"login": None, "password": None, "context": context},
    }


def uri(png):
    return "data:image/png;base64," + base64.b64encode(png).decode()


def test_requests_when_a_project_is_connected(client):
    assert client.get("/label-studio/health").json()["status"] == "UP"
    assert client.get("/label-studio/").json()["status"] == "UP"
    setup = {
        "project": "7.1700000000",
        "schema": BRUSH,
        "hostname": "http://x",
        "access_token": "y",
    }
    response = client.post("/label-studio/setup", json=setup | {"extra_params": None})
    version = response.json()["model_version"]
    assert version.startswith("refmask ")
    assert client.get("/label-studio/versions").json() == {"versions": [version]}
    event = {"action": "ANNOTATION_CREATED", "project": {"id": 7}}
    assert client.post("/label-studio/webhook", json=event).status_code == 200


@pytest.mark.usefixtures("all_sure")
def test_masks_of_the_labels(client, png, segmenter, noise):
    brush = pytest.importorskip("label_studio_sdk.converter.brush")
    response = client.post(
        "/label-studio/predict", json=request(uri(png), "/data/local-files/?d=deep%20er/a.png")
    )
    assert response.status_code == 200
    first, second = response.json()["results"]
    assert first == second
    expected = segmenter.look(noise).find(["the red car", "left guy"])
    assert [region["value"]["brushlabels"] for region in first["result"]] == [
        ["the red car"],
        ["left guy"],
    ]
    for region, answer in zip(first["result"], expected, strict=True):
        assert (region["from_name"], region["to_name"]) == ("mask", "image")
        assert (region["type"], region["value"]["format"]) == ("brushlabels", "rle")
        assert (region["original_width"], region["original_height"]) == (80, 60)
        assert region["score"] == pytest.approx(answer.confidence, abs=1e-3)
        drawn = brush.decode_rle(region["value"]["rle"]).reshape(60, 80, 4)[..., 3]
        assert (drawn == 255 * answer.mask).all()
    assert len({region["id"] for region in first["result"]}) == 2
    assert first["score"] == pytest.approx(min(a.confidence for a in expected), abs=1e-3)


@pytest.mark.usefixtures("all_sure")
@pytest.mark.parametrize("context", [None, {"result": [TYPED]}])
@pytest.mark.parametrize("config", [BRUSH, POLYGON])
def test_label_studio_takes_the_predictions(client, png, config, context):
    interface = pytest.importorskip("label_studio_sdk.label_interface").LabelInterface(config)
    body = request(uri(png), config=config, context=context)
    (response,) = client.post("/label-studio/predict", json=body).json()["results"]
    assert interface.validate_prediction(response, return_errors=True) == []
    response["result"][0]["value"][response["result"][0]["type"]] = ["no label of the project"]
    assert interface.validate_prediction(response, return_errors=True) != []


@pytest.mark.usefixtures("all_sure")
def test_polygons_where_the_tag_takes_polygons(client, png, segmenter, noise):
    response = client.post("/label-studio/predict", json=request(uri(png), config=POLYGON)).json()
    region = response["results"][0]["result"][0]
    assert region["type"] == "polygonlabels"
    assert region["value"]["polygonlabels"] == ["the red car"]
    mask = segmenter.look(noise).find("the red car").mask
    ys, xs = np.nonzero(mask)
    corners = {
        (100 * x / 80, 100 * y / 60)
        for x in (xs.min(), xs.max() + 1)
        for y in (ys.min(), ys.max() + 1)
    }
    assert {tuple(point) for point in region["value"]["points"]} == corners


def test_unsure_labels_are_left_out(client, png, monkeypatch):
    monkeypatch.setattr(Segmentation, "UNSURE_BELOW", 1.1)
    (response,) = client.post("/label-studio/predict", json=request(uri(png))).json()["results"]
    assert response["result"] == []
    assert response["score"] == 0


def test_a_phrase_that_somebody_types(client, png, segmenter, noise, monkeypatch):
    monkeypatch.setattr(
        Segmentation, "UNSURE_BELOW", 1.1
    )  # included all the same: an annotator waits
    chosen = {"type": "brushlabels", "value": {"brushlabels": ["left guy"], "rle": [0]}}
    for items, label in (([TYPED], "the red car"), ([TYPED, chosen], "left guy")):
        response = client.post(
            "/label-studio/predict", json=request(uri(png), context={"result": items})
        )
        (region,) = response.json()["results"][0]["result"]
        assert region["value"]["brushlabels"] == [label]
        phrase, verdict, model = region["meta"]["text"]
        assert (phrase, model) == ("the dog on the left", "emoji model")
        assert verdict.endswith(", UNSURE")
    answer = segmenter.look(noise).find("the dog on the left")
    assert region["score"] == pytest.approx(answer.confidence, abs=1e-3)


@pytest.mark.parametrize("config", [BRUSH, POLYGON])
def test_each_of_several_things_is_a_region(config, quarters, noise):
    proposals = quarters.propose(noise)
    phrase = TargetPhrase("both cars", "both cars", "both cars", "cars")
    answer = Segmentation(
        proposals, np.array([2, 0, 0, 1], np.float32), (0, 3), 0.9, Why(phrase, 1, 1.0)
    )
    scene = SimpleNamespace(find_phrases=lambda _: [answer])
    (control,) = controls_of(config)
    queries = [Query("both cars", ((control, "the red car"),))]
    found = predict(scene, [phrase], queries, "refmask", typed=False)["result"]
    assert len({region["id"] for region in found}) == len(found) == 2
    if config == POLYGON:
        corners = [np.min(region["value"]["points"], axis=0).tolist() for region in found]
        assert corners == [[0, 0], [50, 50]]


@pytest.mark.usefixtures("all_sure")
def test_an_image_that_cannot_be_used_costs_the_others_nothing(client, png):
    images = (uri(png), "https://example.org/a.png", uri(b"none"))
    response = client.post("/label-studio/predict", json=request(*images)).json()["results"]
    assert [len(result["result"]) for result in response] == [2, 0, 0]
    assert "never fetched" in response[1]["error"]
    alone = client.post("/label-studio/predict", json=request(images[1]))
    assert alone.status_code == 422
    assert "never fetched" in alone.json()["error"]
    assert client.post("/label-studio/predict", json=request()).json() == {"results": []}


@pytest.mark.parametrize(
    "source",
    [
        "/data/local-files/?d=../outside.png",
        "/data/local-files/?d=deep%20er/../../outside.png",
        "/data/local-files/?d=/etc/passwd",
        "/data/local-files/?d=link.png",
        "/data/local-files/?d=deep%20er",
        "/data/local-files/?d=nothing.png",
        "/data/local-files/?d=a%00b.png",
        "/data/local-files/?d=" + "x" * 5000,
        "/data/local-files/",
        "/data/upload/1/a.png",
        "file:///etc/passwd",
        "http://[broken",
        "",
        7,
        None,
    ],
)
def test_images_that_are_out_of_reach(root, source):
    with pytest.raises(ImageError) as caught:
        ImageFolder(root).read(source, 10**6)
    assert str(root) not in str(caught.value)


def test_images_within_reach(root, png):
    images = ImageFolder(root)
    for source in (
        "/data/local-files/?d=deep%20er/a.png",
        "http://label.studio:8080/data/local-files/?d=deep+er%2Fa.png",
        "/data/local-files/?d=inside.png",
        uri(png),
    ):
        assert images.read(source, 10**6) == png
    with pytest.raises(ImageError, match="more than 10 bytes"):
        images.read("/data/local-files/?d=inside.png", 10)
    with pytest.raises(ImageError, match="label_studio_root"):
        ImageFolder().read("/data/local-files/?d=inside.png", 10**6)
    with pytest.raises(ConfigurationError, match="is not a folder"):
        ImageFolder(root / "nowhere")


@pytest.mark.parametrize(
    "config",
    [
        "",
        "no XML",
        "<View>",
        "<View/>",
        BRUSH.replace("$image", "a.png"),
        BRUSH.replace('toName="image"', 'toName="other"'),
        '<View><Image name="i" value="$i"/><BrushLabels name="b" toName="i"/></View>',
        '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + BRUSH.replace("left guy", "&a;"),
        "\x00",
    ],
)
def test_configurations_that_cannot_be_used(client, config):
    with pytest.raises(InputError):
        controls_of(config)
    response = client.post("/label-studio/predict", json=request("x", config=config))
    assert response.status_code == 422


def test_configurations():
    both = BRUSH.replace(
        "</View>",
        '<PolygonLabels name="p" toName="image"><Label value="left guy"/></PolygonLabels></View>',
    )
    brush, polygon = controls_of(both)
    assert (brush.kind, brush.name, brush.image, brush.key) == (
        "brushlabels",
        "mask",
        "image",
        "image",
    )
    assert brush.labels == ("the red car", "left guy")
    assert polygon == dataclasses.replace(
        brush, kind="polygonlabels", name="p", labels=("left guy",)
    )


@pytest.mark.parametrize(
    "context",
    [
        *(None, [], {}, {"result": None}, {"result": 10**309}, {"result": "text"}, {"result": {}}),
        {"result": [None, {}, {"value": 3}, {"value": {"text": 3}}]},
        {"result": [{"value": {"text": {}, "brushlabels": 10**309, "polygonlabels": [[]]}}]},
    ],
)
def test_empty_contexts(context):
    assert context_of(context) == Context()


def test_limits_of_phrases(served, png):
    with served(images=ImageFolder(), phrases=1) as client:
        response = client.post("/label-studio/predict", json=request(uri(png)))
    assert response.status_code == 422
    assert "at most 1" in response.json()["error"]
    with served(images=ImageFolder(), letters=8) as client:
        response = client.post("/label-studio/predict", json=request(uri(png)))
    assert "8 characters" in response.json()["error"]
