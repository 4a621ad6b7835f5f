"""Models and weights by name, from files, and from nowhere."""

import json
import os
import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from unittest.mock import Mock

import open_clip
import pytest
import torch
from huggingface_hub.errors import HfHubHTTPError
from safetensors.torch import load_file, save_file

from refmask import (
    ConfigurationError,
    ModelError,
    RefmaskWarning,
    UnsupportedTower,
    WeightsError,
    WeightsUnavailable,
    load_clip,
)
from refmask.clip.configuration import CONFIG_FILE
from refmask.clip.model import image_tower
from refmask.clip.sources import find_model, find_weights
from refmask.weights.hub import within_reach
from refmask.weights.reading import read_weights
from refmask.weights.tags import STATISTICS, TAGS

LISTED = open_clip.list_pretrained()


@pytest.fixture(scope="module")
def tiny(model_files):
    model, weights = model_files("tiny_vit32")
    return model, weights, load_file(weights)


def same(clip, state):
    """Whether a model has the weights that OpenAI's names lead to."""
    found = clip.model.state_dict()
    return all(
        found[name if name in found else f"text.{name}"].equal(value)
        for name, value in state.items()
    )


@pytest.mark.parametrize("suffix", [".pt", ".bin", ".pth"])
@pytest.mark.parametrize(
    "wrap", [dict, lambda s: {"state_dict": {f"module.{k}": v for k, v in s.items()}}]
)
def test_torch_files(tiny, tmp_path, suffix, wrap):
    model, _, state = tiny
    path = tmp_path / f"weights{suffix}"
    torch.save(wrap(state), path)
    assert same(load_clip(model, str(path)), state)


def test_half_precision_weights_compute_in_fp32(tiny, tmp_path):
    model, _, state = tiny
    save_file({k: v.half() for k, v in state.items()}, tmp_path / "half.safetensors")
    clip = load_clip(model, str(tmp_path / "half.safetensors"), precision="fp32")
    assert {p.dtype for p in clip.model.parameters()} == {torch.float32}


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_openais_torchscript_archives_are_read_as_data(tiny, tmp_path):
    model, _, state = tiny
    clip = open_clip.CLIP(**json.loads(Path(model).read_text()))
    clip.load_state_dict(state)
    with torch.no_grad():
        traced = torch.jit.trace(
            clip.eval(), (torch.zeros(1, 3, 224, 224), torch.zeros(1, 77, dtype=torch.long))
        )
    path = tmp_path / "ViT-B-32.pt"
    traced.save(str(path))
    assert same(load_clip(model, str(path)), state)


def test_a_program_in_an_archive_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "was-here"),)

    path = tmp_path / "evil.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps(Evil()))
        archive.writestr("a/constants.pkl", b"")
    plain = tmp_path / "plain.bin"
    torch.save(Evil(), plain)
    for file in (path, plain):
        with pytest.raises(WeightsError, match="only plain tensors"):
            read_weights(file)
    assert not (tmp_path / "was-here").exists()


def test_a_folder_carries_all_it_needs(tiny, tmp_path):
    model, weights, state = tiny
    cfg = json.loads(Path(model).read_text())
    statistics = {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "interpolation": "bilinear"}
    (tmp_path / CONFIG_FILE).write_text(
        json.dumps({"model_cfg": cfg, "preprocess_cfg": statistics, "refmask": {"alpha": 0.6}})
    )
    save_file(state, tmp_path / "open_clip_model.safetensors")
    clip = load_clip(str(tmp_path))
    assert same(clip, state)
    assert clip.statistics.mean == (0.1, 0.2, 0.3)
    assert clip.statistics.std == (0.4, 0.5, 0.6)
    assert (clip.statistics.side, clip.statistics.interpolation) == (224, "bilinear")
    assert clip.advice == {"alpha": 0.6}
    assert load_clip(model, weights).statistics.mean == open_clip.OPENAI_DATASET_MEAN


@pytest.mark.parametrize("custom", [False, True])
def test_what_no_file_holds_is_there_too(tmp_path, custom):
    """Models are built without memory; the causal mask is no weight, and the model's own."""
    cfg = {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
        "text_cfg": {"vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
    }
    own = (open_clip.CustomTextCLIP if custom else open_clip.CLIP)(**cfg).eval()
    (tmp_path / "model.json").write_text(json.dumps(cfg | {"custom_text": custom}))
    save_file(own.state_dict(), tmp_path / "model.safetensors")
    clip = load_clip(str(tmp_path / "model.json"), str(tmp_path / "model.safetensors"))
    assert not any(held.is_meta for held in (*clip.model.parameters(), *clip.model.buffers()))
    ids = open_clip.tokenize(["the red duck", "a man"])
    with torch.no_grad():
        assert torch.allclose(clip.model.encode_text(ids), own.encode_text(ids), atol=1e-5)


def test_no_random_weights_are_drawn_to_be_overwritten(tiny):
    state = torch.get_rng_state()
    load_clip(*tiny[:2])
    assert torch.get_rng_state().equal(state)


def test_another_patch_and_image_size(tmp_path):
    cfg = {
        "embed_dim": 16,
        "vision_cfg": {
            "image_size": 60,
            "layers": 2,
            "width": 32,
            "head_width": 16,
            "patch_size": 20,
        },
        "text_cfg": {
            "context_length": 9,
            "vocab_size": 49408,
            "width": 32,
            "heads": 2,
            "layers": 1,
        },
    }
    (tmp_path / "small.json").write_text(json.dumps(cfg))
    save_file(open_clip.CLIP(**cfg).state_dict(), tmp_path / "small.safetensors")
    clip = load_clip(str(tmp_path / "small.json"), str(tmp_path / "small.safetensors"))
    assert clip.tower.grid == (3, 3)
    assert clip.encode_masked(torch.zeros(1, 3, 60, 60), torch.ones(2, 3, 3)).shape == (2, 16)
    texts = ["a very long text of much more than nine words"] * 40
    with pytest.warns(RefmaskWarning, match="at most 9 tokens"):
        assert clip.encode_text(texts).shape == (40, 16)


def test_weights_of_another_model(tiny, model_files):
    with pytest.raises(WeightsError, match=r"missing \(such as .*of another model \(such as"):
        load_clip(tiny[0], model_files("tiny_rn")[1])
    with pytest.raises(WeightsError, match=r"of another shape \(such as visual.conv1.weight"):
        load_clip(model_files("tiny_vit16")[0], tiny[1])


def test_weights_with_nan(tiny, tmp_path):
    state = {key: value.clone() for key, value in tiny[2].items()}
    state["visual.proj"][3, 4] = float("nan")
    save_file(state, tmp_path / "nan.safetensors")
    with pytest.raises(WeightsError, match=r"NaN or infinity in visual\.proj"):
        load_clip(tiny[0], str(tmp_path / "nan.safetensors"))


@pytest.mark.parametrize("name", ["w.pt", "w.safetensors", "w.bin", "w.zip"])
def test_files_that_hold_no_weights(tiny, tmp_path, name):
    (tmp_path / name).write_bytes(b"not weights at all")
    with pytest.raises(WeightsError, match="w\\."):
        load_clip(tiny[0], str(tmp_path / name))
    with pytest.raises(WeightsError, match="there is no such file"):
        load_clip(tiny[0], str(tmp_path / f"absent-{name}"))


def test_names_that_do_not_exist(tiny, tmp_path):
    with pytest.raises(ConfigurationError, match="did you mean ViT-B-32"):
        load_clip("ViT-B-33")
    with pytest.raises(ConfigurationError, match=r"no weights 'opnai'; choose .*openai"):
        load_clip("ViT-B-32-quickgelu", "opnai")
    with pytest.raises(ConfigurationError, match=r"comes without weights.*openai"):
        load_clip("ViT-B-32-quickgelu")
    with pytest.raises(ConfigurationError, match="use ViT-B-32-quickgelu"):
        load_clip("ViT-B-32", "openai")
    with pytest.raises(ConfigurationError, match="auto, fp32 or bf16, not 'int4'"):
        load_clip(*tiny[:2], precision="int4")
    with pytest.raises(ConfigurationError, match="'abacus' is not available"):
        load_clip(*tiny[:2], device="abacus")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ModelError, match="is not valid JSON"):
        load_clip(str(tmp_path / "broken.json"))
    with pytest.raises(
        ConfigurationError, match=r"unknown model 'oflline'; choose 'offline', .* mean offline\?"
    ):
        load_clip("oflline")
    (tmp_path / "empty.json").write_text("{}")
    with pytest.raises(ModelError, match="embed_dim"):
        load_clip(str(tmp_path / "empty.json"))
    with pytest.raises(ModelError, match=CONFIG_FILE):
        load_clip(str(tmp_path))


@pytest.mark.parametrize(
    ("model", "weights"),
    [("ViT-B-32-quickgelu", "openai"), ("hf-hub:no/such", None), ("ViT-B-16", "hf-hub:no/such")],
)
@pytest.mark.parametrize("reach", [True, False])
def test_no_network_and_nothing_cached(monkeypatch, model, weights, reach):
    """One error: what was wanted, where to get it, where to put it, and what works now."""

    def refuse(*_):
        raise OSError("no network")

    monkeypatch.setattr("refmask.weights.hub.answers", lambda _: reach)
    monkeypatch.setattr("refmask.weights.hub.download", refuse)
    wanted = r"(weights 'openai' of ViT-B-32-quickgelu|no/such|open_clip_config)"
    fetch = r"download them from .* on the Hugging Face hub .*`weights=FILE`.*`model=offline`"
    with pytest.raises(WeightsUnavailable, match=f"{wanted}.*{fetch}"):
        load_clip(model, weights)


@pytest.mark.usefixtures("no_network")
def test_a_cached_tag_is_used_with_its_own_statistics(hub_cache):
    """The real path of a pretrained tag, with a random model where the hub's file would be."""
    source = find_model("ViT-B-32-quickgelu")
    folder = hub_cache("timm/vit_base_patch32_clip_224.openai")
    state = open_clip.CLIP(**source.model_cfg).state_dict()
    save_file(state, folder / "open_clip_model.safetensors")
    clip = load_clip("ViT-B-32-quickgelu", "openai")
    assert clip.statistics.mean == open_clip.OPENAI_DATASET_MEAN
    assert clip.name == "ViT-B-32-quickgelu openai"


@pytest.mark.parametrize("name", open_clip.list_models())
def test_tags_are_open_clips(name):
    """Each tag of a model that we can load leads to its repository, activation and pixels."""
    cfg = open_clip.get_model_config(name)
    try:
        with torch.device("meta"):
            image_tower(cfg, name)
    except UnsupportedTower:
        assert name not in TAGS
        return
    if cfg["text_cfg"].get("hf_model_name"):
        return
    told = {tag: open_clip.get_pretrained_cfg(name, tag) for _, tag in LISTED if _ == name}
    fitting = {
        tag: one
        for tag, one in told.items()
        if one.get("quick_gelu", False) == cfg.get("quick_gelu", False)
    }
    assert TAGS.get(name, {}) == {tag: one["hf_hub"].rstrip("/") for tag, one in fitting.items()}
    for tag, one in fitting.items():
        usual = {"mean": open_clip.OPENAI_DATASET_MEAN, "std": open_clip.OPENAI_DATASET_STD}
        ours = usual | STATISTICS.get(TAGS[name][tag], {})
        assert all(tuple(ours[key]) == tuple(one[key]) for key in usual)
        assert one["interpolation"] == "bicubic"


def test_a_tag_of_open_clips_alone(monkeypatch, hub_cache, tiny):
    """Models with a text model of transformers have tags that only open_clip knows."""
    told = {"hf_hub": "org/weights/here.safetensors", "quick_gelu": True, "mean": (0.1, 0.2, 0.3)}
    monkeypatch.setattr(open_clip, "list_pretrained_tags_by_model", lambda _: ["webli"])
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda *_: told)
    (hub_cache("org/weights") / "here.safetensors").write_bytes(Path(tiny[1]).read_bytes())
    path, preprocess = find_weights(find_model("ViT-B-32-quickgelu"), "webli")
    assert path.name == "here.safetensors"
    assert preprocess["mean"] == (0.1, 0.2, 0.3)
    with pytest.raises(ConfigurationError, match="'webli' were trained with quick GELU"):
        find_weights(find_model("ViT-B-32"), "webli")


def test_a_hub_id_is_a_model_and_a_source_of_weights(tiny, hub_cache):
    model, _, state = tiny
    cfg, folder = json.loads(Path(model).read_text()), hub_cache("org/repo")
    statistics = {"mean": [0.1, 0.2, 0.3], "interpolation": "bilinear"}
    (folder / CONFIG_FILE).write_text(json.dumps({"model_cfg": cfg, "preprocess_cfg": statistics}))
    save_file(state, folder / "open_clip_model.safetensors")
    whole = load_clip("hf-hub:org/repo")
    assert same(whole, state)
    assert whole.statistics.mean == (0.1, 0.2, 0.3)
    assert same(load_clip(model, "hf-hub:org/repo"), state)


@pytest.mark.parametrize(
    "content",
    [
        pickle.dumps(OrderedDict(a=1)),
        pickle.dumps([1, 2])[:-3],
        b"(X\x01\x00\x00\x00ktQ.",  # a persistent reference that is no storage
        b"\x80\x02c__torch__\nModule\n)\x81}X\x01\x00\x00\x00ac__torch__\nPart\n(ttRsb.",
        b"",
    ],
)
def test_damaged_archives(tmp_path, content):
    with zipfile.ZipFile(tmp_path / "damaged.pt", "w") as archive:
        archive.writestr("a/data.pkl", content)
        archive.writestr("a/constants.pkl", b"")
    with pytest.raises(WeightsError, match=r"damaged\.pt"):
        read_weights(tmp_path / "damaged.pt")


def test_the_hub_is_asked_once_when_nothing_is_cached(monkeypatch):
    asked = []

    def nothing(name, **options):
        assert options == {"local_files_only": True}
        raise FileNotFoundError(name)

    def head(url, timeout):
        asked.append((url, timeout))
        raise answer

    monkeypatch.setattr("refmask.weights.hub.snapshot_download", nothing)
    monkeypatch.setattr("refmask.weights.hub.get_hf_file_metadata", head)
    answer = OSError("no network")
    assert not within_reach("org/repo")
    answer = HfHubHTTPError("404", response=Mock())
    assert within_reach("org/repo")
    assert len(asked) == 2
    assert "org/repo" in asked[0][0]
    monkeypatch.setattr("refmask.weights.hub.snapshot_download", lambda *_, **__: "cached")
    assert within_reach("org/repo")
    assert len(asked) == 2


def test_open_clip_is_not_imported():
    """Nor what it, drawing weights, or a hub's client would bring along."""
    code = (
        "import sys; from refmask.clip import load_clip; load_clip('embedded').encode_text(['a']);"
        "heavy = {'open_clip', 'torchvision', 'timm', 'transformers', 'torch._dynamo', 'sympy'};"
        "assert not (heavy | {'huggingface_hub'}) & set(sys.modules), set(sys.modules) & heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
