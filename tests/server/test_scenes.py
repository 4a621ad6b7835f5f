"""``/v1/scenes``: look once, ask often; how long scenes are held."""

import dataclasses

import numpy as np
import pytest

from refmask.methods import load_method
from refmask.server.blending import blended
from refmask.server.scene_cache import SceneCache, bytes_of


def look(client, png):
    return client.post("/v1/scenes", files={"image": ("a.png", png)})


def test_a_scene_answers_as_the_image_does(client, png, quarters):
    made = look(client, png)
    assert made.status_code == 201
    place = made.headers["Location"]
    assert place == f"/v1/scenes/{made.json()['id']}"
    with quarters.shut():  # whoever looked again would wait here
        found = client.post(f"{place}/find", json={"phrases": ["the red car"], "top": 4})
        blend = client.post(
            f"{place}/find", json={"phrases": ["the red car"], "top": 4, "alpha": 0.0, "beta": 0.0}
        )
    told = client.post(
        "/v1/segment", files={"image": ("a.png", png)}, data={"phrases": "the red car", "top": 4}
    )
    assert found.json() == told.json()
    assert blend.json() != told.json()


def test_what_a_scene_is(client, png, segmenter, noise):
    made = look(client, png).json()
    assert client.get(f"/v1/scenes/{made['id']}").json() == made
    assert (made["width"], made["height"], made["proposals"]) == (80, 60, 4)
    assert made["bytes"] == bytes_of(segmenter.look(noise))
    assert client.delete(f"/v1/scenes/{made['id']}").status_code == 204
    for again in (
        client.get(f"/v1/scenes/{made['id']}"),
        client.delete(f"/v1/scenes/{made['id']}"),
        client.post(f"/v1/scenes/{made['id']}/find", json={"phrases": ["a"]}),
    ):
        assert again.status_code == 404
        assert "POST /v1/scenes" in again.json()["error"]


def test_only_so_many_are_held(served, png):
    with served(scenes=2) as client:
        first, second = (look(client, png).json()["id"] for _ in range(2))
        client.post(f"/v1/scenes/{first}/find", json={"phrases": ["a dog"]})
        third = look(client, png).json()["id"]
        status = [client.get(f"/v1/scenes/{key}").status_code for key in (first, second, third)]
    assert status == [200, 404, 200]


def test_a_scene_beyond_all_memory(served, png):
    with served(scene_bytes=100) as client:
        told = look(client, png)
    assert told.status_code == 413
    assert "/v1/segment" in told.json()["error"]


@pytest.fixture
def scene(segmenter, noise):
    return segmenter.look(noise)


def test_bytes_count_each_array_once(scene):
    visual = scene.features
    arrays = (scene.image, scene.proposals.masks, scene.proposals.boxes, scene.proposals.quality)
    features = (visual.global_context, visual.local_context)
    assert bytes_of(scene) == sum(array.nbytes for array in (*arrays, *features))
    for other in ("global", "cropping"):
        method = load_method(other, scene.segmenter.method.encoder)
        looked = dataclasses.replace(scene.segmenter, method=method).look(scene.image)
        assert bytes_of(looked) > scene.image.nbytes + scene.proposals.masks.nbytes


def test_those_not_asked_for_longest_leave_first(scene):
    size = bytes_of(scene)
    held = SceneCache(most=9, most_bytes=3 * size, seconds=60)
    first, second, third = (held.keep(scene) for _ in range(3))
    assert held.size == 3 * size
    assert held.get(first).scene is scene
    fourth = held.keep(scene)
    assert held.get(second) is None
    assert all(held.get(key) for key in (first, third, fourth))
    assert (len(held), held.size) == (3, 3 * size)
    assert held.drop(third)
    assert not held.drop(third)
    assert (len(held), held.size) == (2, 2 * size)


def test_time_goes_by_since_it_was_asked(scene):
    now = [0.0]
    held = SceneCache(most=9, most_bytes=10**9, seconds=10, clock=lambda: now[0])
    first, second = held.keep(scene), held.keep(scene)
    now[0] = 9.0
    assert held.get(first) is not None
    now[0] = 10.0
    assert held.get(second) is None
    assert len(held) == 1
    now[0] = 19.0
    held.sweep()
    assert (len(held), held.size) == (0, 0)


def test_a_blended_scene_shares_everything(scene):
    assert blended(scene) is scene
    method = scene.segmenter.method
    assert blended(scene, method.alpha, method.beta) is scene
    other = blended(scene, alpha=0.0)
    assert other.features is scene.features
    assert other.segmenter.method.beta == method.beta
    expected = method.score(
        dataclasses.replace(scene.features, global_context=scene.features.local_context),
        method.encode_text(scene.segmenter.parser(["the red car"])),
    )
    assert np.allclose(other.find("the red car").scores, expected[0], atol=1e-4)
