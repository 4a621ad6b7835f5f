"""Precedence of settings, the default model, and what the user is told about it."""

import re
import warnings

import pytest
from PIL import Image

from refmask import ConfigurationError, RefmaskError, RefmaskWarning, WeightsError, load
from refmask.cli import main
from refmask.factory import load_shipped, warn_once
from refmask.provenance import EMBEDDED, OFFLINE, label_of
from refmask.settings import choose, file, resolve
from refmask.settings.choice import PHOTO
from refmask.settings.file import Configuration
from refmask.settings.options import OPTIONS
from refmask.settings.precedence import ARGUMENT
from refmask.settings.remembered import Remembered, RememberedFile


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    """The user's configuration file."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("REFMASK_CONFIG", str(path))
    return path


@pytest.fixture
def remembered(tmp_path):
    """Weights that were remembered, and their file."""
    weights = tmp_path / "clip.safetensors"
    weights.write_bytes(b"weights")
    made = Remembered(
        "CLIP", "ViT-B-32", str(weights), "sam2:model=x", (RememberedFile.of(weights),)
    )
    file.write(Configuration(remembered=made))
    return made


def test_every_option_of_load_has_a_default_of_its_own():
    import inspect

    parameters = inspect.signature(load).parameters
    assert {name: option.default for name, option in OPTIONS.items()} == {
        name: parameters[name].default for name in OPTIONS
    }


def test_arguments_override_the_environment_and_that_the_file(monkeypatch, config):
    def device(**arguments):
        setting = resolve(arguments, ["device"])["device"]
        return setting.value, setting.source

    assert device() == ("auto", None)
    config.write_text('[options]\ndevice = "cuda:1"\n')
    assert device() == ("cuda:1", str(config))
    monkeypatch.setenv("REFMASK_DEVICE", "cpu")
    assert device() == ("cpu", "REFMASK_DEVICE")
    assert device(device="auto") == ("cpu", "REFMASK_DEVICE")
    assert device(device="cuda") == ("cuda", ARGUMENT)
    monkeypatch.setenv("REFMASK_DEVICE", "")
    assert device() == ("cuda:1", str(config))


def test_an_option_goes_with_the_option_it_belongs_to(monkeypatch, config):
    config.write_text('[options]\nmodel = "RN50"\nweights = "openai"\nalpha = 1\n')
    assert choose().weights == "openai"
    assert choose("ViT-B-32").weights is None
    monkeypatch.setenv("REFMASK_MODEL", "ViT-B-16")
    assert (choose().model, choose().weights) == ("ViT-B-16", None)
    assert choose(weights="file.pt").weights == "file.pt"
    assert resolve({}, ["alpha"])["alpha"].value == 1.0
    assert resolve({"preset": "refcoco"}, ["alpha"])["alpha"].value is None
    assert resolve({"preset": "refcoco", "alpha": 0.5}, ["alpha"])["alpha"].value == 0.5


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("ALPHA", "much", "REFMASK_ALPHA is 'much', not a number"),
        ("MASK_LAYERS", "1.5", "REFMASK_MASK_LAYERS is '1.5', not a whole number"),
        ("PRECISION", "fp8", "REFMASK_PRECISION is 'fp8', not auto or fp32 or bf16"),
    ],
)
def test_invalid_environment_variables(monkeypatch, name, value, message):
    monkeypatch.setenv(f"REFMASK_{name}", value)
    with pytest.raises(ConfigurationError, match=f"{message}; correct it"):
        resolve({})


def test_the_preview_is_the_default_and_scenes_have_their_model():
    choice = choose()
    assert (choice.model, choice.weights, choice.proposals) == (OFFLINE, None, PHOTO)
    assert choice.fallback
    assert "preview" in choice.line
    assert "refmask setup photos" in choice.line
    scenes = choose(scenes=True)
    assert (scenes.model, scenes.proposals) == (EMBEDDED, "grouping")
    assert scenes.line == "embedded (made for these scenes)"


def test_remembered_weights_are_the_default_except_for_scenes(remembered, monkeypatch):
    choice = choose()
    assert (choice.model, choice.weights) == (remembered.model, remembered.weights)
    assert choice.proposals == "sam2:model=x"
    assert choice.line == "CLIP (remembered by 'refmask setup')"
    assert choose(scenes=True).model == EMBEDDED
    assert choose(proposals="grouping").proposals == "grouping"
    monkeypatch.setenv("REFMASK_MODEL", "ViT-L-14")
    monkeypatch.setenv("REFMASK_WEIGHTS", "openai")
    named = choose(scenes=True)
    assert named.line == "ViT-L-14 openai (named by REFMASK_MODEL)"
    assert named.proposals == "grouping"
    assert choose().proposals == "sam2:model=x"


@pytest.mark.usefixtures("remembered")
def test_named_models_have_fitting_proposals():
    assert choose("ViT-L-14").proposals == "sam2:model=x"
    assert choose(OFFLINE).proposals == PHOTO
    assert choose(EMBEDDED).proposals == "grouping"
    assert choose(EMBEDDED, proposals="freesolo").proposals == "freesolo"


def test_only_limits_are_told_of_a_model_that_the_user_named():
    assert choose("ViT-L-14").line is None
    assert choose(EMBEDDED).line == f"embedded ({label_of(EMBEDDED)})"
    assert choose(OFFLINE).line.startswith(f"offline ({label_of(OFFLINE)}); 'refmask setup photos'")


def test_weights_need_a_model(monkeypatch):
    with pytest.raises(ConfigurationError, match=r"weights file\.pt need a model"):
        choose(weights="file.pt")
    monkeypatch.setenv("REFMASK_WEIGHTS", "other.pt")
    with pytest.raises(ConfigurationError, match=r"weights other\.pt need a model"):
        choose()


def test_a_remembered_file_is_missing_or_changed(remembered, tmp_path):
    path = tmp_path / "clip.safetensors"
    path.touch()  # the same content, later
    assert choose().weights == str(path)
    path.write_bytes(b"WEIGHTS")
    remedy = "run 'refmask setup photos' again, or 'refmask setup forget'"
    with pytest.raises(WeightsError, match=f"changed since .*{remedy}"):
        choose()
    path.unlink()
    with pytest.raises(WeightsError, match=f"is missing; {remedy}"):
        choose()
    assert choose(OFFLINE).model == OFFLINE
    assert choose("ViT-L-14", proposals="grouping").model == "ViT-L-14"
    file.forget()
    assert choose().fallback
    assert remembered.files[0].bytes == 7


def test_python_warns_once_when_the_preview_is_the_default():
    warn_once.cache_clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(ConfigurationError, match="fp32"):  # nothing need be loaded
            load(compat="reference", precision="bf16")
        with pytest.raises(ConfigurationError, match="fp32"):
            load(compat="reference", precision="bf16")  # another line
    (only,) = caught
    assert only.category is RefmaskWarning
    assert re.search("offline preview.*refmask setup photos", str(only.message))
    assert only.filename == __file__


def test_a_shipped_model_answers_whatever_the_settings_are(monkeypatch, config):
    monkeypatch.setenv("REFMASK_PROPOSALS", "grouping:limit=3")
    monkeypatch.setenv("REFMASK_ALPHA", "0.1")
    plain = load_shipped(EMBEDDED)
    config.write_text("options = 7")
    again = load_shipped(EMBEDDED)
    assert again.provenance == plain.provenance
    assert again.provenance.proposals.startswith("grouping:version=1,limit=100")
    assert again.method.alpha != 0.1


def test_errors_name_the_file_or_variable_of_the_setting(monkeypatch, config):
    config.write_text('[options]\nweights = "openai"\n')
    with pytest.raises(ConfigurationError, match=f"^{config}: weights openai need a model"):
        choose()
    config.write_text('[options]\nmodel = "psychic"\nmethod = "smell"\n')
    with pytest.raises(RefmaskError, match=rf"psychic.*\(model is 'psychic' in {config}\)$"):
        load()
    with pytest.raises(RefmaskError) as caught:
        load("psychic")
    assert str(config) not in str(caught.value)
    monkeypatch.setenv("REFMASK_DEVICE", "gpu9")
    with pytest.raises(RefmaskError, match=r"\(device is 'gpu9' in REFMASK_DEVICE\)$"):
        load(EMBEDDED)
    monkeypatch.setenv("REFMASK_ALPHA", "7")
    with pytest.raises(ConfigurationError, match=r"^REFMASK_ALPHA is '7', not between 0 and 1;"):
        resolve({})


@pytest.mark.parametrize(("option", "value"), [("method", "smell"), ("terms", "taste")])
def test_a_command_names_the_file_of_a_wrong_setting(
    config, noise, tmp_path, capsys, option, value
):
    Image.fromarray(noise).save(tmp_path / "a.png")
    config.write_text(f'[options]\n{option} = "{value}"\n')
    words = ["segment", str(tmp_path / "a.png"), "the cat", "--model", EMBEDDED]
    assert main([*words, "--proposals", "grouping"]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.endswith(f"({option} is '{value}' in {config})")


def test_python_reads_the_environment(monkeypatch, fixed_proposer):
    monkeypatch.setenv("REFMASK_MODEL", EMBEDDED)
    monkeypatch.setenv("REFMASK_PRECISION", "bf16")
    segmenter = load(proposals=fixed_proposer)
    assert segmenter.method.encoder.name == EMBEDDED
    assert str(segmenter.method.encoder.precision) == "torch.bfloat16"
    assert str(load(precision="fp32").method.encoder.precision) == "torch.float32"
    assert str(load(compat="reference").method.encoder.precision) == "torch.float32"
