"""The paper's printed results, in percent (CVPR 2023, arXiv 2303.17811).

Columns of tables are (data set, split); rows are (key of ``METHODS``, image tower).
"""

from __future__ import annotations

Column = tuple[str, str]

#: The columns of table 1, in the paper's order.
COLUMNS: tuple[Column, ...] = (
    ("refcoco", "val"),
    ("refcoco", "testA"),
    ("refcoco", "testB"),
    ("refcoco+", "val"),
    ("refcoco+", "testA"),
    ("refcoco+", "testB"),
    ("refcocog", "val (U)"),
    ("refcocog", "test (U)"),
    ("refcocog", "val (G)"),
)

#: A row of table 1: method and image tower.
Row = tuple[str, str]

UPPER_BOUND: Row = ("upper bound", "FreeSOLO")


def _rows(text: str) -> dict[Row, tuple[float | None, ...]]:
    """Lines of ``method | tower | nine figures``; ``-`` where the paper prints none."""
    rows = {}
    for line in text.strip().splitlines():
        method, tower, figures = (part.strip() for part in line.split("|"))
        values = (None if word == "-" else float(word) for word in figures.split())
        rows[method, tower] = tuple(values)
    return rows


#: Table 1, FreeSOLO's proposals, by metric.
TABLE_1 = {
    "oIoU": _rows("""
        grad-cam     | RN50     | 14.02 15.07 13.49 14.46 14.97 14.04 12.51 12.81 12.86
        score-map    | RN50     | 19.87 19.31 20.22 20.37 19.65 20.75 18.88 19.16 19.15
        region-token | ViT-B/32 | 21.71 20.31 22.63 22.61 20.91 23.46 25.52 25.38 25.29
        cropping     | RN50     | 22.36 20.49 22.69 23.95 22.03 23.49 28.20 27.64 27.47
        cropping     | ViT-B/32 | 22.73 21.11 23.08 24.09 22.42 23.93 28.69 27.51 27.70
        global-local | RN50     | 24.58 23.38 24.35 25.87 24.61 25.61 30.07 29.83 29.45
        global-local | ViT-B/32 | 24.88 23.61 24.66 26.16 24.90 25.83 31.11 30.96 30.69
        upper bound  | FreeSOLO | 42.08 42.52 43.52 42.17 42.52 43.80 48.81 48.96 48.49
    """),
    "mIoU": _rows("""
        grad-cam     | RN50     | 14.22 15.93 13.18 14.80 15.87 13.78 12.47 13.16 13.30
        score-map    | RN50     | 21.32 20.96 21.57 21.61 21.17 22.30 20.07 20.43 20.63
        region-token | ViT-B/32 | 23.43 22.07 24.62 24.51 22.64 25.37 27.57 27.34 27.69
        cropping     | RN50     | 24.31 22.37 24.66 26.31 23.94 25.69 31.27 30.87 30.78
        cropping     | ViT-B/32 | 24.83 22.58 25.72 26.33 24.06 26.46 31.88 30.94 31.06
        global-local | RN50     | 26.70 24.99 26.48 28.22 26.54 27.86 33.02 33.12 32.79
        global-local | ViT-B/32 | 26.20 24.94 26.56 27.80 25.64 27.84 33.52 33.67 33.61
        upper bound  | FreeSOLO | 48.25 46.62 50.43 48.28 46.62 50.62 52.44 52.91 52.76
        TSEG         | reported | 25.95 - - 22.62 - - 23.41 - -
    """),
}

#: Supervised, as the paper reports it for comparison, oIoU in the columns of table 1.
LAVT = (72.73, 75.82, 68.79, 62.14, 68.38, 55.10, 61.24, 62.09, 60.50)

#: Table 2: COCO's instances as proposals, ViT-B/32 (RN50 for the first two), oIoU.
TABLE_2 = {
    "grad-cam": {"refcoco": 18.32, "refcoco+": 18.14, "refcocog": 21.24},
    "score-map": {"refcoco": 23.97, "refcoco+": 25.50, "refcocog": 28.11},
    "region-token": {"refcoco": 35.59, "refcoco+": 38.13, "refcocog": 40.19},
    "cropping": {"refcoco": 36.32, "refcoco+": 42.07, "refcocog": 47.42},
    "global-local": {"refcoco": 37.05, "refcoco+": 42.59, "refcocog": 51.01},
}

#: Table 3: RefCOCOg val, ViT-B/32, oIoU, by visual and textual feature.
TABLE_3 = {
    "global": {"global": 27.03, "local": 27.37, "global-local": 27.60},
    "local": {"global": 28.69, "local": 25.23, "global-local": 29.48},
    "global-local": {"global": 30.18, "local": 27.94, "global-local": 31.11},
}

#: Table 5: RefCOCOg, by feature.
TABLE_5 = {
    "global": {"MC-ACC": 78.90, "CC-oIoU": 33.10, "oIoU": 27.03},
    "local": {"MC-ACC": 83.36, "CC-oIoU": 29.94, "oIoU": 25.23},
    "global-local": {"MC-ACC": 84.32, "CC-oIoU": 35.61, "oIoU": 31.11},
}

#: PhraseCut test, oIoU; supervised systems by the data set they were trained on.
PHRASECUT = {
    "CRIS, RefCOCO": {"all": 15.53, "unseen": 13.75},
    "CRIS, RefCOCO+": {"all": 16.30, "unseen": 14.62},
    "CRIS, RefCOCOg": {"all": 16.24, "unseen": 13.88},
    "LAVT, RefCOCO": {"all": 16.68, "unseen": 14.43},
    "LAVT, RefCOCO+": {"all": 16.64, "unseen": 13.49},
    "LAVT, RefCOCOg": {"all": 16.05, "unseen": 13.48},
    "global-local": {"all": 23.64, "unseen": 22.98},
}

#: Share of expressions, in percent, whose noun phrase is the whole expression.
WHOLE_SENTENCE = {"refcoco": 48.61, "refcoco+": 43.43, "refcocog": 7.46}

#: Table 4: expressions and the heads of their noun phrases.
TABLE_4 = (
    ("mom", "mom"),
    ("little girl", "girl"),
    ("near zebra", "zebra"),
    ("right sandwich", "sandwich"),
    ("girl's umbrella", "umbrella"),
    ("glass of juice in table", "glass"),
    ("yellow baked squash dish", "dish"),
    ("left person with elbow bent", "person"),
    ("child sitting on womans lap", "child"),
    ("a cow's ear with a circular tag", "ear"),
    ("flowered quilt on back of couch", "quilt"),
    ("a mother giraffe licking her baby", "giraffe"),
    ("with bruises! okey, closest ugly couch", "couch"),
    ("a black and white dog with pointy ears", "dog"),
    ("that was it ... man in the center up front", "man"),
    ("the baby boy wearing a red shirt and gray bib", "boy"),
    ("a flat box full of plants labeled wegman's nursery", "box"),
    ("a man's black tie under all the other ties he is wearing", "tie"),
)
