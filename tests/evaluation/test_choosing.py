"""A segmenter under evaluation: its records, its sources of masks, its configuration."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from refmask import fingerprint
from refmask.data import load_dataset
from refmask.errors import ConfigurationError, MaskError, RefmaskWarning
from refmask.evaluation.sources import Instances, MaskFiles, Proposed
from refmask.evaluation.system import SegmenterSystem
from refmask.fingerprint import commit, of_method
from refmask.methods import load_method
from refmask.ops import rle
from refmask.proposals.grouping import Grouping
from refmask.proposals.refine import Refinement
from refmask.segmenter import Segmenter
from refmask.text.parser import PhraseParser
from refmask.types import MaskProposals
from refmask.weights.hashing import sha256_of


@pytest.fixture(scope="module")
def clip(golden_model):
    return golden_model("tiny_vit32")


@pytest.fixture(scope="module")
def parser():
    return PhraseParser()


@pytest.fixture
def segmenter(clip, fixed_proposer, parser):
    return Segmenter(fixed_proposer, load_method("global-local", clip), parser)


@pytest.fixture(scope="module")
def sample():
    dataset = load_dataset("scenes", "val")
    return dataset.sample(dataset.ids[0])


def test_records_say_what_the_scene_answers(segmenter, sample):
    answers = SegmenterSystem(segmenter, Instances(Refinement())).answer(sample)
    scene = segmenter.look(sample.image, sample.instances)
    assert len(answers) == len(sample.queries) > 1
    for number, (record, query) in enumerate(zip(answers, sample.queries, strict=True)):
        answer = scene.find(query.expression)
        assert (record["image"], record["query"]) == (sample.id, query.id)
        assert (record["number"], record["of"]) == (number, len(sample.queries))
        assert record["expression"] == query.expression
        assert record["noun_phrase"] == answer.why.phrase.noun_phrase
        assert record["words"] == len(query.expression.split())
        assert record["chosen"] == answer.best
        assert record["scores"] == pytest.approx(answer.scores.tolist(), abs=2e-3)
        assert np.array_equal(rle.decode(record["mask"]), answer.mask)
        assert record["right_instance"] == (answer.best == query.instance)
        assert record["best_intersection"] == record["best_union"] == query.target.sum()
        assert record["proposals"] == len(sample.instances)
    assert json.loads(json.dumps(answers)) == answers


def test_texts_of_a_image_are_encoded_apart_from_others(clip, segmenter, sample, monkeypatch):
    tower, encoded = clip._text_tower, []
    monkeypatch.setitem(vars(clip), "_text_tower", lambda ids: encoded.append(ids) or tower(ids))
    system = SegmenterSystem(segmenter, Instances(Refinement()))
    assert system.answer(sample) == system.answer(sample)
    assert len(encoded) == 2
    assert encoded[0].equal(encoded[1])


def test_a_image_without_proposals(segmenter, sample):
    none = Instances(Refinement(min_area=0.99))
    record = SegmenterSystem(segmenter, none).answer(sample)[0]
    assert (record["chosen"], record["scores"], record["proposals"]) == (None, [], 0)
    assert (record["intersection"], record["union"]) == (0, sample.queries[0].target.sum())
    assert not rle.decode(record["mask"]).any()


def test_instances_without_a_pixel_are_no_proposals(sample):
    masks = np.concatenate([sample.instances.masks[:2], np.zeros_like(sample.instances.masks[:1])])
    found = Instances(Refinement()).propose(replace(sample, instances=MaskProposals(masks)))
    assert np.array_equal(found.masks, sample.instances.masks[:2])


def test_data_without_instances_are_told(sample):
    with pytest.raises(ConfigurationError, match=r"has no instances for image"):
        Instances(Refinement()).propose(replace(sample, instances=None))


def test_given_masks_by_the_images_id(tmp_path, sample):
    other = load_dataset("scenes", "val").ids[1]
    for name, count in ((sample.id, 2), (other, 1)):
        np.savez(tmp_path / f"{name}.npz", masks=sample.instances.masks[:count])
    spec = f"masks:{tmp_path}/{{stem}}.npz"
    source = MaskFiles(spec, (sample.id, other), Refinement())
    assert np.array_equal(source.propose(sample).masks, sample.instances.masks[:2])
    before = source.configuration()
    assert before["proposer"] == "masks"
    assert str(tmp_path) not in json.dumps(before)
    np.savez(tmp_path / f"{other}.npz", masks=sample.instances.masks[:3])
    assert source.configuration() != before
    with pytest.raises(MaskError, match=r"1 mask files .* the first is .*no\.npz"):
        MaskFiles(spec, (sample.id, "no"), Refinement())


@pytest.mark.parametrize("said", ["", "\u200b \ufeff"])
def test_a_sentence_without_words_is_a_record_with_a_reason(segmenter, sample, said):
    choosing = SegmenterSystem(segmenter, Instances(Refinement()))
    whole = choosing.answer(sample)
    queries = list(sample.queries)
    queries[1] = replace(queries[1], expression=said)
    told = f"sentence {queries[1].id} of image {sample.id} counts as without an answer"
    with pytest.warns(RefmaskWarning, match=told):
        records = choosing.answer(replace(sample, queries=tuple(queries)))
    empty = records.pop(1)
    whole.pop(1)
    assert [one["chosen"] for one in records] == [one["chosen"] for one in whole]
    assert "got an empty one" in empty["reason"]
    assert (empty["chosen"], empty["intersection"], empty["iou"]) == (None, 0, 0)
    assert not rle.decode(empty["mask"]).any()


def test_a_long_sentence_is_cut_or_refused(clip, segmenter, sample):
    long = replace(sample.queries[0], expression="a " + "very " * 90 + "large fish")
    sample = replace(sample, queries=(long,))
    with pytest.warns(RefmaskWarning, match="at most 77 tokens"):
        assert (
            SegmenterSystem(segmenter, Instances(Refinement())).answer(sample)[0]["chosen"]
            is not None
        )
    compat = replace(segmenter.method.compat, long_text_error=True)
    strict = replace(segmenter, method=load_method("global-local", clip, compat=compat))
    with pytest.warns(RefmaskWarning, match="without an answer: .* at most 77 tokens"):
        (record,) = SegmenterSystem(strict, Instances(Refinement())).answer(sample)
    assert record["chosen"] is None


def test_the_configuration_tells_all_that_answers_depend_on(clip, segmenter):
    system = SegmenterSystem(segmenter, Proposed(Grouping()))
    told = system.configuration
    assert json.loads(json.dumps(dict(told))) == told
    assert told["method"] == "global-local"
    assert (told["alpha"], told["beta"]) == (0.85, 0.5)
    assert told["weights_sha256"] == sha256_of(clip.weights)
    assert told["precision"] == "fp32"
    assert told["parser"] == "embedded"
    assert told["proposals.proposer"] == "grouping"
    assert {"version.torch", "version.open_clip", "version.numpy", "version.refmask"} <= set(told)
    assert str(clip.weights.parent) not in json.dumps(dict(told))
    others = [
        replace(segmenter, method=load_method("global-local", clip, alpha=0.5)),
        replace(segmenter, method=load_method("cropping", clip)),
        replace(
            segmenter,
            method=load_method(
                "global-local", clip, compat=replace(segmenter.method.compat, cosine=False)
            ),
        ),
        replace(segmenter, method=load_method("global-local", replace(clip, model_cfg={}))),
    ]
    hashes = {of_method(each.method).short for each in [segmenter, *others]}
    assert len(hashes) == 5


def test_the_commit_is_that_of_the_repository(tmp_path, monkeypatch):
    found = commit()
    assert found is None or re.fullmatch("[0-9a-f]{40}(-dirty)?", found)
    elsewhere = tmp_path / "site-packages" / "refmask" / "fingerprint.py"
    monkeypatch.setattr(fingerprint, "__file__", str(elsewhere))
    assert commit() is None
    (tmp_path / ".git").mkdir()  # no repository, whatever its name says
    assert commit() is None


def test_a_proposer_must_tell_its_configuration(segmenter, fixed_proposer):
    with pytest.raises(ConfigurationError, match=r"FixedProposer does not state"):
        _ = SegmenterSystem(segmenter, Proposed(fixed_proposer)).configuration
