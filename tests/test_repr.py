"""What public objects print: a line or a small table, never an array or a model."""

import inspect

import numpy as np
import pytest

import refmask
from refmask import compat

LONGEST, MOST_LINES = 320, 20


@pytest.fixture(scope="module")
def objects(golden_model):
    """One of each public class that is no error, by its name; several where they differ."""
    segmenter = refmask.load("embedded", precision="fp32")
    dataset = refmask.load_dataset("scenes", "val")
    sample = dataset.sample(dataset.ids[0])
    scene = segmenter.look(sample.image, sample.instances)
    answer = scene.find(sample.queries[0].expression)
    features = np.zeros((3, 4), np.float32)
    return {
        "Candidate": answer.top(2),
        "ClipBackbone": [segmenter.method.encoder, golden_model("tiny_rn")],
        "Compat": [refmask.Compat(), compat.reference("vit"), refmask.Compat(shorter_side=800)],
        "ContextFeatures": [refmask.ContextFeatures(features, features)],
        "MaskProposals": [scene.proposals],
        "MaskProposer": [segmenter.proposer, refmask.load_proposer("photo")],
        "Method": [segmenter.method],
        "PhraseParser": [segmenter.parser],
        "Provenance": [answer.provenance],
        "Query": list(sample.queries),
        "Refinement": [refmask.Refinement(min_area=0.1)],
        "Sample": [sample],
        "Scene": [scene],
        "Segmentation": [answer],
        "Segmenter": [segmenter],
        "TargetPhrase": [answer.why.phrase],
        "Why": [answer.why],
    }


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in refmask.__all__
        if inspect.isclass(getattr(refmask, name))
        and not issubclass(getattr(refmask, name), Exception)
    ],
)
def test_repr_is_short(name, objects):
    for one in objects[name]:
        lines = repr(one).splitlines()
        assert len(lines) <= MOST_LINES
        assert max(map(len, lines)) <= LONGEST
        assert not any(word in repr(one) for word in ("array(", "tensor(", "Linear(", " at 0x"))


def test_what_a_repr_says():
    assert repr(refmask.Compat()) == "<Compat: default>"
    assert repr(compat.reference("resnet")) == "<Compat: reference, resnet>"
    assert repr(refmask.Compat(shorter_side=800)) == "<Compat: shorter_side=800>"
