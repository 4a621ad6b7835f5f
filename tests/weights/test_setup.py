"""``refmask setup``: fetched or brought, tried, remembered; and nothing that does not work."""

import re
import shutil
from pathlib import Path

import pytest

import refmask
from refmask.cli import main
from refmask.settings import choose, file
from refmask.weights.catalogue import PUBLISHED
from refmask.weights.hub import fetch

PHOTOS = ["setup", "photos"]

pytestmark = pytest.mark.usefixtures("settings")


@pytest.fixture
def folder(tmp_path, originals):
    """The files as somebody brings them: the CLIP's, and the SAM's in a folder of its own."""
    made = tmp_path / "brought"
    (made / "sam").mkdir(parents=True)
    for name, content in originals.items():
        _, repository, base = name.split("/")
        (made / ("sam" if repository == "sam" else "") / base).write_bytes(content)
    return made


def lines(text):
    return text.splitlines()


@pytest.mark.usefixtures("full_hub", "kit")
def test_fetched_tried_and_remembered(settings, capsys):
    assert main(PHOTOS) == 0
    told = lines(capsys.readouterr().out)
    assert re.fullmatch("Small CLIP: 5 MB, MIT, http://.*/org/clip, will be fetched", told[0])
    assert told[1].startswith("Small SAM: 1 MB, Apache-2.0, ")
    assert told[-1] == f"Small CLIP with Small SAM: used from now on, as {settings} says"
    found = choose()
    assert Path(found.weights).name == "open_clip_model.safetensors"
    assert found.proposals.startswith("sam2:model=")
    assert "remembered" in found.line
    assert {Path(kept.path).name for kept in file.read().remembered.files} == {
        "open_clip_model.safetensors",
        "model.safetensors",
        "config.json",
    }
    segmenter = refmask.load()
    assert str(segmenter.method.encoder.weights) == found.weights
    assert segmenter.proposer.family.name == "sam2"
    assert main(["setup"]) == 0
    assert "why        remembered by 'refmask setup'" in capsys.readouterr().out


@pytest.mark.usefixtures("kit")
def test_what_is_cached_is_used_though_nobody_set_it_up(full_hub):
    fetch("small-clip")
    assert choose().line == "Small CLIP (found in the Hugging Face cache)"
    assert not choose().proposals.startswith("sam2")
    fetch("small-sam")
    assert choose().line == "Small CLIP with Small SAM (found in the Hugging Face cache)"
    assert choose().proposals.startswith("sam2:model=")
    fetched = len(full_hub.fetched())
    assert main(PHOTOS) == 0
    assert len(full_hub.fetched()) == fetched


@pytest.mark.usefixtures("kit")
def test_a_setup_that_was_broken_off_goes_on(full_hub, capsys):
    full_hub.breaks = 100_000
    assert main(PHOTOS) == 2
    told = lines(capsys.readouterr().err)
    assert "the weights of small-clip are not in the local cache and could not be" in told[-1]
    assert choose().fallback
    full_hub.breaks, full_hub.broken = None, False
    full_hub.asked.clear()
    assert main(PHOTOS) == 0
    assert full_hub.fetched()[0][1].startswith("bytes=")
    assert not choose().fallback


@pytest.mark.usefixtures("kit")
def test_what_is_damaged_in_the_cache_is_fetched_anew(full_hub):
    weights = fetch("small-clip")
    content = weights.read_bytes()
    weights.resolve().write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert main(PHOTOS) == 0
    assert weights.read_bytes() == content
    assert [name for name, _ in full_hub.fetched()].count("open_clip_model.safetensors") == 2


@pytest.mark.usefixtures("kit")
@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("org/clip/open_clip_model.safetensors", "org/sam/model.safetensors", "do not fit the mod"),
        ("org/clip/open_clip_model.safetensors", b"<html>sign in</html>", "is damaged or no weigh"),
        ("org/sam/config.json", b'{"model_type": "sam"}', "of type sam2 or sam2_video"),
    ],
)
def test_wrong_files_are_not_remembered(full_hub, originals, name, content, told, capsys):
    full_hub.files[name] = originals[content] if isinstance(content, str) else content
    assert main(PHOTOS) == 2
    (line,) = lines(capsys.readouterr().err)
    assert line.startswith("refmask: error: nothing was remembered: ")
    assert told in line
    assert file.read().remembered is None
    # Nor does what is in the cache now answer; what works of it may.
    assert choose().fallback == name.startswith("org/clip")
    assert not choose().proposals.startswith("sam2")


@pytest.mark.usefixtures("kit", "no_hub")
def test_without_a_network_two_lines_say_what_to_bring(folder, settings, capsys):
    assert main(PHOTOS) == 2
    told = capsys.readouterr()
    first, (second,) = lines(told.out)[-1], lines(told.err)
    assert "does not answer" in second
    for text in ("open_clip_model.safetensors", "/org/clip", "model.safetensors and config.json"):
        assert text in first
    assert second.endswith("'refmask setup photos' with --quality standard --from FOLDER")
    assert not settings.exists()  # nothing was set up, so nothing is written
    assert main([*PHOTOS, "--from", str(folder)]) == 0
    shutil.rmtree(folder)  # a stick that was pulled out
    found = refmask.load()
    assert found.method.encoder.weights.parent.name == "clip"
    assert found.proposer.family.name == "sam2"


@pytest.mark.usefixtures("no_hub")
def test_the_way_out_is_of_the_same_quality(kit, capsys, monkeypatch):
    import dataclasses

    from refmask.weights.recommended import RECOMMENDED

    monkeypatch.setitem(RECOMMENDED, "high", dataclasses.replace(kit, model="other"))
    assert main([*PHOTOS, "--quality", "high"]) == 2
    told = capsys.readouterr()
    assert told.err.endswith("'refmask setup photos' with --quality high --from FOLDER\n")
    assert lines(told.out)[-2].startswith("asking http://127.0.0.1:9, for at most ")


@pytest.mark.usefixtures("kit", "no_hub")
def test_a_setup_that_fails_leaves_the_file_as_it_was(settings, tmp_path, capsys):
    settings.parent.mkdir()
    settings.write_text('# mine\n[options]\ndevice = "cpu"\n')
    before = settings.read_bytes()
    (tmp_path / "empty").mkdir()
    for source in ([], ["--from", str(tmp_path / "none")], ["--from", str(tmp_path / "empty")]):
        assert main([*PHOTOS, *source]) == 2
        assert settings.read_bytes() == before
    told = capsys.readouterr().err
    assert f"{tmp_path}/none is not there; name the folder" in told
    assert main([*PHOTOS, "--from", str(settings)]) == 2
    assert f"{settings} is no folder; name the folder" in capsys.readouterr().err


@pytest.mark.usefixtures("kit", "no_hub")
def test_what_is_brought_is_listed_and_was_not_checked(folder, capsys):
    assert main([*PHOTOS, "--from", str(folder)]) == 0
    told = capsys.readouterr().out
    weights = folder / "open_clip_model.safetensors"
    assert f"{weights}: taken for Small CLIP; not checked, since that needs a network" in told
    assert main(["models"]) == 0
    listed = next(text for text in capsys.readouterr().out.split("\nsmall-") if "org/clip" in text)
    assert listed.startswith("clip")
    assert " here " in listed
    assert str(Path(choose().weights)) in listed
    assert main(["models", "verify", "small-clip"]) == 0
    assert "no published SHA-256 to compare it with" in capsys.readouterr().out


@pytest.mark.usefixtures("kit", "no_hub")
def test_brought_into_one_folder_or_twice(folder):
    for path in (folder / "sam").iterdir():
        path.rename(folder / path.name)
    assert main([*PHOTOS, "--from", str(folder)]) == 0
    kept = Path(choose().weights).parents[2]
    assert main([*PHOTOS, "--from", str(kept)]) == 0  # where they lie by now
    assert not choose().fallback


@pytest.mark.usefixtures("kit", "no_hub")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("absent", "no model.safetensors and no config.json of Small SAM in"),
        ("half", "open_clip_model.safetensors is damaged or only a part of Small CLIP"),
        ("other", "nothing was remembered: weights .* do not fit the model"),
        ("stated", "open_clip_model.safetensors is damaged"),
    ],
)
def test_what_is_brought_must_be_whole_and_right(folder, change, told, monkeypatch, tmp_path):
    weights = folder / "open_clip_model.safetensors"
    if change == "absent":
        shutil.rmtree(folder / "sam")
    elif change == "half":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif change == "other":
        shutil.copy(folder / "sam" / "model.safetensors", weights)
    else:
        import dataclasses

        stated = dataclasses.replace(PUBLISHED["small-clip"], sha256="0" * 64)
        monkeypatch.setitem(PUBLISHED, "small-clip", stated)
    from refmask.setup import set_up
    from refmask.weights.recommended import RECOMMENDED

    with pytest.raises(refmask.RefmaskError, match=told):
        set_up(RECOMMENDED["standard"], source=folder)
    assert file.read().remembered is None
    assert not (tmp_path / "user" / "data").exists()


@pytest.mark.usefixtures("kit")
@pytest.mark.parametrize("brought", [True, False])
def test_too_full_a_disk_is_told_before_anything_comes(
    full_hub, folder, brought, monkeypatch, capsys
):
    import dataclasses

    large = dataclasses.replace(PUBLISHED["small-clip"], megabytes=10**12)
    monkeypatch.setitem(PUBLISHED, "small-clip", large)
    assert main([*PHOTOS, *(["--from", str(folder)] if brought else [])]) == 2
    told = capsys.readouterr()
    assert "refmask: error: no room for Small CLIP" in told.err
    assert f"have {'XDG_DATA_HOME' if brought else 'HF_HOME'} name a folder" in told.err
    assert "trying" not in told.out  # before models are loaded, too
    assert full_hub.fetched() == []


@pytest.mark.usefixtures("kit")
def test_a_file_that_cannot_be_written_is_told_before_anything_comes(full_hub, settings, capsys):
    settings.parent.write_text("a file where a folder should be")
    assert main(PHOTOS) == 2
    (line,) = lines(capsys.readouterr().err)
    assert "REFMASK_CONFIG" in line or "refmask setup forget" in line
    settings.parent.unlink()
    settings.mkdir(parents=True)
    assert main(PHOTOS) == 2
    assert full_hub.asked == []


@pytest.mark.usefixtures("full_hub", "kit")
def test_options_of_the_user_stay(settings, capsys):
    settings.parent.mkdir()
    settings.write_text('[options]\ndevice = "cpu"\n')
    assert main(PHOTOS) == 0
    assert file.read().options == {"device": "cpu"}
    assert main(["setup", "forget"]) == 0
    assert file.read() == file.Configuration({"device": "cpu"})
    assert f"device     cpu ({settings})" in capsys.readouterr().out
    settings.write_text("no TOML")
    assert main(["setup"]) == 2
    assert main(["setup", "forget"]) == 0
    assert "is invalid and was renamed to" in capsys.readouterr().out
