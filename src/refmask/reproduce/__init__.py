"""The paper's tables and figures, one file each.

To add one: one file beside this one with ``make(context) -> list[Path]``, the files it wrote, and
one line in ``EXPERIMENTS``.
"""

from __future__ import annotations

#: Name -> what it shows. The module is the name with ``_`` for ``-``.
EXPERIMENTS = {
    "table1": "all methods on all splits, oIoU and mIoU",
    "table2": "all methods on the data sets' own instances",
    "table3": "visual by textual features",
    "table4": "the noun phrases of the paper's expressions",
    "table5": "right classes, and overlap where the class is right",
    "phrasecut": "PhraseCut test, all classes and unseen ones",
    "noun-phrases": "how often the noun phrase is the whole expression",
    "fig4": "our line, and supervised systems trained on k instances per class",
    "fig5": "examples: levels of the visual feature",
    "fig6": "examples: levels of the textual feature",
    "fig7": "examples: all methods side by side",
    "fig8": "words and nouns of expressions",
    "fig9": "what the noun phrase adds, by the expression's length",
    "fig10": "examples: why answers fail",
    "fig11": "overall IoU against alpha and against beta",
    "fig12": "overall IoU against the number of masked blocks, per ViT",
    "fig13": "examples: typical answers on RefCOCO",
    "fig14": "examples: typical answers on RefCOCO+",
    "fig15": "examples: typical answers on RefCOCOg",
}
