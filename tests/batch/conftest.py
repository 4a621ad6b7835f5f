"""A few small images, one of them broken, and a small model that answers about them."""

import shutil
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from pyarrow import parquet

import refmask
from refmask.batch.batch import Batch, Local
from refmask.batch.plan import read_plan
from refmask.batch.worker import fingerprint_of
from refmask.data.scenes import SHIPPED
from refmask.proposals.refine import Refinement

SIDE, FEW = 96, 4


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Six images in two folders, one that is cut short, and files that are no images."""
    folder = tmp_path_factory.mktemp("photos")
    scenes = sorted(Path(SHIPPED).rglob("*.png"))[:6]
    (folder / "more of them").mkdir()
    for number, path in enumerate(scenes):
        target = folder / ("more of them" if number > 3 else "") / f"{number}.png"
        with Image.open(path) as image:
            image.convert("RGB").resize((SIDE, SIDE)).save(target)
    whole = (folder / "0.png").read_bytes()
    (folder / "broken.png").write_bytes(whole[: len(whole) // 2])
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden").mkdir()
    shutil.copy(folder / "0.png", folder / ".hidden" / "0.png")
    return folder


@pytest.fixture(scope="session")
def expressions():
    return ["the red car", "the big dog on the left"]


@pytest.fixture(scope="session")
def build(model_files):
    """Makes a segmenter, here or in another process; of a few masks, to be quick."""
    few = Refinement(limit=FEW)
    settings = {"proposals": "grouping", "precision": "fp32", "refinement": few}
    return partial(refmask.load, *model_files("tiny_vit32"), **settings)


@pytest.fixture(scope="session")
def segmenter(build):
    return build()


@pytest.fixture
def batch(segmenter, photos, expressions):
    """Makes a batch about the photos from its output folder and settings."""

    def make(folder, source=photos, expressions=expressions, by=segmenter, **settings):
        phrases = expressions and by.parser(expressions)
        plan = read_plan(str(source), phrases, settings.pop("per_image", None))
        return Batch(plan, fingerprint_of(by), str(folder), **{"rows": 4, **settings})

    return make


@pytest.fixture(scope="session")
def rows():
    """All rows of a folder, by image and expression."""

    def read(folder):
        table = parquet.read_table(folder).to_pylist()
        return sorted(table, key=lambda row: (row["image"], row["number"]))

    return read


@pytest.fixture
def local(segmenter):
    return Local(segmenter, workers=2)


@pytest.fixture(scope="session")
def parts():
    """The bytes of a batch's Parquet files by name."""
    return lambda folder: {
        path.name: path.read_bytes() for path in sorted(Path(folder).glob("part-*.parquet"))
    }
