"""The files of each data set, and where to get them."""

from __future__ import annotations

from dataclasses import dataclass

from refmask.data import TABLES, coco, phrasecut
from refmask.data.refer import IMAGES, SPLIT_BY
from refmask.data.refs import candidates

#: The host that published REFER's archives, now gone, and archived copies of them.
HOST = "https://bvisionweb1.cs.unc.edu/licheng/referit/data"
ARCHIVED = {
    "refcoco": "https://web.archive.org/web/20220413011718",
    "refcoco+": "https://web.archive.org/web/20220413011656",
    "refcocog": "https://web.archive.org/web/20220413012904",
}
#: Data sets whose expressions refer to any number of things.
GENERALISED = ("grefcoco", "gscenes")
COCO = "http://images.cocodataset.org"
PHRASECUT = "https://github.com/ChenyunWu/PhraseCutDataset"
#: Google Drive ids of PhraseCut's files, from its download program.
DRIVE = {
    "refer_test.json": "1jrzXm1gcq6f5hNDeamZd0UmyyHUv61IZ",
    "refer_val.json": "1UyojArOFPlsSeNbA9fHWjCjOOU-OCohG",
    "refer_train.json": "1qx-0q6r9r0YUGpoyT0B8HJKmUFWQDSu7",
    "refer_miniv.json": "1oLcTQ1blTIQyu5ZMelQN2HSniuQaxM4E",
    phrasecut.SIZES: "1xB9eExJo35K3DQu8PnBWZ1q_OMoMl8-i",
}
OWN = "your own, in COCO's format: https://cocodataset.org/#format-data"
#: The folder that gRefCOCO's authors published, from their repository's README.
GREFCOCO = (
    "https://drive.google.com/drive/folders/1My2U6SuTAZG9yGBKe_PjsUJJgjdxOiiN (listed in "
    "https://github.com/henghuiding/gRefCOCO)"
)
SCENES = "made by 'python training/generate_scenes.py --out DIR' in a clone"


@dataclass(frozen=True)
class Part:
    """A file or folder of a data set.

    Attributes:
        name: its usual path below the root.
        paths: possible paths, in order of preference; one of them is enough.
        source: where to get it.
        optional: the data set can be read without it, with fewer splits.
    """

    name: str
    paths: tuple[str, ...]
    source: str
    optional: bool = False


def parts(name: str) -> list[Part]:
    """The parts of a data set; an unknown name means REFER's layout."""
    if name == "coco":
        return [*_coco(), *own_coco(optional=True)]
    if name == "phrasecut":
        return _phrasecut()
    published = {known: f"{copy}/{HOST}/{known}.zip" for known, copy in ARCHIVED.items()}
    published["grefcoco"] = GREFCOCO
    archive = published.get(name, SCENES)
    images = f"{COCO}/zips/train2014.zip" if name in published else SCENES
    table = f"{name}/{TABLES}"
    listed = [Part(table, (table,), archive)]
    for number, split_by in enumerate(SPLIT_BY.get(name, (name,))):
        paths = tuple(f"{name}/{file}" for file in candidates(split_by))
        file = f"grefs({split_by}).json" if name in GENERALISED else f"refs({split_by}).p"
        listed.append(Part(f"{name}/{file}", paths, archive, optional=number > 0))
    return [*listed, Part(IMAGES[0], IMAGES, images)]


def own_coco(optional: bool = False) -> list[Part]:
    """The parts of your own data in COCO's format, without splits."""
    return [
        Part(coco.UNSPLIT, (coco.UNSPLIT,), OWN, optional),
        Part(coco.IMAGES, (coco.IMAGES,), OWN, optional),
    ]


def _coco() -> list[Part]:
    listed = []
    for year, split in ((2014, "train2014"), (2014, "val2014"), (2017, "val2017")):
        annotations = f"{COCO}/annotations/annotations_trainval{year}.zip"
        table = f"{coco.FOLDER}/instances_{split}.json"
        listed.append(Part(table, (table,), annotations, optional=True))
        places = (f"images/{split}", split)
        listed.append(Part(split, places, f"{COCO}/zips/{split}.zip", optional=True))
    return listed


def _phrasecut() -> list[Part]:
    listed = [
        Part(
            file,
            _either(file),
            f"https://drive.google.com/uc?id={number} (listed in {PHRASECUT})",
            optional=file not in ("refer_test.json", phrasecut.SIZES),
        )
        for file, number in DRIVE.items()
    ]
    images = f"the 'url' of each image in {phrasecut.SIZES}; {PHRASECUT} fetches them"
    return [*listed, Part("images", _either("images"), images)]


def _either(file: str) -> tuple[str, ...]:
    return f"{phrasecut.FOLDER}/{file}", file
