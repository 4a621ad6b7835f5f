"""``/v1/scenes``: encode once, query often; how long scenes are cached."""

import dataclasses

import numpy as np
import pytest

from refmask.methods import load_method
from refmask.server.blending import blended
from refmask.server.scene_cache import SceneCache, bytes_of


def create(client, png):
    return client.post("/v1/scenes", files={"image": ("a.png", png)})


def test_a_scene_answers_as_the_image_does(client, png, quarters):
    created = create(client, png)
    assert created.status_code == 201
    path = created.headers["Location"]
    assert path == f"/v1/scenes/{created.json()['id']}"
    with quarters.shut():  # encoding again would wait here
        found = client.post(f"{path}/find", json={"phrases": ["the red car"], "top": 4})
        blend = client.post(
            f"{path}/find", json={"phrases": ["the red car"], "top": 4, "alpha": 0.0, "beta": 0.0}
        )
    answer = client.post(
        "/v1/segment", files={"image": ("a.png", png)}, data={"phrases": "the red car", "top": 4}
    )
    assert found.json() == answer.json()
    assert blend.json() != answer.json()


def test_a_scene_is_described_and_deleted(client, png, segmenter, noise):
    created = create(client, png).json()
    assert client.get(f"/v1/scenes/{created['id']}").json() == created
    assert (created["width"], created["height"], created["proposals"]) == (80, 60, 4)
    assert created["bytes"] == bytes_of(segmenter.look(noise))
    assert client.delete(f"/v1/scenes/{created['id']}").status_code == 204
    for again in (
        client.get(f"/v1/scenes/{created['id']}"),
        client.delete(f"/v1/scenes/{created['id']}"),
        client.post(f"/v1/scenes/{created['id']}/find", json={"phrases": ["a"]}),
    ):
        assert again.status_code == 404
        assert "POST /v1/scenes" in again.json()["error"]


def test_scenes_are_limited_in_number(served, png):
    with served(scenes=2) as client:
        first, second = (create(client, png).json()["id"] for _ in range(2))
        client.post(f"/v1/scenes/{first}/find", json={"phrases": ["a dog"]})
        third = create(client, png).json()["id"]
        status = [client.get(f"/v1/scenes/{key}").status_code for key in (first, second, third)]
    assert status == [200, 404, 200]


def test_a_scene_too_large_for_the_cache(served, png):
    with served(scene_bytes=100) as client:
        answer = create(client, png)
    assert answer.status_code == 413
    assert "/v1/segment" in answer.json()["error"]


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
        encoded = dataclasses.replace(scene.segmenter, method=method).look(scene.image)
        assert bytes_of(encoded) > scene.image.nbytes + scene.proposals.masks.nbytes


def test_the_least_recently_used_are_deleted_first(scene):
    size = bytes_of(scene)
    cache = SceneCache(most=9, most_bytes=3 * size, seconds=60)
    first, second, third = (cache.add(scene) for _ in range(3))
    assert cache.size == 3 * size
    assert cache.get(first).scene is scene
    fourth = cache.add(scene)
    assert cache.get(second) is None
    assert all(cache.get(key) for key in (first, third, fourth))
    assert (len(cache), cache.size) == (3, 3 * size)
    assert cache.delete(third)
    assert not cache.delete(third)
    assert (len(cache), cache.size) == (2, 2 * size)


def test_scenes_expire_after_their_last_use(scene):
    now = [0.0]
    cache = SceneCache(most=9, most_bytes=10**9, seconds=10, clock=lambda: now[0])
    first, second = cache.add(scene), cache.add(scene)
    now[0] = 9.0
    assert cache.get(first) is not None
    now[0] = 10.0
    assert cache.get(second) is None
    assert len(cache) == 1
    now[0] = 19.0
    cache.sweep()
    assert (len(cache), cache.size) == (0, 0)


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
