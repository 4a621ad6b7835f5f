"""Queries about annotated instances without expressions: the names of their categories.

Two kinds of queries, both about large instances, of at least 1 % of the image's area (``LARGE``):

* ``categories``: every category with exactly one instance in the image, a large one, and no crowd,
  so that its name refers to one object.
* ``choices``: among the large instances of an image, where they are of two or more categories:
  each of these categories; any instance of it is right.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from refmask.data.choice import CHOICES
from refmask.ops.masks import areas_of
from refmask.types import MaskProposals, Query

#: Smallest share of the image's area that a large instance covers.
LARGE = 0.01


@dataclass(frozen=True, eq=False)
class CategoryQueries:
    """The categories to query in one image.

    Attributes:
        instances: masks to choose from, with ``details["category"]``.
        right: indices of the right instances by category id, the largest first.
    """

    instances: MaskProposals
    right: dict[int, list[int]]

    def queries(self, image: str, names: Mapping[int, str]) -> tuple[Query, ...]:
        """One query for each category, in the order of their ids.

        Args:
            image: id of the image; a query's id is "IMAGE-CATEGORY".
            names: category names by id: the expressions.
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


def category_queries(
    questions: str, instances: MaskProposals, crowds: Collection[int]
) -> CategoryQueries:
    """The categories to query in one image.

    Args:
        questions: one of ``choice.QUESTIONS``.
        instances: of the image, without crowds, with ``details["category"]``.
        crowds: ids of categories that have a crowd in the image.
    """
    height, width = instances.size
    large = areas_of(instances.masks) / (height * width) >= LARGE
    if questions == CHOICES:
        instances = instances[np.flatnonzero(large)]
        right = _by_category(instances)
        return CategoryQueries(instances, right if len(right) > 1 else {})
    right = {
        category: rows
        for category, rows in _by_category(instances).items()
        if len(rows) == 1 and large[rows[0]] and category not in crowds
    }
    return CategoryQueries(instances, right)


def _by_category(instances: MaskProposals) -> dict[int, list[int]]:
    """Indices of the instances of each category, the largest first."""
    categories = instances.details["category"].tolist()
    rows: dict[int, list[int]] = {}
    for row in np.argsort(-areas_of(instances.masks), kind="stable").tolist():
        rows.setdefault(categories[row], []).append(row)
    return rows


_COCO_NAMES = """
person; bicycle; car; motorcycle; airplane; bus; train; truck; boat; traffic light; fire hydrant;
stop sign; parking meter; bench; bird; cat; dog; horse; sheep; cow; elephant; bear; zebra; giraffe;
backpack; umbrella; handbag; tie; suitcase; frisbee; skis; snowboard; sports ball; kite;
baseball bat; baseball glove; skateboard; surfboard; tennis racket; bottle; wine glass; cup; fork;
knife; spoon; bowl; banana; apple; sandwich; orange; broccoli; carrot; hot dog; pizza; donut; cake;
chair; couch; potted plant; bed; dining table; toilet; tv; laptop; mouse; remote; keyboard;
cell phone; microwave; oven; toaster; sink; refrigerator; book; clock; vase; scissors; teddy bear;
hair drier; toothbrush
"""

#: The 80 categories of COCO.
NAMES = tuple(name.strip() for name in _COCO_NAMES.split(";"))
