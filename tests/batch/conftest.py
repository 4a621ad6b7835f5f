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
    """Six images in two folders, one that is cut short, and things that are no images."""
    folder = tmp_path_factory.mktemp("photos")
    found = sorted(Path(SHIPPED).rglob("*.png"))[:6]
    (folder / "more of them").mkdir()
    for number, path in enumerate(found):
        place = folder / ("more of them" if number > 3 else "") / f"{number}.png"
        with Image.open(path) as image:
            image.convert("RGB").resize((SIDE, SIDE)).save(place)
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
    """A batch about the photos by its folder; its settings may be chosen."""

    def make(folder, where=photos, asked=expressions, by=segmenter, **settings):
        phrases = asked and by.parser(asked)
        plan = read_plan(str(where), phrases, settings.pop("per_image", None))
        return Batch(plan, fingerprint_of(by), str(folder), **{"rows": 4, **settings})

    return make


@pytest.fixture(scope="session")
def rows():
    """All rows of a folder, by image and expression."""

    def read(folder):
        found = parquet.read_table(folder).to_pylist()
        return sorted(found, key=lambda row: (row["image"], row["number"]))

    return read


@pytest.fixture
def local(segmenter):
    return Local(segmenter, workers=2)


@pytest.fixture(scope="session")
def parts():
    """The files of a batch's rows, their bytes by name."""
    return lambda folder: {
        path.name: path.read_bytes() for path in sorted(Path(folder).glob("part-*.parquet"))
    }
