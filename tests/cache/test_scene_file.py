"""A scene that is saved and loaded answers as before; what is no such file is told in one line."""

import contextlib
import dataclasses
import json
import struct

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save

from refmask import ConfigurationError, InputError, MaskError, MaskProposals, Scene
from refmask.cache import container, mask_coding
from refmask.compat import reference
from refmask.methods import METHODS, load_method
from refmask.segmenter import Segmenter

PHRASES = ["the red car on the left", "left guy", "a dog"]


@pytest.fixture
def segmenter(golden_model, classifier, fixed_proposer, fixed_parser):
    """Makes one with a method, on the first model that it takes unless one is given."""

    def make(name="global-local", clip=None, **settings):
        models = (golden_model("tiny_vit32"), golden_model("tiny_rn"), classifier)
        for each in [clip] if clip else models:
            with contextlib.suppress(ConfigurationError):
                return Segmenter(fixed_proposer, load_method(name, each, **settings), fixed_parser)
        raise AssertionError(f"{name} cannot be made")

    return make


@pytest.fixture
def proposals(fixed_proposer, noise):
    four = fixed_proposer.propose(noise)
    boxes = four.boxes + np.float32(0.25)
    return MaskProposals(four.masks, boxes, four.quality, {"cells": np.arange(8).reshape(4, 2)})


@pytest.fixture
def saved(tmp_path, segmenter, noise, proposals):
    path = tmp_path / "street.safetensors"
    segmenter().look(noise, proposals).save(path)
    return path


def exact(answers):
    return [
        (a.mask.tobytes(), a.scores.tobytes(), a.best, a.confidence, a.why.runner_up, a.why.margin)
        for a in answers
    ]


@pytest.mark.parametrize("method", METHODS)
def test_answers_are_the_same_and_nothing_is_looked_at(
    method, segmenter, tmp_path, noise, proposals, blind
):
    scene = segmenter(method).look(noise, proposals)
    answers = exact(scene.find(PHRASES))
    scene.save(tmp_path / "street.safetensors")
    blind()
    again = Scene.load(str(tmp_path / "street.safetensors"), segmenter(method))
    assert exact(again.find(PHRASES)) == answers
    assert np.array_equal(again.image, noise)
    for name in ("masks", "boxes", "quality"):
        kept, given = (getattr(each.proposals, name) for each in (again, scene))
        assert (kept.dtype, kept.tobytes()) == (given.dtype, given.tobytes())
    assert np.array_equal(again.proposals.details["cells"], proposals.details["cells"])
    again.save(tmp_path / "again.safetensors")
    content = (tmp_path / "again.safetensors").read_bytes()
    assert content == (tmp_path / "street.safetensors").read_bytes()


def test_a_scene_of_the_global_features_alone_looks_closer_when_asked(
    segmenter, tmp_path, noise, proposals
):
    scene = segmenter(local_top=2).look(noise, proposals)
    answers = exact(scene.find(PHRASES))
    scene.save(tmp_path / "street.safetensors")
    again = Scene.load(tmp_path / "street.safetensors", segmenter(local_top=2))
    with safe_open(tmp_path / "street.safetensors", "np") as file:
        assert [name for name in file.keys() if name.startswith("features")] == ["features/global"]  # noqa: SIM118
    assert exact(again.find(PHRASES)) == answers


def test_a_scene_without_proposals(segmenter, tmp_path, noise):
    segmenter().look(noise, MaskProposals.empty(60, 80)).save(tmp_path / "a.safetensors")
    answer = Scene.load(tmp_path / "a.safetensors", segmenter()).find("the cat")
    assert (answer.best, answer.unsure) == (None, True)


def test_other_blends_answer_as_if_they_had_looked(saved, segmenter, noise, proposals):
    for settings in ({"alpha": 0.2, "beta": 0.9}, {"alpha": 1.0}):
        other = segmenter(**settings)
        looked = other.look(noise, proposals).find(PHRASES)
        assert exact(Scene.load(saved, other).find(PHRASES)) == exact(looked)
    for method in ("cropping", "global"):
        looked = segmenter(method).look(noise, proposals).find(PHRASES)
        assert exact(Scene.load(saved, segmenter(method)).find(PHRASES)) == exact(looked)


def test_the_file_is_there_for_others_too(saved, noise):
    with safe_open(saved, "np") as file:
        assert sorted(file.keys()) == [
            "features/global",
            "features/local",
            "image",
            "proposals/boxes",
            "proposals/details/cells",
            "proposals/quality",
            "proposals/runs",
        ]
        assert np.array_equal(file.get_tensor("image"), noise)
        assert file.get_tensor("features/local").shape == (4, 64)
        assert json.loads(file.metadata()["refmask"])["format"] == "scene 2"
    assert saved.stat().st_size < noise.nbytes + 2 * 4 * 64 * 4 + 3000


# Another configuration.


def test_differences_are_named(saved, segmenter, golden_model):
    clip = golden_model("tiny_vit32")
    released = reference("vit")
    others = [
        (segmenter(mask_layers=5), "mask_layers 3 instead of 5"),
        (segmenter(clip=golden_model("tiny_vit16")), "model_sha256 .*; weights_sha256 "),
        (segmenter(clip=dataclasses.replace(clip, model_cfg={})), "model_sha256 "),
        (segmenter(compat=released), "shorter_side nothing instead of 800; .*unit_global True"),
    ]
    for other, told in others:
        with pytest.raises(ConfigurationError, match=told) as caught:
            Scene.load(saved, other)
        assert "\n" not in str(caught.value)
        assert str(caught.value).endswith("or look at the image again")
        assert "encoded by tiny_vit32" in str(caught.value)


def test_features_that_were_not_kept_are_named(saved, segmenter, tmp_path, noise):
    with pytest.raises(ConfigurationError, match="holds no region features, but global, local;"):
        Scene.load(saved, segmenter("region-token"))
    segmenter("cropping").look(noise).save(tmp_path / "cropped.safetensors")
    with pytest.raises(ConfigurationError, match="holds no global features, but local;"):
        Scene.load(tmp_path / "cropped.safetensors", segmenter())


def test_what_cannot_be_saved(segmenter, noise, tmp_path, golden_model):
    scene = segmenter().look(noise)
    with pytest.raises(ConfigurationError, match=r"saved as \.safetensors, not as street\.png"):
        scene.save(tmp_path / "street.png")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="cannot write"):
        scene.save(tmp_path / "file" / "street.safetensors")
    nameless = dataclasses.replace(golden_model("tiny_vit32"), weights=None)
    with pytest.raises(ConfigurationError, match="not read from a file"):
        segmenter(clip=nameless).look(noise).save(tmp_path / "street.safetensors")
    masks = MaskProposals(scene.proposals.masks, details={"name": np.array(list("abcd"))})
    with pytest.raises(MaskError, match="details/name' is an array of"):
        segmenter().look(noise, masks).save(tmp_path / "street.safetensors")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


# Damage.


def refused(path, segmenter, says=""):
    with pytest.raises(
        InputError, match=f"damaged or no scene.*{says}.*encode the image again"
    ) as caught:
        Scene.load(path, segmenter)
    assert "\n" not in str(caught.value)


def test_every_cut_and_every_flipped_bit_is_noticed(saved, segmenter):
    whole, answering = saved.read_bytes(), segmenter()
    header = 8 + int.from_bytes(whole[:8], "little")
    # Pixels and features are alike among themselves; the header's letters are not.
    for length in [*range(0, header, 5), *range(header, len(whole), 997)]:
        saved.write_bytes(whole[:length])
        refused(saved, answering)
    for place in [*range(0, header, 3), *range(header, len(whole), 97)]:
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 7
        saved.write_bytes(changed)
        refused(saved, answering)
    saved.write_bytes(whole)
    Scene.load(saved, answering)


def test_what_is_not_there_or_something_else(tmp_path, segmenter, noise):
    with pytest.raises(InputError, match="there is no such file"):
        Scene.load(tmp_path / "absent.safetensors", segmenter())
    with pytest.raises(InputError, match="it is a folder"):
        Scene.load(tmp_path, segmenter())
    other = tmp_path / "other.safetensors"
    for content in (b"", b"\x80\x04N.", save({"weight": noise})):
        other.write_bytes(content)
        refused(other, segmenter())
    with other.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(InputError, match="REFMASK_LIMITS=unpacked="):
        Scene.load(other, segmenter())


def parts_of(path):
    return container.unpack(container.SCENE, path.read_bytes())


def forged(path, changes, **told):
    """Write the file anew with other tensors and a checksum that fits."""
    header, arrays = parts_of(path)
    arrays = {name: values for name, values in (arrays | changes).items() if values is not None}
    path.write_bytes(container.pack(container.SCENE, header | told, arrays))


FORGED = {
    "no image": {"image": None},
    "a grey image": {"image": np.zeros((60, 80), np.uint8)},
    "an image of floats": {"image": np.zeros((60, 80, 3), np.float32)},
    "an image of another size": {"image": np.zeros((60, 81, 3), np.uint8)},
    "an image of nothing": {"image": np.zeros((0, 80, 3), np.uint8)},
    "no quality": {"proposals/quality": None},
    "no runs": {"proposals/runs": None},
    "runs of floats": {"proposals/runs": np.zeros(9, np.float32)},
    "runs of nothing": {"proposals/runs": np.zeros(0, np.uint8)},
    "features of another count": {"features/global": np.zeros((3, 64), np.float32)},
    "features of another width": {"features/local": np.zeros((4, 63), np.float32)},
    "features of doubles": {"features/local": np.zeros((4, 64))},
    "no features": {"features/local": None},
    "further features": {"features/other": np.zeros((4, 64), np.float32)},
}


@pytest.mark.parametrize("changes", FORGED.values(), ids=FORGED)
def test_tensors_that_do_not_fit_are_refused(saved, segmenter, changes):
    forged(saved, changes)
    refused(saved, segmenter())


@pytest.mark.parametrize(
    "told",
    [
        *("", "{", "[]", "3", "[" * 100000, "{}", '{"format": "scene 3"}', '{"format": "scene 2"}'),
        '{"format": "scene 2", "model": {}, "settings": {}, "proposed_by": "a", "sha256": 1}',
    ],
)
def test_metadata_that_make_no_sense_are_refused(saved, segmenter, told):
    arrays = parts_of(saved)[1]
    saved.write_bytes(save(arrays, {"refmask": told}))
    refused(saved, segmenter())
    saved.write_bytes(save(arrays))
    refused(saved, segmenter(), "format 'scene 2'")


@pytest.mark.parametrize(
    "told",
    [{"model": 3}, {"settings": []}, {"settings": {"global": 1, "local": {}}}, {"settings": None}],
)
def test_headers_that_make_no_sense_are_refused(saved, segmenter, told):
    forged(saved, {}, **told)
    refused(saved, segmenter())


def test_a_forged_model_is_another_model(saved, segmenter):
    forged(saved, {}, model={"model": ["a"], "weights_sha256": {}})
    with pytest.raises(ConfigurationError, match="weights_sha256"):
        Scene.load(saved, segmenter())


def test_masks_that_do_not_fit_are_refused(saved, segmenter):
    empty = mask_coding.encode(MaskProposals(np.zeros((4, 60, 80), np.bool_)))
    forged(saved, {f"proposals/{name}": values for name, values in empty.items()})
    refused(saved, segmenter(), "covers no pixel")
    forged(saved, {"proposals/quality": np.ones(10**6, np.float32)})
    refused(saved, segmenter(), "too many masks")


def test_a_scene_of_the_first_version_is_read(saved, segmenter, proposals, first_version):
    answers = exact(Scene.load(saved, segmenter()).find(PHRASES))
    header, arrays = parts_of(saved)
    runs = dict(zip(("lengths", "labels"), mask_coding.together(proposals.masks), strict=False))
    masks = runs | {"table": np.ascontiguousarray(mask_coding.together(proposals.masks)[2].T)}
    masks |= {"quality": proposals.quality, "boxes": proposals.boxes}
    entry = first_version("masks", {"picture": "a"}, masks)
    tensors = {name: values for name, values in arrays.items() if name.startswith("features/")}
    tensors |= {"picture": arrays["image"], "proposals": np.frombuffer(entry, np.uint8)}
    told = {"format": "scene 1", "model": header["model"], "parts": header["settings"]}
    told["sha256"] = container._digest(told, tensors)
    saved.write_bytes(save(tensors, {"refmask": json.dumps(told)}))
    assert exact(Scene.load(saved, segmenter()).find(PHRASES)) == answers
    del tensors["proposals"], told["sha256"]
    told["sha256"] = container._digest(told, tensors)
    saved.write_bytes(save(tensors, {"refmask": json.dumps(told)}))
    refused(saved, segmenter())


def test_headers_that_lie_are_refused(saved, segmenter):
    header = {"image": {"dtype": "U8", "shape": [2**40, 3], "data_offsets": [0, 3 * 2**40]}}
    for told in (header, {"image": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}, []):
        text = json.dumps(told).encode()
        saved.write_bytes(struct.pack("<Q", len(text)) + text + b"\0\0")
        refused(saved, segmenter())
    saved.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    refused(saved, segmenter())
