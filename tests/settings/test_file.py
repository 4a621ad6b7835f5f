"""The configuration file: written, read, refused in one line, and forgotten."""

import dataclasses
import tomllib

import pytest

from refmask import ConfigurationError
from refmask.settings import file
from refmask.settings.file import Configuration
from refmask.settings.remembered import KeptFile, Remembered
from refmask.settings.toml import dumps

WAY_OUT = "correct it, or run 'refmask setup forget', which sets it aside"
WHOLE = Configuration(
    {"device": "cpu", "alpha": 0.5, "mask_layers": 3},
    Remembered(
        'a "title"\t\x7f \u00fc\U0001f600',
        "C:\\models\\ViT",
        "/a/b",
        None,
        (KeptFile("/a/b", 1, 1_700_000_000_123_456_789, "ab"), KeptFile("/c", 2, 3, "cd")),
    ),
    asked=True,
)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "config.toml"
    monkeypatch.setenv("REFMASK_CONFIG", str(path))
    return path


def test_what_is_written_is_read(place):
    assert file.read() == Configuration()
    assert file.write(WHOLE) == place
    assert file.read() == WHOLE
    assert tomllib.loads(place.read_text())["version"] == file.VERSION
    assert place.read_text().startswith("# What refmask takes by default.")


def test_tables_are_what_toml_says():
    table = {"a": 1, "b": {"c": [{"d": True}, {"d": False}], "e": {}, "f": {"g": 0.5}}, "n": None}
    assert tomllib.loads(dumps(table)) == {
        "a": 1,
        "b": {"c": [{"d": True}, {"d": False}], "f": {"g": 0.5}},
    }


def test_the_platforms_place_is_the_usual_one(monkeypatch, tmp_path):
    monkeypatch.delenv("REFMASK_CONFIG")
    monkeypatch.setattr("platformdirs.user_config_path", lambda name: tmp_path / name)
    assert file.place() == tmp_path / "refmask" / "config.toml"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("modle = 1", "unknown key 'modle' in the file"),
        ("[options]\nmodle = 'x'", "unknown option 'modle'; there are model, weights, "),
        ("[options]\nalpha = 'much'", "option 'alpha' is 'much', not a number"),
        ("[options]\nalpha = 7", "option 'alpha' is 7, not from 0 to 1; correct it, or run"),
        ("[options]\nlocal_top = 0", "option 'local_top' is 0, not from 1; correct it, or run"),
        ("[options]\nmodel = ''", "option 'model' is '', not a text; correct it, or run"),
        ("[options]\ndevice = 3", "option 'device' is 3, not a text"),
        ("[options]\nmask_layers = true", "option 'mask_layers' is True, not a whole number"),
        ("options = 3", "'options' is 3, which does not fit"),
        ("version = 0", "it is of an older refmask (version 0, not 1)"),
        ("version = 2", "it is of another refmask (version 2, not 1)"),
        ("version = 'x'", "it is of another refmask (version 'x', not 1)"),
        ("asked = 'yes'", "'asked' is 'yes', which does not fit"),
        ("remembered = 1", "remembered is no table"),
        ("[remembered]\ntitle = 'x'", "no 'model' in remembered"),
        ("[remembered]\nmodel = 'x'\nweights = 'y'\ntitle = 'z'\nfiles = 1", "'files' is 1"),
        ("this is no TOML", "it is no TOML: "),
        (b"\xff", "expected UTF-8 text"),
    ],
)
def test_what_cannot_be_understood_is_one_line_with_the_way_out(place, content, told):
    place.parent.mkdir()
    place.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError) as caught:
        file.read()
    line = str(caught.value)
    assert line.startswith(f"configuration file {place}: {told}")
    assert line.endswith(WAY_OUT)
    assert "\n" not in line
    assert file.forget() == place.with_name("config.toml.old")
    assert file.read() == Configuration()


def test_a_file_that_is_a_folder(place):
    place.mkdir(parents=True)
    with pytest.raises(ConfigurationError, match="it is a folder"):
        file.read()
    with pytest.raises(ConfigurationError, match=r"cannot write .* by REFMASK_CONFIG"):
        file.write(WHOLE)


def test_a_place_that_cannot_be_written(place):
    place.parent.write_text("a file where a folder should be")
    assert file.read() == Configuration()
    for act in (file.forget, lambda: file.write(WHOLE)):
        with pytest.raises(ConfigurationError, match="name another file by REFMASK_CONFIG"):
            act()


def test_a_full_disk_is_not_told_to_be_made_writable(place, monkeypatch):
    def full(path, _):
        raise ConfigurationError(f"cannot write {path}: No space left on device; choose another")

    monkeypatch.setattr(file, "write_whole", full)
    with pytest.raises(ConfigurationError) as caught:
        file.write(WHOLE)
    assert str(caught.value) == (
        f"cannot write {place}: No space left on device; see to its disk and permissions, or name "
        "another file by REFMASK_CONFIG"
    )


def test_checking_writes_nothing(place):
    file.check()
    assert not place.parent.exists()
    place.parent.mkdir()
    place.mkdir()
    with pytest.raises(ConfigurationError, match="it is a folder; see to"):
        file.check()
    place.rmdir()
    place.parent.rmdir()
    place.parent.write_text("a file where a folder should be")
    with pytest.raises(ConfigurationError, match="is no folder; see to"):
        file.check()


def test_what_the_user_wrote_stays(place):
    mine = '# of mine\n\n[options]  # all of them\ndevice = "cpu"  # no GPU\nalpha = 0.5\n# end\n'
    place.parent.mkdir()
    place.write_text(mine)
    for _ in range(3):
        file.write(dataclasses.replace(file.read(), remembered=WHOLE.remembered, asked=True))
    assert mine in place.read_text()
    assert place.read_text().count("remembered]") == 1
    assert file.read() == Configuration(
        {"device": "cpu", "alpha": 0.5}, WHOLE.remembered, asked=True
    )
    file.forget()
    assert mine in place.read_text()
    assert file.read() == Configuration({"device": "cpu", "alpha": 0.5})
    # What cannot be told apart from what is ours is written anew.
    place.write_text('options.device = "cpu"\nremembered = {title="x", model="y", weights="z"}\n')
    file.write(WHOLE)
    assert file.read() == WHOLE


def test_files_that_were_set_aside_stay(place):
    place.parent.mkdir()
    names = []
    for number in range(3):
        place.write_text(f"no TOML {number}")
        names.append(file.forget().name)
    assert names == ["config.toml.old", "config.toml.old1", "config.toml.old2"]
    assert place.with_name("config.toml.old").read_text() == "no TOML 0"


def test_forgetting_leaves_the_options(place):
    file.forget()
    file.write(WHOLE)
    assert file.forget() is None
    assert file.read() == Configuration(WHOLE.options)
    file.write(dataclasses.replace(WHOLE, options={}))
    assert file.forget() is None
    assert not place.exists()
