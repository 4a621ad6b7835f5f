"""Where answers come from: told by segmenters, scenes and answers alike."""

import dataclasses
from importlib.metadata import version

import numpy as np
import pytest

import refmask
from refmask import MaskProposals, Provenance, Scene
from refmask.cache.masks import CachedProposer, MaskCache
from refmask.compat import reference
from refmask.factory import assemble
from refmask.fingerprint import describe_method, describe_proposer
from refmask.methods import load_method
from refmask.proposals.given import GivenMasks
from refmask.proposals.grouping import Grouping
from refmask.proposals.refine import Refined, Refinement
from refmask.provenance import label_of, spelled
from refmask.weights.hashing import sha256_of


@pytest.fixture
def clip(golden_model):
    return golden_model("tiny_vit32")


@pytest.fixture
def segmenter(clip, fixed_parser):
    return assemble(clip, Grouping(), parser=fixed_parser)


def test_models_that_need_a_word_have_one():
    assert label_of("offline") == "offline preview: ImageNet classes, not CLIP"
    assert label_of("embedded") == "emoji model: knows emoji scenes only"
    assert label_of("ViT-B-32-quickgelu openai") is None


def test_captions_begin_with_the_label():
    fields = {"weights": None, "proposals": "", "method": "", "version": ""}
    preview = Provenance("offline", **fields, label=label_of("offline"))
    assert preview.caption == "offline preview"
    assert Provenance("ViT-B-32 openai", **fields).caption == "ViT-B-32 openai"


def test_settings_are_spelled_as_options_take_them():
    settings = {"limit": 100, "floor": 0.1, "nothing": None, "weights": "0123456789ab" + 52 * "c"}
    assert spelled("grouping", settings) == "grouping:limit=100,floor=0.1,weights=0123456789ab"
    assert spelled("grouping", {}) == "grouping"


def test_methods(clip):
    assert (
        describe_method(load_method("global-local", clip), {}) == "global-local:alpha=0.85,beta=0.5"
    )
    short = load_method("global-local", clip, alpha=0.2, local_top=3, compat=reference("vit"))
    assert (
        describe_method(short, {}) == "global-local:alpha=0.2,beta=0.5,local_top=3,compat=reference"
    )
    other = dataclasses.replace(short.compat, cosine=False)
    assert describe_method(dataclasses.replace(short, compat=other), {}).endswith("compat=other")
    assert describe_method(load_method("cropping", clip), {}).partition(":")[0] == "cropping"


def test_proposers(tmp_path, fixed_proposer):
    grouping = "grouping:version=1,limit=7,floor=0.1"
    assert describe_proposer(Grouping(limit=7)) == grouping
    assert describe_proposer(Refined(Grouping(limit=7), Refinement())) == grouping
    stored = CachedProposer(Grouping(limit=7), MaskCache(tmp_path / "store", create=True))
    assert (
        describe_proposer(Refined(stored, Refinement(limit=2))) == f"{grouping},refinement.limit=2"
    )
    np.savez(tmp_path / "a.npz", masks=np.ones((1, 4, 4), np.bool_))
    given = GivenMasks(tmp_path / "a.npz")
    assert describe_proposer(given) == f"masks:{tmp_path / 'a.npz'}"
    assert describe_proposer(Refined(given, Refinement(limit=2))).endswith(
        "a.npz:refinement.limit=2"
    )
    assert describe_proposer(fixed_proposer) == "FixedProposer"


def test_a_segmenter_tells_all_of_it_and_every_answer_the_same(segmenter, clip, noise):
    told = segmenter.provenance
    assert told == Provenance(
        model="tiny_vit32.json tiny_vit32.safetensors",  # without their folders
        weights=sha256_of(clip.weights),
        proposals="grouping:version=1,limit=100,floor=0.1",
        method="global-local:alpha=0.85,beta=0.5,terms=all,answers=auto",
        version=version("refmask"),
        label=None,
    )
    scene = segmenter.look(noise)
    answers = scene.find(["the red car", "left guy"])
    assert [scene.provenance, *(answer.provenance for answer in answers)] == [told] * 3
    nothing = segmenter.look(noise, MaskProposals.empty(60, 80)).find("the red car")
    assert nothing.provenance == dataclasses.replace(told, proposals="given")


def test_the_weights_are_read_through_once(model_files, fixed_proposer, fixed_parser, noise):
    reads = []

    def counted(path):
        reads.append(path)
        return sha256_of(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("refmask.clip.backbone.sha256_of", counted)
        made = refmask.load(*model_files("tiny_vit32"), proposals=fixed_proposer)
        made = dataclasses.replace(made, parser=fixed_parser)
        assert reads == []  # not before somebody asks
        scenes = [made.look(noise), dataclasses.replace(made, proposer=Grouping()).look(noise)]
        for scene in scenes:
            scene.find(["the red car", "left guy"])
    assert len(reads) == 1


def test_terms_and_the_way_of_choosing_are_told(clip, fixed_proposer, fixed_parser):
    plain = assemble(clip, fixed_proposer, parser=fixed_parser, terms="none", answers="one")
    other = dataclasses.replace(plain, terms={"colour": 2.0}, consensus=True)
    method = f"{plain.provenance.method},terms=colour:weight=2,consensus=True"
    assert other.provenance.method == method
    assert dataclasses.replace(plain, terms={"colour": 0}).provenance == plain.provenance


def test_a_model_without_a_file_has_no_hash(clip, fixed_proposer, fixed_parser, noise):
    nameless = dataclasses.replace(clip, weights=None, name="embedded")
    scene = assemble(nameless, fixed_proposer, parser=fixed_parser).look(noise)
    told = scene.find("the red car").provenance
    assert (told.weights, told.label) == (None, label_of("embedded"))


def test_a_saved_scene_remembers_what_proposed_its_masks(
    segmenter, clip, fixed_proposer, fixed_parser, noise, tmp_path
):
    looked = segmenter.look(noise)
    looked.save(tmp_path / "a.safetensors")
    other = assemble(clip, fixed_proposer, settings={"alpha": 0.1}, parser=fixed_parser)
    told = Scene.load(tmp_path / "a.safetensors", other).find("the red car").provenance
    assert told.proposals == looked.provenance.proposals
    assert told.method.startswith("global-local:alpha=0.1,beta=0.5")  # what answers now


def test_reprs_are_one_line_without_arrays(segmenter, noise):
    scene = segmenter.look(noise)
    for thing in (segmenter, scene, scene.proposals, scene.find("the red car")):
        assert "\n" not in repr(thing)
        assert "array" not in repr(thing)
    assert repr(segmenter) == f"<Segmenter of {segmenter.provenance}>"
    model = segmenter.provenance.caption
    size = f"{len(scene.proposals)} regions in 80x60 pixels"
    assert repr(scene) == f"<Scene: {size}, seen by {model}>"
    assert repr(scene.find("the red car")).endswith(f" of 80x60 pixels, by {model}>")
    assert repr(scene.proposals) == f"<MaskProposals: {len(scene.proposals)} of 80x60 pixels>"
