"""The proposers "sam" and "sam2": settings, configuration, and models that cannot be used."""

import json
import shutil
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from refmask.errors import (
    ConfigurationError,
    ImageError,
    MissingResource,
    ModelError,
    WeightsError,
    WeightsUnavailable,
)
from refmask.proposals import load_proposer, sam
from refmask.proposals.sam import PRESETS, Sam, Sam2, network, source
from refmask.weights.hashing import sha256_of

KINDS = {"sam": Sam, "sam2": Sam2}
NUMBERS = ("points_per_side", "pred_iou", "stability", "min_area", "nms")
IMAGE = np.full((20, 30, 3), 90, np.uint8)


@pytest.fixture(params=KINDS)
def name(request):
    return request.param


@pytest.fixture
def copy(sam_folder, name, tmp_path):
    """A model's folder that a test may damage."""
    return shutil.copytree(sam_folder(name), tmp_path / "model")


def _reweigh(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def _reconfigure(folder, change):
    config = json.loads((folder / "config.json").read_text())
    change(config)
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("preset", "numbers"),
    [
        ("zero-shot", (8, 0.7, 0.7, 800, 0.7)),
        ("sam", (32, 0.88, 0.95, 0, 0.7)),
        ("sam2", (32, 0.8, 0.95, 0, 0.7)),
    ],
)
def test_presets_are_the_published_numbers(sam_folder, name, preset, numbers):
    told = KINDS[name](str(sam_folder(name)), preset=preset).configuration()
    assert tuple(told[number] for number in NUMBERS) == numbers
    assert KINDS[name](str(sam_folder(name))).preset == "zero-shot"
    assert len(PRESETS) == 3


def test_single_settings_go_before_the_preset(sam_folder, name):
    spec = f"{name}:model={sam_folder(name)},preset=sam,points_per_side=4,min_area=50,stability=0.5"
    told = load_proposer(spec).configuration()
    assert tuple(told[number] for number in NUMBERS) == (4, 0.88, 0.5, 50, 0.7)


def test_an_unknown_preset_lists_the_known_ones(name):
    with pytest.raises(ConfigurationError, match="zero-shot, sam, sam2, got 'zero'"):
        KINDS[name](preset="zero")


def test_all_wrong_settings_are_told_at_once():
    wrong = {"points_per_side": 0, "pred_iou": float("nan"), "stability": 1.2, "min_area": -1}
    with pytest.raises(ConfigurationError) as error:
        Sam(**wrong, nms=1.0, points_per_batch=0, limit=0)
    for told in ("points_per_side", "pred_iou", "stability", "min_area", "nms", "batch", "limit"):
        assert told in str(error.value)
    with pytest.raises(ConfigurationError, match="device"):
        Sam(device="abacus")
    with pytest.raises(ConfigurationError, match="precision"):
        Sam(precision="fp8")


def test_the_configuration_tells_the_files_and_builds_nothing(sam_folder, name, monkeypatch):
    monkeypatch.setattr(sam, "load_network", None)
    folder = sam_folder(name)
    told = KINDS[name](str(folder), precision="bf16", limit=5).configuration()
    assert told["proposer"] == name
    assert (told["precision"], told["limit"]) == ("bf16", 5)
    assert told["weights_sha256"] == sha256_of(folder / "model.safetensors")
    assert told["settings_sha256"] == sha256_of(folder / "config.json")
    assert str(folder) not in json.dumps(told)


def test_the_network_is_built_once(sam_folder, name, monkeypatch):
    built = []
    monkeypatch.setattr(
        sam, "load_network", lambda *given: built.append(1) or network.load_network(*given)
    )
    proposer = KINDS[name](str(sam_folder(name)), points_per_side=1)
    assert not built
    proposer.propose(IMAGE)
    proposer.propose(IMAGE)
    assert built == [1]


@pytest.mark.parametrize(
    "image", [IMAGE[..., 0], IMAGE.astype(np.float32), IMAGE[:0], IMAGE[..., :2]]
)
def test_what_is_no_image_is_told(sam_settings, image):
    with pytest.raises(ImageError, match="uint8"):
        Sam(**sam_settings).propose(image)


def test_loading_and_proposing_are_silent(sam_settings, capfd):
    Sam(**sam_settings).propose(IMAGE)
    assert capfd.readouterr() == ("", "")


@pytest.fixture
def remarks(caplog):
    """What transformers says while a test runs."""
    from transformers.utils import logging

    logging.add_handler(caplog.handler)
    yield caplog
    logging.remove_handler(caplog.handler)


def test_a_video_checkpoint_serves_as_sam2(sam_folder, tmp_path, remarks):
    """The published SAM 2 checkpoints call themselves video models."""
    folder = shutil.copytree(sam_folder("sam2"), tmp_path / "model")
    kept = {"pred_iou": -100.0, "stability": 0.0, "min_area": 0, "precision": "fp32"}
    plain = Sam2(str(folder), **kept).propose(IMAGE)
    _reconfigure(folder, lambda config: config.update(model_type="sam2_video"))
    _reweigh(folder, lambda weights: weights.update({"memory_attention.w": torch.zeros(2)}))
    video = Sam2(str(folder), **kept).propose(IMAGE)
    np.testing.assert_array_equal(video.masks, plain.masks)
    assert not remarks.records


def test_weights_in_several_files_are_read(sam_folder, name, tmp_path):
    import transformers

    model_class = getattr(transformers, KINDS[name].family.model_class)
    model = model_class.from_pretrained(sam_folder(name))
    model.save_pretrained(tmp_path, max_shard_size="30KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    whole, parts = KINDS[name](str(sam_folder(name))), KINDS[name](str(tmp_path))
    assert len(parts.configuration()["weights_sha256"]) == 64
    assert whole.configuration()["weights_sha256"] != parts.configuration()["weights_sha256"]
    np.testing.assert_array_equal(parts.propose(IMAGE).masks, whole.propose(IMAGE).masks)


def test_another_family_is_refused_before_any_image(sam_folder):
    with pytest.raises(ModelError, match=r'of type sam for sam, got "sam2" in .*choose another'):
        Sam(str(sam_folder("sam2")))
    with pytest.raises(ModelError, match='of type sam2 or sam2_video for sam2, got "sam" in'):
        Sam2(str(sam_folder("sam")))


def test_a_folder_without_a_model_is_refused(tmp_path, name):
    with pytest.raises(ModelError, match=r"got no config\.json in"):
        KINDS[name](str(tmp_path))


@pytest.mark.parametrize(
    "content",
    ["{", "[1]", "\xff", "[" * 100_000, '{"model_type": ' + "9" * 5000 + "}"],
    ids=["open", "list", "bytes", "deep", "digits"],
)
def test_a_damaged_configuration_is_told(copy, name, content):
    (copy / "config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(ModelError, match=r"config\.json"):
        KINDS[name](str(copy))


def test_only_safetensors_are_read(copy, name):
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    with pytest.raises(WeightsError, match="only safetensors are read"):
        KINDS[name](str(copy))


def test_damaged_weights_are_told(copy, name):
    content = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(WeightsError, match="are damaged") as error:
        KINDS[name](str(copy)).propose(IMAGE)
    assert "\n" not in str(error.value)


def test_missing_parameters_are_told(copy, name, remarks):
    _reweigh(copy, lambda weights: weights.pop("mask_decoder.iou_token.weight"))
    with pytest.raises(WeightsError, match=r"1 missing \(such as mask_decoder.iou_token.weight\)"):
        KINDS[name](str(copy)).propose(IMAGE)
    assert not remarks.records


def test_parameters_of_another_shape_are_told(copy, name):
    key = "mask_decoder.iou_token.weight"
    _reweigh(copy, lambda weights: weights.update({key: torch.zeros(1, 5)}))
    with pytest.raises(WeightsError, match=r"1 of another shape \(such as mask_decoder.iou_token"):
        KINDS[name](str(copy)).propose(IMAGE)


def test_nan_is_told(copy, name):
    key = "mask_decoder.iou_token.weight"
    _reweigh(copy, lambda weights: weights[key].fill_(torch.nan))
    with pytest.raises(WeightsError, match=r"NaN or infinity in mask_decoder.iou_token"):
        KINDS[name](str(copy)).propose(IMAGE)


def test_a_model_that_cannot_be_built_is_told(copy, name):
    _reconfigure(
        copy, lambda config: config["mask_decoder_config"].update(attention_downsample_rate="x")
    )
    with pytest.raises(ModelError, match="cannot build the model") as error:
        KINDS[name](str(copy)).propose(IMAGE)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"num_hidden_layers": 10**9}, "num_hidden_layers must be a whole number from 1 to 256"),
        ({"hidden_size": "wide"}, 'hidden_size must be .* not "wide"'),
        ({"attn_implementation": "org/kernel"}, 'attn_implementation must be .* not "org/kernel"'),
    ],
)
def test_a_configuration_is_checked_before_anything_is_built(copy, name, changes, told):
    _reconfigure(copy, lambda config: config["mask_decoder_config"].update(changes))
    with pytest.raises(ModelError, match=rf"mask_decoder_config\.{told}") as error:
        KINDS[name](str(copy))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"num_multimask_outputs": 10**7}, "num_multimask_outputs must be a whole number from 1"),
        ({"attention_downsample_rate": 10**9}, "must be a number from -100000 to 100000, not 1000"),
        ({"layer_norm_eps": [float("nan")]}, r"\[0\] must be a number from -100000 .*, not NaN"),
        ({"mlp_dim": 9999}, "too few for its config.json"),
    ],
)
def test_no_number_makes_the_model_larger_than_its_weights(copy, name, changes, told):
    _reconfigure(copy, lambda config: config["mask_decoder_config"].update(changes))
    with pytest.raises((ModelError, WeightsError), match=told):
        KINDS[name](str(copy)).propose(IMAGE)


def test_a_model_that_can_be_built_but_not_run_is_told(sam_folder, tmp_path):
    copy = shutil.copytree(sam_folder("sam2"), tmp_path / "model")
    stages = {"query_stride": [0, 0]}
    _reconfigure(copy, lambda config: config["vision_config"]["backbone_config"].update(stages))
    with pytest.raises(ModelError, match=r"cannot run as its config.json says .*; fetch it again"):
        Sam2(str(copy)).propose(IMAGE)


def test_a_models_own_code_is_refused(copy, name):
    _reconfigure(copy, lambda config: config.update(auto_map={"AutoModel": "own.Own"}))
    with pytest.raises(ModelError, match="names code of its own"):
        KINDS[name](str(copy))


def test_an_input_of_two_sizes_is_told(copy, name):
    _reconfigure(copy, lambda config: config["prompt_encoder_config"].update(image_size=128))
    with pytest.raises(ModelError, match="one square image_size"):
        KINDS[name](str(copy)).propose(IMAGE)


@pytest.mark.parametrize("mean", [[0.5, 0.5], "grey", None, [0.1, 0.2, "x"]])
def test_wrong_statistics_are_told(copy, name, mean):
    (copy / "preprocessor_config.json").write_text(json.dumps({"image_mean": mean}))
    with pytest.raises(ModelError, match="image_mean and image_std as three numbers"):
        KINDS[name](str(copy))


@pytest.mark.parametrize("model", ["nowhere", "a/b/c", "some folder/model"])
def test_what_is_neither_folder_nor_name_is_told(name, model):
    with pytest.raises(ConfigurationError, match="which is neither"):
        KINDS[name](model)


def test_an_unreachable_model_is_told_in_one_line(name, monkeypatch):
    asked = []

    def nothing(*_, **settings):
        asked.append(settings)
        raise FileNotFoundError

    monkeypatch.setattr(source, "snapshot_download", nothing)
    monkeypatch.setattr(source, "within_reach", lambda _: False)
    with pytest.raises(WeightsUnavailable, match=r"hf download facebook/.*--local-dir") as error:
        KINDS[name]()
    assert asked == [{"local_files_only": True}], "a silent hub is not asked"
    assert f"`proposals={name}:model=FOLDER`" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_cached_model_is_used_without_the_hub(sam_folder, name, monkeypatch):
    def cached(_, **settings):
        assert settings == {"local_files_only": True}
        return str(sam_folder(name))

    monkeypatch.setattr(source, "snapshot_download", cached)
    monkeypatch.setattr(source, "within_reach", None)
    assert KINDS[name]("some/model").configuration()["proposer"] == name


def test_only_the_models_files_are_fetched(sam_folder, name, monkeypatch):
    asked = []

    def fetch(_, **settings):
        asked.append(settings)
        if "local_files_only" in settings:
            raise FileNotFoundError
        return str(sam_folder(name))

    monkeypatch.setattr(source, "snapshot_download", fetch)
    monkeypatch.setattr(source, "within_reach", lambda _: True)
    KINDS[name]("some/model")
    assert all(file.endswith((".json", ".safetensors")) for file in asked[1]["allow_patterns"])


def test_a_missing_library_is_told_with_the_command(name, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingResource, match=r'pip install "transformers>=5\.3"'):
        KINDS[name]()


def test_a_library_that_knows_no_such_model_is_told(sam_settings, monkeypatch):
    proposer = Sam(**sam_settings)
    monkeypatch.setitem(sys.modules, "transformers", ModuleType("transformers"))
    with pytest.raises(MissingResource, match=r"5\.3 or newer"):
        proposer.propose(IMAGE)
