"""Table 4: the noun phrases that the parser finds in the paper's expressions.

The paper prints each phrase highlighted; what is left of it in text is its head.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from refmask.reproduce import paper
from refmask.reproduce.context import ExperimentContext


def make(context: ExperimentContext) -> list[Path]:
    """Parse the expressions; noun phrase, head and the paper's head, as Markdown and CSV."""
    expressions = [expression for expression, _ in paper.TABLE_4]
    phrases = context.phrase_parser(expressions)
    right = sum(p.head == head for p, (_, head) in zip(phrases, paper.TABLE_4, strict=True))
    lines = ["# Table 4, noun phrases", "", "| expression | noun phrase | head | paper's head |"]
    lines.append("|---|---|---|---|")
    content = io.StringIO()
    rows = csv.writer(content, lineterminator="\n")
    rows.writerow(["expression", "noun phrase", "head", "paper's head"])
    for phrase, (expression, head) in zip(phrases, paper.TABLE_4, strict=True):
        cells = (expression, phrase.noun_phrase, phrase.head, head)
        lines.append("| " + " | ".join(cells) + " |")
        rows.writerow(cells)
    lines += ["", f"{right} of {len(phrases)} heads are the paper's.", ""]
    return [
        context.write("table4.md", "\n".join(lines)),
        context.write("table4.csv", content.getvalue()),
    ]
