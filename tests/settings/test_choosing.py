"""Who says what an option is, which model answers where nobody does, and how that is told."""

import re
import warnings

import pytest
from PIL import Image

from refmask import ConfigurationError, RefmaskError, RefmaskWarning, WeightsError, load
from refmask.cli import main
from refmask.factory import load_shipped, warn_once
from refmask.provenance import EMBEDDED, OFFLINE, label_of
from refmask.settings import choose, file, stated
from refmask.settings.choosing import PHOTO
from refmask.settings.file import Configuration
from refmask.settings.levels import GIVEN
from refmask.settings.options import OPTIONS
from refmask.settings.remembered import KeptFile, Remembered


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """The user's configuration file."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("REFMASK_CONFIG", str(path))
    return path


@pytest.fixture
def remembered(tmp_path):
    """Weights that were remembered, and their file."""
    weights = tmp_path / "clip.safetensors"
    weights.write_bytes(b"weights")
    made = Remembered("CLIP", "ViT-B-32", str(weights), "sam2:model=x", (KeptFile.of(weights),))
    file.write(Configuration(remembered=made))
    return made


def test_every_option_of_load_has_a_default_of_its_own():
    import inspect

    usual = {name: p.default for name, p in inspect.signature(load).parameters.items()}
    assert OPTIONS.keys() <= usual.keys()
    assert {name: option.usual for name, option in OPTIONS.items()} == {
        name: usual[name] for name in OPTIONS
    }


def test_the_first_who_says_it_counts(monkeypatch, place):
    def device(**given):
        found = stated(given, ["device"])["device"]
        return found.value, found.by

    assert device() == ("auto", None)
    place.write_text('[options]\ndevice = "cuda:1"\n')
    assert device() == ("cuda:1", str(place))
    monkeypatch.setenv("REFMASK_DEVICE", "cpu")
    assert device() == ("cpu", "REFMASK_DEVICE")
    assert device(device="auto") == ("cpu", "REFMASK_DEVICE")
    assert device(device="cuda") == ("cuda", GIVEN)
    monkeypatch.setenv("REFMASK_DEVICE", "")
    assert device() == ("cuda:1", str(place))


def test_what_belongs_to_another_option_goes_with_it(monkeypatch, place):
    place.write_text('[options]\nmodel = "RN50"\nweights = "openai"\nalpha = 1\n')
    assert choose().weights == "openai"
    assert choose("ViT-B-32").weights is None
    monkeypatch.setenv("REFMASK_MODEL", "ViT-B-16")
    assert (choose().model, choose().weights) == ("ViT-B-16", None)
    assert choose(weights="file.pt").weights == "file.pt"
    assert stated({}, ["alpha"])["alpha"].value == 1.0
    assert stated({"preset": "refcoco"}, ["alpha"])["alpha"].value is None
    assert stated({"preset": "refcoco", "alpha": 0.5}, ["alpha"])["alpha"].value == 0.5


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ALPHA", "much", "REFMASK_ALPHA is 'much', not a number"),
        ("MASK_LAYERS", "1.5", "REFMASK_MASK_LAYERS is '1.5', not a whole number"),
        ("PRECISION", "fp8", "REFMASK_PRECISION is 'fp8', not auto or fp32 or bf16"),
    ],
)
def test_an_environment_that_cannot_be_used(monkeypatch, name, value, told):
    monkeypatch.setenv(f"REFMASK_{name}", value)
    with pytest.raises(ConfigurationError, match=f"{told}; correct it"):
        stated({})


def test_without_anything_the_preview_answers_and_scenes_have_their_model():
    usual = choose()
    assert (usual.model, usual.weights, usual.proposals) == (OFFLINE, None, PHOTO)
    assert usual.fallback
    assert "preview" in usual.line
    assert "refmask setup photos" in usual.line
    scenes = choose(scenes=True)
    assert (scenes.model, scenes.proposals) == (EMBEDDED, "grouping")
    assert scenes.line == "embedded (made for these scenes)"


def test_what_was_remembered_answers_but_not_about_scenes(remembered, monkeypatch):
    found = choose()
    assert (found.model, found.weights) == (remembered.model, remembered.weights)
    assert found.proposals == "sam2:model=x"
    assert found.line == "CLIP (remembered by 'refmask setup')"
    assert choose(scenes=True).model == EMBEDDED
    assert choose(proposals="grouping").proposals == "grouping"
    monkeypatch.setenv("REFMASK_MODEL", "ViT-L-14")
    monkeypatch.setenv("REFMASK_WEIGHTS", "openai")
    named = choose(scenes=True)
    assert named.line == "ViT-L-14 openai (named by REFMASK_MODEL)"
    assert named.proposals == "grouping"
    assert choose().proposals == "sam2:model=x"


@pytest.mark.usefixtures("remembered")
def test_named_models_have_the_proposals_that_fit_them():
    assert choose("ViT-L-14").proposals == "sam2:model=x"
    assert choose(OFFLINE).proposals == PHOTO
    assert choose(EMBEDDED).proposals == "grouping"
    assert choose(EMBEDDED, proposals="freesolo").proposals == "freesolo"


def test_of_a_model_that_the_user_named_only_caveats_are_told():
    assert choose("ViT-L-14").line is None
    assert choose(EMBEDDED).line == f"embedded ({label_of(EMBEDDED)})"
    assert choose(OFFLINE).line.startswith(f"offline ({label_of(OFFLINE)}); 'refmask setup photos'")


def test_weights_alone_are_of_no_model(monkeypatch):
    with pytest.raises(ConfigurationError, match=r"weights file\.pt need the model"):
        choose(weights="file.pt")
    monkeypatch.setenv("REFMASK_WEIGHTS", "other.pt")
    with pytest.raises(ConfigurationError, match=r"weights other\.pt need the model"):
        choose()


def test_a_remembered_file_that_is_gone_or_another(remembered, tmp_path):
    path = tmp_path / "clip.safetensors"
    path.touch()  # the same content, later
    assert choose().weights == str(path)
    path.write_bytes(b"WEIGHTS")
    way_out = "run 'refmask setup photos' again, or 'refmask setup forget'"
    with pytest.raises(WeightsError, match=f"is not the file any more.*{way_out}"):
        choose()
    path.unlink()
    with pytest.raises(WeightsError, match=f"is gone; {way_out}"):
        choose()
    assert choose(OFFLINE).model == OFFLINE
    assert choose("ViT-L-14", proposals="grouping").model == "ViT-L-14"
    file.forget()
    assert choose().fallback
    assert remembered.files[0].bytes == 7


def test_python_warns_once_of_the_preview_that_nobody_named():
    warn_once.cache_clear()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(ConfigurationError, match="fp32"):  # nothing need be loaded
            load(compat="reference", precision="bf16")
        with pytest.raises(ConfigurationError, match="fp32"):
            load(compat="reference", precision="bf16")  # another line
    (only,) = told
    assert only.category is RefmaskWarning
    assert re.search("offline preview.*refmask setup photos", str(only.message))
    assert only.filename == __file__


def test_a_shipped_model_answers_whatever_the_settings_are(monkeypatch, place):
    monkeypatch.setenv("REFMASK_PROPOSALS", "grouping:limit=3")
    monkeypatch.setenv("REFMASK_ALPHA", "0.1")
    plain = load_shipped(EMBEDDED)
    place.write_text("options = 7")
    again = load_shipped(EMBEDDED)
    assert again.provenance == plain.provenance
    assert again.provenance.proposals.startswith("grouping:version=1,limit=100")
    assert again.method.alpha != 0.1


def test_a_fault_names_the_file_or_the_variable_that_it_comes_from(monkeypatch, place):
    place.write_text('[options]\nweights = "openai"\n')
    with pytest.raises(ConfigurationError, match=f"^{place}: weights openai need the model"):
        choose()
    place.write_text('[options]\nmodel = "psychic"\nmethod = "smell"\n')
    with pytest.raises(RefmaskError, match=rf"psychic.*\(model is 'psychic' in {place}\)$"):
        load()
    with pytest.raises(RefmaskError) as caught:
        load("psychic")
    assert str(place) not in str(caught.value)
    monkeypatch.setenv("REFMASK_DEVICE", "gpu9")
    with pytest.raises(RefmaskError, match=r"\(device is 'gpu9' in REFMASK_DEVICE\)$"):
        load(EMBEDDED)
    monkeypatch.setenv("REFMASK_ALPHA", "7")
    with pytest.raises(ConfigurationError, match=r"^REFMASK_ALPHA is '7', not from 0 to 1;"):
        stated({})


@pytest.mark.parametrize(("option", "value"), [("method", "smell"), ("terms", "taste")])
def test_a_command_names_the_file_of_a_fault(place, noise, tmp_path, capsys, option, value):
    Image.fromarray(noise).save(tmp_path / "a.png")
    place.write_text(f'[options]\n{option} = "{value}"\n')
    words = ["segment", str(tmp_path / "a.png"), "the cat", "--model", EMBEDDED]
    assert main([*words, "--proposals", "grouping"]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.endswith(f"({option} is '{value}' in {place})")


def test_python_takes_what_the_environment_says(monkeypatch, fixed_proposer):
    monkeypatch.setenv("REFMASK_MODEL", EMBEDDED)
    monkeypatch.setenv("REFMASK_PRECISION", "bf16")
    made = load(proposals=fixed_proposer)
    assert made.method.encoder.name == EMBEDDED
    assert str(made.method.encoder.precision) == "torch.bfloat16"
    assert str(load(precision="fp32").method.encoder.precision) == "torch.float32"
    assert str(load(compat="reference").method.encoder.precision) == "torch.float32"
