"""The configuration file: written, read, refused in one line, and reset."""

import dataclasses
import tomllib

import pytest

from refmask import ConfigurationError
from refmask.settings import file
from refmask.settings.file import Configuration
from refmask.settings.remembered import Remembered, RememberedFile
from refmask.settings.toml import dumps

REMEDY = "correct it, or run 'refmask setup forget', which renames it"
WHOLE = Configuration(
    {"device": "cpu", "alpha": 0.5, "mask_layers": 3},
    Remembered(
        'a "title"\t\x7f \u00fc\U0001f600',
        "C:\\models\\ViT",
        "/a/b",
        None,
        (
            RememberedFile("/a/b", 1, 1_700_000_000_123_456_789, "ab"),
            RememberedFile("/c", 2, 3, "cd"),
        ),
    ),
    asked=True,
)


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "config.toml"
    monkeypatch.setenv("REFMASK_CONFIG", str(path))
    return path


def test_written_configurations_read_back(config):
    assert file.read() == Configuration()
    assert file.write(WHOLE) == config
    assert file.read() == WHOLE
    assert tomllib.loads(config.read_text())["version"] == file.VERSION
    assert config.read_text().startswith("# What refmask takes by default.")


def test_tables_read_back():
    table = {"a": 1, "b": {"c": [{"d": True}, {"d": False}], "e": {}, "f": {"g": 0.5}}, "n": None}
    assert tomllib.loads(dumps(table)) == {
        "a": 1,
        "b": {"c": [{"d": True}, {"d": False}], "f": {"g": 0.5}},
    }


def test_the_default_is_the_platforms_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("REFMASK_CONFIG")
    monkeypatch.setattr("platformdirs.user_config_path", lambda name: tmp_path / name)
    assert file.location() == tmp_path / "refmask" / "config.toml"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("modle = 1", "unknown key 'modle' in the file"),
        ("[options]\nmodle = 'x'", "unknown option 'modle', choose from model, weights, "),
        ("[options]\nalpha = 'much'", "option 'alpha' is 'much', not a number"),
        ("[options]\nalpha = 7", "option 'alpha' is 7, not between 0 and 1; correct it, or run"),
        ("[options]\nlocal_top = 0", "option 'local_top' is 0, not at least 1; correct it, or run"),
        ("[options]\nmodel = ''", "option 'model' is '', not a text; correct it, or run"),
        ("[options]\ndevice = 3", "option 'device' is 3, not a text"),
        ("[options]\nmask_layers = true", "option 'mask_layers' is True, not a whole number"),
        ("options = 3", "'options' is 3, which is the wrong type"),
        ("version = 0", "an older refmask wrote it (version 0, not 1)"),
        ("version = 2", "another refmask wrote it (version 2, not 1)"),
        ("version = 'x'", "another refmask wrote it (version 'x', not 1)"),
        ("asked = 'yes'", "'asked' is 'yes', which is the wrong type"),
        ("remembered = 1", "remembered is not a table"),
        ("[remembered]\ntitle = 'x'", "'model' is missing in remembered"),
        ("[remembered]\nmodel = 'x'\nweights = 'y'\ntitle = 'z'\nfiles = 1", "'files' is 1"),
        ("this is no TOML", "it is not TOML: "),
        (b"\xff", "is not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line_with_the_remedy(config, content, message):
    config.parent.mkdir()
    config.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError) as caught:
        file.read()
    line = str(caught.value)
    assert line.startswith(f"configuration file {config}: {message}")
    assert line.endswith(REMEDY)
    assert "\n" not in line
    assert file.forget() == config.with_name("config.toml.old")
    assert file.read() == Configuration()


def test_a_file_that_is_a_folder(config):
    config.mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="it is a folder"):
        file.read()
    with pytest.raises(ConfigurationError, match=r"cannot write .* in REFMASK_CONFIG"):
        file.write(WHOLE)


def test_a_folder_that_cannot_be_written(config):
    config.parent.write_text("a file where a folder should be")
    assert file.read() == Configuration()
    for act in (file.forget, lambda: file.write(WHOLE)):
        with pytest.raises(ConfigurationError, match="name another file in REFMASK_CONFIG"):
            act()


def test_a_full_disk_is_not_told_to_be_made_writable(config, monkeypatch):
    def full(path, _):
        raise ConfigurationError(f"cannot write {path}: No space left on device; choose another")

    monkeypatch.setattr(file, "write_whole", full)
    with pytest.raises(ConfigurationError) as caught:
        file.write(WHOLE)
    assert str(caught.value) == (
        f"cannot write {config}: No space left on device; check disk and permissions, or name "
        "another file in REFMASK_CONFIG"
    )


def test_checking_writes_nothing(config):
    file.check()
    assert not config.parent.exists()
    config.parent.mkdir()
    config.mkdir()
    with pytest.raises(ConfigurationError, match="it is a folder; check disk"):
        file.check()
    config.rmdir()
    config.parent.rmdir()
    config.parent.write_text("a file where a folder should be")
    with pytest.raises(ConfigurationError, match="is no folder; check disk"):
        file.check()


def test_options_and_comments_of_the_user_stay(config):
    mine = '# of mine\n\n[options]  # all of them\ndevice = "cpu"  # no GPU\nalpha = 0.5\n# end\n'
    config.parent.mkdir()
    config.write_text(mine)
    for _ in range(3):
        file.write(dataclasses.replace(file.read(), remembered=WHOLE.remembered, asked=True))
    assert mine in config.read_text()
    assert config.read_text().count("remembered]") == 1
    assert file.read() == Configuration(
        {"device": "cpu", "alpha": 0.5}, WHOLE.remembered, asked=True
    )
    file.forget()
    assert mine in config.read_text()
    assert file.read() == Configuration({"device": "cpu", "alpha": 0.5})
    # Unusual spellings of what refmask writes: the file is written anew.
    config.write_text('options.device = "cpu"\nremembered = {title="x", model="y", weights="z"}\n')
    file.write(WHOLE)
    assert file.read() == WHOLE


def test_renamed_files_stay(config):
    config.parent.mkdir()
    names = []
    for number in range(3):
        config.write_text(f"no TOML {number}")
        names.append(file.forget().name)
    assert names == ["config.toml.old", "config.toml.old1", "config.toml.old2"]
    assert config.with_name("config.toml.old").read_text() == "no TOML 0"


def test_forgetting_leaves_the_options(config):
    file.forget()
    file.write(WHOLE)
    assert file.forget() is None
    assert file.read() == Configuration(WHOLE.options)
    file.write(dataclasses.replace(WHOLE, options={}))
    assert file.forget() is None
    assert not config.exists()
