"""The catalogue, the hub's cache and ``refmask models``."""

import hashlib
import json
import re

import pytest

from refmask import RefmaskWarning, WeightsUnavailable
from refmask.cli import main
from refmask.proposals import PROPOSERS
from refmask.weights.catalogue import PUBLISHED, SHIPPED
from refmask.weights.hashing import sha256_of_folder
from refmask.weights.hub import fetch

CONTENT = b"weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


pytestmark = pytest.mark.usefixtures("cache")


def put(cache, name, content=CONTENT, digest=DIGEST):
    """A file as the hub's client caches it: under its SHA-256, with a link by its name."""
    model = PUBLISHED[name]
    folder = cache / f"models--{model.repository.replace('/', '--')}"
    for part in ("blobs", "refs", "snapshots/1"):
        (folder / part).mkdir(parents=True)
    (folder / "blobs" / digest).write_bytes(content)
    (folder / "refs/main").write_text("1")
    (folder / "snapshots/1" / model.files[0]).symlink_to(folder / "blobs" / digest)


def listed(capsys):
    assert main(["models", "list", "--json"]) == 0
    return {row["name"]: row for row in map(json.loads, capsys.readouterr().out.splitlines())}


def test_the_list_tells_what_is_here(cache, capsys):
    assert [name for name, row in listed(capsys).items() if row["here"]] == list(SHIPPED)
    put(cache, "freesolo")
    row = listed(capsys)["freesolo"]
    assert row["here"]
    assert row["megabytes"] == pytest.approx(7e-6)
    assert "non-commercial" in row["licence"]
    assert row["place"].endswith(PUBLISHED["freesolo"].files[0])


def test_the_list_is_the_default_action(capsys):
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in (*SHIPPED, *PUBLISHED))


def test_purposes_name_proposers_there_are():
    for model in PUBLISHED.values():
        for text in (model.purpose, model.local):
            if "proposals=" in text:
                assert re.split("[:`]", text.partition("proposals=")[2])[0] in PROPOSERS


def test_the_shipped_models_are_what_the_catalogue_says(tmp_path):
    for model in SHIPPED.values():
        assert sha256_of_folder(model.path) == model.sha256
    (tmp_path / "a").write_bytes(b"1")
    before = sha256_of_folder(tmp_path)
    (tmp_path / "card.md").write_text("said")
    assert sha256_of_folder(tmp_path) == before
    (tmp_path / "a").rename(tmp_path / "b")
    assert sha256_of_folder(tmp_path) != before


def test_verify_compares_with_what_is_stated(cache, capsys):
    put(cache, "freesolo")
    put(cache, "sam-vit-base", content=b"weighty")
    put(cache, "openai-rn50", digest="not a digest")
    assert main(["models", "verify"]) == 1
    told = capsys.readouterr()
    assert f"freesolo: matches its published SHA-256 {DIGEST}" in told.out
    assert "openai-rn50: SHA-256" in told.out
    assert "no published SHA-256" in told.out
    assert "embedded: matches" in told.out
    assert "sam-vit-base is damaged: SHA-256" in told.err
    assert main(["models", "verify", "embedded", "sam-vit-huge"]) == 0
    assert "sam-vit-huge: not here" in capsys.readouterr().out


def test_an_unknown_name_lists_the_known(capsys):
    for action in ("fetch", "verify"):
        assert main(["models", action, "freesol"]) == 2
        assert "unknown model 'freesol'; choose from openai-vit-b-32" in capsys.readouterr().err


@pytest.mark.filterwarnings("always::refmask.RefmaskWarning")
def test_fetch_tells_the_licence_before_it_asks_the_hub(hub, capsys):
    hub.files["xinlongwang/FreeSOLO/FreeSOLO_R101_30k_pl.pth"] = CONTENT
    assert main(["models", "fetch", "freesolo", "embedded"]) == 0
    told = capsys.readouterr()
    assert "under the NVIDIA Source Code License-NC (non-commercial use only)" in told.err
    assert DIGEST in told.out
    assert "comes with refmask" in told.out
    assert [name for name, _ in hub.fetched()] == ["FreeSOLO_R101_30k_pl.pth"]
    hub.asked.clear()
    fetch("freesolo")  # no warning now, and no question
    assert hub.asked == []


def test_a_model_of_several_files_is_fetched_with_all_of_them(hub, originals):
    """The preprocessing may be absent."""
    for name in ("model.safetensors", "config.json"):
        hub.files[f"facebook/sam-vit-base/{name}"] = originals[f"org/sam/{name}"]
    assert fetch("sam-vit-base").name == "model.safetensors"
    assert [name for name, _ in hub.fetched()] == ["model.safetensors", "config.json"]


@pytest.mark.usefixtures("no_hub")
def test_without_a_network_one_line_says_where_to_get_it():
    told = "download FreeSOLO_R101_30k_pl.pth from xinlongwang/FreeSOLO.*freesolo:weights=FILE"
    with (
        pytest.warns(RefmaskWarning, match="non-commercial"),
        pytest.raises(WeightsUnavailable, match=told),
    ):
        fetch("freesolo")
