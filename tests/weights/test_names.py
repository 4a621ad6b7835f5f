"""Parameters are found however a training program wrapped them."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from refmask.errors import WeightsError
from refmask.weights.reading import fill, read_checkpoint, read_weights

STATE = {"visual.proj": torch.eye(2), "logit_scale": torch.tensor(3.0)}


def prefixed(prefix):
    return {prefix + name: value for name, value in STATE.items()}


def same(found):
    assert found.keys() == STATE.keys()
    assert all(found[name].equal(value) for name, value in STATE.items())


@pytest.mark.parametrize(
    "prefix", ["module.", "model.", "clip.", "_orig_mod.", "module._orig_mod.", "model.clip."]
)
def test_prefixes_of_all_names_are_taken_off(tmp_path, prefix):
    torch.save(prefixed(prefix), tmp_path / "w.pt")
    same(read_weights(tmp_path / "w.pt"))
    save_file(prefixed(prefix), tmp_path / "w.safetensors")
    same(read_weights(tmp_path / "w.safetensors"))


def test_parts_may_be_compiled(tmp_path):
    state = {"visual._orig_mod.proj": STATE["visual.proj"], "logit_scale": STATE["logit_scale"]}
    torch.save(state, tmp_path / "w.pt")
    same(read_weights(tmp_path / "w.pt"))


def test_a_prefix_of_some_names_is_a_part_of_them(tmp_path):
    state = {"model.a": torch.ones(1), "head.a": torch.ones(1)}
    torch.save(state, tmp_path / "w.pt")
    assert read_weights(tmp_path / "w.pt").keys() == state.keys()


@pytest.mark.parametrize(
    "keys", [["model_state_dict"], ["state_dict"], ["model"], ["state_dict", "model"]]
)
def test_wrappings_are_looked_through(tmp_path, keys):
    wrapped = prefixed("module.")
    for key in keys:
        wrapped = {"epoch": 3, key: wrapped}
    torch.save(wrapped, tmp_path / "w.pt")
    same(read_weights(tmp_path / "w.pt"))


def test_a_dictionary_that_holds_itself_ends(tmp_path):
    state = {}
    state["model"] = state
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="model are none"):
        read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("name", ["w.PT", "w.ckpt", "w", "w.safetensors.bak", "w.SafeTensors"])
def test_any_ending_is_read_by_content(tmp_path, name):
    torch.save(STATE, tmp_path / name)
    if "safe" not in name.lower():
        same(read_weights(tmp_path / name))
    save_file(STATE, tmp_path / name)
    same(read_weights(tmp_path / name))


def test_numbers_of_openai_are_marks_and_no_parameters(tmp_path):
    numbers = {"input_resolution": torch.tensor(224), "vocab_size": 49408}
    torch.save(STATE | numbers, tmp_path / "w.pt")
    found = read_checkpoint(tmp_path / "w.pt")
    same(found.tensors)
    assert found.marks == {"input_resolution", "vocab_size"}


def test_surplus_constants_are_left_out_but_nothing_else():
    surplus = {
        "attn_mask": torch.ones(2, 2),
        "logit_bias": torch.ones(1),
        "x.position_ids": torch.ones(1),
    }
    weight = torch.full((2, 2), 0.5)
    layer = nn.Linear(2, 2, bias=False)
    fill(layer, {"weight": weight, **surplus}, "w")
    assert layer.weight.equal(weight)
    with pytest.raises(WeightsError, match="1 of another model"):
        fill(layer, {"weight": weight, "other": weight}, "w")
    layer.register_buffer("attn_mask", torch.zeros(2, 2))
    fill(layer, {"weight": weight, **surplus}, "w")
    assert layer.attn_mask.equal(torch.ones(2, 2))
