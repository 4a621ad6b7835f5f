"""Maps of backbones, beside what their libraries compute, and how checkpoints find their places."""

import pickle

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from refmask.errors import ConfigurationError, WeightsError, WeightsUnavailable
from refmask.proposals.backbones import find_backbone
from refmask.proposals.backbones.checkpoints import fill_backbone, read_checkpoint

BILINEAR = Image.Resampling.BILINEAR


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A network of timm's with seeded weights, and the file that holds them."""
    folder = tmp_path_factory.mktemp("weights")

    def make(name):
        torch.manual_seed(0)
        model = timm.create_model(name).eval()
        path = folder / f"{name}.safetensors"
        save_file(model.state_dict(), path)
        return model, str(path)

    return make


def read(image, height, width, model):
    """Pixels as timm's own evaluation would have them."""
    resized = np.asarray(Image.fromarray(image).resize((width, height), BILINEAR))
    mean, std = (np.array(model.pretrained_cfg[key]) for key in ("mean", "std"))
    return torch.tensor((resized / 255 - mean) / std).permute(2, 0, 1)[None].float()


@pytest.mark.parametrize("name", ["test_vit", "test_vit3", "vit_tiny_patch16_dinov3_qkvb"])
def test_a_vision_transformers_features_are_its_normalised_patch_tokens(saved, image, name):
    model, path = saved(name)
    side = model.pretrained_cfg["input_size"][-1]
    found = find_backbone(f"timm/{name}", path, "features", "cpu", "fp32")
    map_ = found.encode(image, (side, side), BILINEAR)
    with torch.inference_mode():
        own = model.forward_features(read(image, side, side, model))[0]
    own = own[model.num_prefix_tokens :].T.reshape(map_.shape)
    assert torch.allclose(map_, own, atol=1e-4)


def test_keys_are_what_the_last_linear_layer_gives(saved, image):
    model, path = saved("test_vit")
    seen = []
    model.blocks[-1].attn.qkv.register_forward_hook(lambda *call: seen.append(call[-1]))
    with torch.inference_mode():
        model(read(image, 160, 160, model))
    width = model.embed_dim
    own = seen[0][0, 1:, width : 2 * width].T.reshape(width, 10, 10)
    found = find_backbone("timm/test_vit", path, "keys", "cpu", "fp32")
    assert torch.allclose(found.encode(image, (160, 160), BILINEAR), own, atol=1e-4)


def test_a_resnets_features_are_its_last_stage_at_any_size(saved, image):
    model, path = saved("test_resnet")
    found = find_backbone("timm/test_resnet", path, "features", "cpu", "fp32")
    map_ = found.encode(image, (90, 131), BILINEAR)
    with torch.inference_mode():
        own = model.forward_features(read(image, 90, 131, model))[0]
    assert map_.shape == (96, 3, 5)
    assert torch.allclose(map_, own, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "size", "grid"),
    [
        ("test_vit", (40, 333), (2, 21)),
        ("test_vit", (1, 1), (1, 1)),
        ("embedded", (71, 73), (4, 5)),
    ],
)
def test_sides_are_rounded_to_whole_patches(saved, image, name, size, grid):
    name, path = (name, None) if name == "embedded" else (f"timm/{name}", saved(name)[1])
    for kind in ("features", "keys"):
        found = find_backbone(name, path, kind, "cpu", "fp32").encode(image, size, BILINEAR)
        assert found.shape[1:] == grid
        assert found.isfinite().all()


def test_a_clips_resnet_serves_too(model_files, image):
    found = find_backbone(*model_files("tiny_rn"), "features", "cpu", "fp32")
    assert found.encode(image, (20, 100), BILINEAR).shape == (512, 1, 3)
    with pytest.raises(ConfigurationError, match="whose last attention has keys"):
        find_backbone(*model_files("tiny_rn"), "keys", "cpu", "fp32")


def test_bf16_stays_near_fp32(saved, image):
    _, path = saved("test_resnet")
    exact, rough = (
        find_backbone("timm/test_resnet", path, "features", "cpu", precision)
        for precision in ("fp32", "bf16")
    )
    maps = [found.encode(image, (96, 96), BILINEAR) for found in (exact, rough)]
    assert not maps[0].equal(maps[1])
    assert torch.cosine_similarity(*maps, dim=0).min() > 0.99
    assert rough.configuration()["precision"] == "bf16"


def test_nothing_local_is_told_but_what_the_files_hold(saved, model_files):
    _, path = saved("test_vit")
    told = find_backbone("timm/test_vit", path, "keys", "cpu", "fp32").configuration()
    assert told.keys() == {"backbone", "weights_sha256", "precision"}
    assert told["backbone"] == "timm/test_vit"
    model, weights = model_files("tiny_vit16")
    told = find_backbone(model, weights, "keys", "cpu", "fp32").configuration()
    assert told["backbone"] == "tiny_vit16.json"
    assert len(told["weights_sha256"]) == len(told["architecture_sha256"]) == 64


@pytest.mark.parametrize(
    ("name", "weights", "kind", "error", "told"),
    [
        ("timm/resnet5", None, "features", ConfigurationError, r"unknown name.*timm/resnet50"),
        ("timm/test_vit.none", None, "features", ConfigurationError, "Invalid pretrained tag"),
        ("timm/test_vit4", None, "features", ConfigurationError, "publishes no weights"),
        ("timm/test_maxvit", "w", "features", ConfigurationError, "images of any size"),
        ("timm/test_vit", "absent.pth", "keys", WeightsError, r"no weights file at .*absent\.pth"),
        ("ViT-B-16", "./absent.pt", "keys", WeightsError, r"no weights file at .*absent\.pt"),
        ("embeded", None, "features", ConfigurationError, "'embeded'"),
        ("embedded", None, "queries", ConfigurationError, "'features' or 'keys', not 'queries'"),
    ],
)
def test_wrong_settings_are_told_before_an_image(name, weights, kind, error, told):
    with pytest.raises(error, match=told):
        find_backbone(name, weights, kind, "cpu", "fp32")


@pytest.mark.parametrize("name", ["timm/resnet50", "timm/convnext_tiny", "RN50"])
def test_a_convolutional_network_has_no_keys_which_is_told_before_weights_are_fetched(name):
    with pytest.raises(ConfigurationError, match="whose last attention has keys"):
        find_backbone(name, None, "keys", "cpu", "fp32")


def test_unreachable_weights_are_told_in_one_line(monkeypatch):
    monkeypatch.setattr("refmask.proposals.backbones.timm_networks.within_reach", lambda _: False)
    with pytest.raises(WeightsUnavailable, match=r"timm/vit_small_patch8_224\.dino on the Hugging"):
        find_backbone("timm/vit_small_patch8_224.dino", None, "keys", "cpu", "fp32")


def test_published_weights_are_looked_for_under_timms_own_name(monkeypatch, saved, image):
    _, path = saved("test_vit")
    asked = []
    module = "refmask.proposals.backbones.timm_networks"
    monkeypatch.setattr(f"{module}.within_reach", lambda _: True)
    monkeypatch.setattr(f"{module}.hf_hub_download", lambda *names: asked.append(names) or path)
    found = find_backbone("timm/test_vit", None, "features", "cpu", "fp32")
    assert asked == [("timm/test_vit.r160_in1k", "model.safetensors")]
    assert found.encode(image, (32, 32), BILINEAR).shape == (64, 2, 2)


def to_detectron2(name):
    """The renaming that MoCo's and DenseCL's converters do, from torchvision's names."""
    name = name if "layer" in name else f"stem.{name}"
    for stage in (1, 2, 3, 4):
        name = name.replace(f"layer{stage}", f"res{stage + 1}")
    for conv in (1, 2, 3):
        name = name.replace(f"bn{conv}", f"conv{conv}.norm")
    return name.replace("downsample.0", "shortcut").replace("downsample.1", "shortcut.norm")


def checkpoint_of(form, own):
    """A state dict as others wrap it, and the file's suffix."""
    if form == "detectron2":
        arrays = {to_detectron2(name): value.numpy() for name, value in own.items()}
        return {"model": arrays, "__author__": "someone", "matching_heuristics": True}, ".pkl"
    if form == "moco":
        wrapped = {f"module.encoder_q.{name}": value for name, value in own.items()}
        wrapped |= {f"module.encoder_k.{name}": value + 1 for name, value in own.items()}
        return {"epoch": 3, "state_dict": wrapped | {"module.queue": torch.ones(3)}}, ".pth"
    if form == "mmcv":
        return {"state_dict": {f"backbone.{name}": value for name, value in own.items()}}, ".pth"
    counts = [name for name in own if name.endswith("num_batches_tracked")]
    return {name: value for name, value in own.items() if name not in counts}, ".pth"


@pytest.mark.parametrize("form", ["detectron2", "moco", "mmcv", "no counts of batches"])
def test_checkpoints_of_others_fill_a_resnet(tmp_path, form):
    torch.manual_seed(0)
    theirs = timm.create_model("resnet26", num_classes=5)
    content, suffix = checkpoint_of(form, theirs.state_dict())
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pkl":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    ours = timm.create_model("resnet26", num_classes=0)
    fill_backbone(ours, read_checkpoint(path), str(path))
    parameters = dict(theirs.named_parameters())
    for name, value in ours.named_parameters():
        assert value.equal(parameters[name]), name


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(timm.create_model("resnet10t").state_dict(), path)
    with pytest.raises(WeightsError, match="do not fit the model"):
        fill_backbone(timm.create_model("resnet26"), read_checkpoint(path), str(path))
