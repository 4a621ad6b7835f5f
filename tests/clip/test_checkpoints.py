"""CLIP as transformers writes it, against transformers' own features."""

import importlib
import json
import shutil

import numpy as np
import open_clip
import pytest
import torch
from safetensors.torch import load_file, save_file

from refmask.clip import load_clip
from refmask.clip.sources import find_model
from refmask.errors import ConfigurationError, ModelError, WeightsError

CFG = {
    "text_config": {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    },
    "vision_config": {
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "image_size": 64,
    },
    "projection_dim": 32,
}


@pytest.fixture(scope="module")
def theirs():
    transformers = importlib.import_module("transformers")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.CLIPModel(transformers.CLIPConfig(**CFG)).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.02)
    return model


@pytest.fixture(scope="module")
def folder(theirs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    theirs.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.1, 0.2, 0.3]}))
    return folder


def cfg_of(folder, tmp_path, **changes):
    """The model in open_clip's form, with changes."""
    path = tmp_path / "model.json"
    path.write_text(json.dumps(find_model(str(folder)).model_cfg | changes))
    return str(path)


def test_a_folder_gives_transformers_features(theirs, folder, golden_images):
    clip = load_clip(str(folder), precision="fp32")
    assert clip.statistics.side == 64
    assert clip.statistics.mean == (0.1, 0.2, 0.3)
    pixels = torch.tensor(golden_images[0][0][:64, :64].copy()).permute(2, 0, 1)[None] / 255
    tokens = open_clip.SimpleTokenizer()(["the red car", "a dog"])
    with torch.no_grad():
        image = theirs.vision_model(pixels)[1] @ theirs.visual_projection.weight.T
        text = theirs.text_model(tokens)[1] @ theirs.text_projection.weight.T
        torch.testing.assert_close(clip.model.encode_image(pixels), image, rtol=1e-4, atol=1e-5)
        ours = clip.model.encode_text(tokens)
    # The pooled token is the one of the highest number, as in OpenAI's code.
    torch.testing.assert_close(ours, text, rtol=1e-4, atol=1e-5)
    assert np.isclose(clip.model.logit_scale.item(), theirs.logit_scale.item())


def test_its_weights_fill_the_same_model_of_open_clip(folder, tmp_path):
    model = cfg_of(folder, tmp_path)
    whole = load_clip(str(folder)).model.state_dict()
    state = {f"module.{k}": v for k, v in load_file(folder / "model.safetensors").items()}
    state["module.text_model.embeddings.position_ids"] = torch.arange(77)
    torch.save({"state_dict": state}, tmp_path / "mine.CKPT")
    found = load_clip(model, str(tmp_path / "mine.CKPT")).model.state_dict()
    assert all(found[name].equal(value) for name, value in whole.items())


def test_a_part_that_is_missing_is_told(folder, tmp_path):
    state = load_file(folder / "model.safetensors")
    del state["vision_model.encoder.layers.1.self_attn.k_proj.weight"]
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"1 missing .*resblocks\.1\.attn\.in_proj_weight"):
        load_clip(cfg_of(folder, tmp_path), str(tmp_path / "w.safetensors"))


@pytest.mark.usefixtures("no_network")
def test_a_hub_id_of_transformers(folder, hub_cache):
    shutil.copytree(folder, hub_cache("org/repo"), dirs_exist_ok=True)
    assert load_clip("hf-hub:org/repo").statistics.side == 64


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model_type": "siglip"}, "model type 'siglip', not of a CLIP"),
        ({"text_config": {"vocab_size": 99}}, "text_config.vocab_size must be 49408, not 99"),
        ({"vision_config": {"hidden_act": "relu"}}, 'hidden_act must be .* not "relu"'),
        ({"vision_config": {"hidden_act": "gelu"}}, "hidden_act must be the same in text_config"),
        ({"vision_config": {"layer_norm_eps": 0.1}}, "layer_norm_eps must be 1e-05, not 0.1"),
        ({"text_config": [1]}, "text_config must be an object, not a list of 1"),
        ({"vision_config": None}, "vision_config must be an object, not null"),
        ({"vision_config": {"num_attention_heads": 0}}, "num_attention_heads must be a whole num"),
        ({"vision_config": {"num_attention_heads": 7}}, "vision_config.hidden_size must be a mul"),
        ({"text_config": {"num_attention_heads": True}}, "num_attention_heads must be .*, not tru"),
        ({"text_config": {"hidden_size": -1}}, "text_config.hidden_size must be .*, not -1"),
        ({"text_config": {"hidden_size": "512"}}, 'hidden_size must be a whole number .*, not "5'),
        ({"text_config": {"intermediate_size": 10**9}}, "intermediate_size must be a whole numbe"),
        ({"projection_dim": "wide"}, 'projection_dim must be a whole number from .*, not "wide"'),
        ({"projection_dim": float("nan")}, "projection_dim must be a whole number .*, not NaN"),
        ({"projection_dim": 1e999}, "projection_dim must be a whole number from .*, not Infinity"),
        ({"text_config": {"num_hidden_layers": 10**9}}, "num_hidden_layers must be a whole numbe"),
        ({"vision_config": {"image_size": 10**6}}, "vision_config.image_size must be a whole num"),
        ({"vision_config": {"image_size": 8000}}, "vision_config.image_size must be 1 to 64 time"),
        ({"vision_config": {"patch_size": 225}}, "vision_config.image_size must be 1 to 64 times"),
    ],
)
def test_configurations_that_describe_no_clip_of_ours(tmp_path, change, says):
    content = {"model_type": "clip", "text_config": {}, "vision_config": {}} | change
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match=says) as error:
        load_clip(str(tmp_path))
    assert str(error.value).startswith(f"{tmp_path / 'config.json'} ")
    assert "; c" in str(error.value)  # "; correct it", "; choose a CLIP"


def test_what_lies_beside_is_named_where_it_is_wrong(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    (tmp_path / "preprocessor_config.json").write_text('{"image_std": [0.5, 0.5, 0]}')
    with pytest.raises(ModelError, match=r"preprocessor_config.json cannot .* image_std\[2\] must"):
        load_clip(str(tmp_path))


# The activation that weights were trained with.


def refused(model, weights, way):
    with pytest.raises(ConfigurationError, match=f"trained .* quick GELU, model .*{way}"):
        load_clip(model, str(weights))


def test_transformers_folder_tells_its_activation(folder, tmp_path):
    refused(cfg_of(folder, tmp_path, quick_gelu=False), folder / "model.safetensors", "true in its")


def test_open_clips_folder_tells_its_activation(folder, tmp_path):
    whole, mine = load_clip(str(folder)).model, tmp_path / "open"
    mine.mkdir()
    file = mine / "open_clip_model.safetensors"
    save_file(openais(whole), file)
    cfg = find_model(str(folder)).model_cfg | {"quick_gelu": False}
    (mine / "open_clip_config.json").write_text(json.dumps({"model_cfg": cfg}))
    refused(cfg_of(folder, tmp_path), file, "false in its configuration")
    load_clip(cfg_of(folder, tmp_path, quick_gelu=False), str(file))


def test_openais_numbers_tell_its_activation(folder, tmp_path):
    state = openais(load_clip(str(folder)).model)
    torch.save(state | {"input_resolution": torch.tensor(64)}, tmp_path / "w.pt")
    load_clip(cfg_of(folder, tmp_path), str(tmp_path / "w.pt"))
    refused(cfg_of(folder, tmp_path, quick_gelu=False), tmp_path / "w.pt", "true in its")


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("quick", [True, False])
def test_archives_tell_their_activation(folder, tmp_path, quick):
    model = open_clip.CLIP(**find_model(str(folder)).model_cfg | {"quick_gelu": quick})
    model.load_state_dict(openais(load_clip(str(folder)).model))
    with torch.no_grad():
        inputs = torch.zeros(1, 3, 64, 64), torch.zeros(1, 77, dtype=torch.long)
        torch.jit.trace(model.eval(), inputs).save(str(tmp_path / "w.pt"))
    load_clip(cfg_of(folder, tmp_path, quick_gelu=quick), str(tmp_path / "w.pt"))
    way = f"{str(quick).lower()} in its"
    refused(cfg_of(folder, tmp_path, quick_gelu=not quick), tmp_path / "w.pt", way)


def openais(model):
    """Weights of ours by OpenAI's names."""
    return {k.removeprefix("text."): v.contiguous() for k, v in model.state_dict().items()}
