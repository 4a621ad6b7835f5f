"""Every command and every example of README and docs, run."""

import argparse
import importlib
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refmask.cache.masks import MaskCache
from refmask.cli import COMMANDS, main
from refmask.data import load_dataset
from refmask.data.scenes import read_scenes
from refmask.ops import rle
from refmask.ops.finding import find_images
from refmask.ops.images import read_image
from refmask.proposals.grouping import Grouping
from refmask.types import MaskProposals, tight_boxes

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

#: Words of commands that need weights from elsewhere.
NOT_HERE = {
    "openai",
    "fetch",
    "photos",
    "freesolo",
    "sam",
    "sam2",
    "maskcut",
    "--weights",
    "--also-vit",
}
#: Commands that go on until they are stopped, and words of those that need a cluster.
LASTING = {"app", "serve", "ray"}
#: A proposer that needs none in spite of its name.
HERE = "backbone=embedded"


def blocks(language):
    for page in PAGES:
        for text in re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL):
            yield page.name, text


def commands():
    for page, text in blocks("sh"):
        for line in text.splitlines():
            words = shlex.split(line.split(" > ")[0], comments=True)
            if words:
                yield pytest.param(words, id=f"{page}: {' '.join(words)}")


@pytest.fixture(scope="session")
def scored(tmp_path_factory):
    """Predictions about scenes, and two runs that scored them."""
    folder = tmp_path_factory.mktemp("scored")
    dataset = load_dataset("scenes", "val")
    targets = {q.id: q.target for name in dataset.ids[:2] for q in dataset.sample(name).queries}
    told = {name: rle.encode(target) for name, target in targets.items()}
    (folder / "predictions.json").write_text(json.dumps(told))
    (folder / "half.json").write_text(json.dumps(dict(list(told.items())[::2])))
    for run, file in (("one", "half"), ("two", "predictions")):
        words = ["score", str(folder / f"{file}.json"), "--dataset", "scenes", "--split", "val"]
        assert main([*words, "--first", "2", "--out", str(folder / "runs" / run)]) == 0
    words = ["evaluate", "gscenes", "--split", "val", "--first", "5"]
    assert main([*words, "--out", str(folder / "runs" / "asked")]) == 0
    return folder


@pytest.fixture
def workplace(tmp_path, monkeypatch, noise, scored, own_coco):
    """A folder with the files that the examples name, and the model that is loaded soonest."""
    monkeypatch.setenv("REFMASK_MODEL", "embedded")
    monkeypatch.setenv("REFMASK_CONFIG", str(tmp_path / "config.toml"))
    own_coco.rename(tmp_path / "mine")
    shutil.copytree(scored, tmp_path, dirs_exist_ok=True)
    for folder in ("photos", "masks"):
        (tmp_path / folder).mkdir()
    masks = np.zeros((2, 60, 80), np.bool_)
    masks[0, 5:30, 5:30] = masks[1, 20:50, 40:70] = True
    for stem in ("image", "photos/a", "photos/b"):
        Image.fromarray(noise).save(tmp_path / f"{stem}.jpg")
        Image.fromarray(noise).save(tmp_path / f"{stem}.png")
    for name in ("masks", "masks/a", "masks/b"):
        np.savez(tmp_path / f"{name}.npz", masks=masks)
    store = MaskCache(tmp_path / "store", create=True)
    for image in find_images(str(tmp_path / "photos")):
        store.put(Grouping().configuration(), read_image(image), MaskProposals(masks))
    (tmp_path / "expressions.txt").write_text("the red car\nleft guy\n")
    (tmp_path / "answers.jsonl").write_text(json.dumps(answered("photos/a.jpg", masks[0])))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answered(image, mask):
    """As ``refmask segment --json`` prints it."""
    height, width = mask.shape
    left, top, right, bottom = tight_boxes(mask[None])[0].tolist()
    return {
        "image": image,
        "height": height,
        "width": width,
        "expression": "the red car",
        "noun_phrase": "the red car",
        "head": "car",
        "confidence": 0.9,
        "unsure": False,
        "answer": {
            "score": 20.0,
            "box": [left, top, right, bottom],
            "area": int(mask.sum()),
            "segmentation": rle.encode(mask),
        },
    }


@pytest.mark.parametrize("words", list(commands()))
def test_command(words, workplace):
    program, command, *rest = words
    if program == "make":
        assert re.search(rf"^{command}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return
    if program == "python":
        assert importlib.import_module(Path(command).stem).options().parse_args(rest)
        return
    assert program == "refmask"
    names = {word.split(":")[0] for word in rest if HERE not in word}
    if ({command} | names) & (NOT_HERE | LASTING):
        # Only that it is a command of ours.
        parser = argparse.ArgumentParser()
        importlib.import_module(f"refmask.cli.{command}").configure(parser)
        parser.parse_args(rest)
        return
    if "collection" in rest and rest[0] != "add":
        assert main(["index", "add", "photos", "--index", "collection"]) == 0
    before = set(workplace.rglob("*"))
    assert main([command, *rest]) == 0
    silent = command in ("phrases", "models", "index", "setup") or {
        "--json",
        "--report",
        "check",
    } & set(rest)
    kept = rest[-2:] == ["--out", "store"]  # is there already
    assert silent or kept or set(workplace.rglob("*")) > before


@pytest.mark.usefixtures("workplace")
@pytest.mark.parametrize("text", [pytest.param(text, id=page) for page, text in blocks("python")])
def test_python(text):
    exec(compile(text, "example", "exec"), {})  # noqa: S102


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_site_builds_without_a_warning(tmp_path):
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Segment my images" in (tmp_path / "index.html").read_text()


def test_every_command_is_shown():
    shown = {param.values[0][1] for param in commands()} | {"demo"}
    assert set(COMMANDS) <= shown


def test_demo_picks_one_query_per_kind():
    from refmask.cli.demo import KINDS, choose

    chosen = choose(list(read_scenes(split="val")))
    assert tuple(query.kind for _, query in chosen) == KINDS
    assert len({sample.id for sample, _ in chosen}) == len(KINDS)
