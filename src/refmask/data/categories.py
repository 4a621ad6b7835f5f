"""What can be asked about annotated instances without expressions: their categories' names.

Two kinds of questions, both about instances of at least 1 % of the image's area (``LARGE``):

* ``categories``: each category that one instance has to itself, where that instance is large. The
  image shows no other of the category, annotated as an instance or as a crowd, so that its name
  alone tells which thing is meant.
* ``choices``: the large instances of an image are what there is to choose from, where they are of
  two or more categories. Each of these is asked for, and any instance of it is right.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from refmask.data.choice import CHOICES
from refmask.ops.masks import areas_of
from refmask.types import MaskProposals, Query

#: Smallest share of the image's area that an instance covers which is asked about.
LARGE = 0.01


@dataclass(frozen=True, eq=False)
class Asked:
    """What is asked about one image.

    Attributes:
        instances: masks with ``details["category"]``, of which some are right.
        right: by category's id, which of the instances are right: those of the category, the
            largest first.
    """

    instances: MaskProposals
    right: dict[int, list[int]]

    def queries(self, image: str, names: Mapping[int, str]) -> tuple[Query, ...]:
        """One query for each category, in the order of their ids.

        Args:
            image: its id; a query's is "IMAGE-CATEGORY", both by their ids.
            names: of the categories, by id: the expressions.
        """
        return tuple(
            Query(
                f"{image}-{category}",
                names[category],
                self.instances.masks[right[0]],
                names[category],
                right[0],
                tuple(right[1:]),
            )
            for category, right in sorted(self.right.items())
        )


def ask(questions: str, instances: MaskProposals, crowds: Collection[int]) -> Asked:
    """What is asked about one image.

    Args:
        questions: one of ``choice.QUESTIONS``.
        instances: all of the image that are no crowds, with ``details["category"]``.
        crowds: ids of categories that have a crowd in the image.
    """
    height, width = instances.size
    large = areas_of(instances.masks) / (height * width) >= LARGE
    if questions == CHOICES:
        instances = instances[np.flatnonzero(large)]
        right = _by_category(instances)
        return Asked(instances, right if len(right) > 1 else {})
    right = {
        category: rows
        for category, rows in _by_category(instances).items()
        if len(rows) == 1 and large[rows[0]] and category not in crowds
    }
    return Asked(instances, right)


def _by_category(instances: MaskProposals) -> dict[int, list[int]]:
    """Indices of the instances of each category, the largest first."""
    categories = instances.details["category"].tolist()
    found: dict[int, list[int]] = {}
    for row in np.argsort(-areas_of(instances.masks), kind="stable").tolist():
        found.setdefault(categories[row], []).append(row)
    return found


_LISTED = """
person; bicycle; car; motorcycle; airplane; bus; train; truck; boat; traffic light; fire hydrant;
stop sign; parking meter; bench; bird; cat; dog; horse; sheep; cow; elephant; bear; zebra; giraffe;
backpack; umbrella; handbag; tie; suitcase; frisbee; skis; snowboard; sports ball; kite;
baseball bat; baseball glove; skateboard; surfboard; tennis racket; bottle; wine glass; cup; fork;
knife; spoon; bowl; banana; apple; sandwich; orange; broccoli; carrot; hot dog; pizza; donut; cake;
chair; couch; potted plant; bed; dining table; toilet; tv; laptop; mouse; remote; keyboard;
cell phone; microwave; oven; toaster; sink; refrigerator; book; clock; vase; scissors; teddy bear;
hair drier; toothbrush
"""

NAMES = tuple(name.strip() for name in _LISTED.split(";"))
