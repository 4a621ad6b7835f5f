"""The overlaps of one query: the few numbers from which all metrics are computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refmask.errors import InputError, MaskError
from refmask.metrics.overlap import iou
from refmask.ops.masks import areas_of, shared_pixels
from refmask.types import BoolArray, IntArray, MaskProposals

#: Columns of ``QueryResults`` and their values; None where unknown.
Row = dict[str, int | float | None]


class ImageOverlaps:
    """Overlaps of the proposals of one image with its ground truth, query by query."""

    def __init__(self, proposals: MaskProposals, instances: MaskProposals | None = None) -> None:
        """Count what all queries of the image share.

        Args:
            proposals: of the image.
            instances: ground-truth instances, where known; ``details["category"]``, int (N,), is
                the class of each, where known.

        Raises:
            MaskError: when the two are of different sizes.
        """
        if instances is not None and instances.size != proposals.size:
            raise _other_size("instances", instances.size, proposals.size)
        self._proposals = proposals
        self._areas = areas_of(proposals.masks)
        self._classes = None if instances is None else instances.details.get("category")
        self._instances = proposals.masks[:0] if instances is None else instances.masks
        self._instance_areas = areas_of(self._instances)
        self._hits: dict[int, int | None] = {}

    def row(
        self,
        target: BoolArray,
        chosen: int | None,
        instance: int | None = None,
        also_right: Sequence[int] = (),
    ) -> Row:
        """The overlaps of one query; the caller adds "image", "words" and "kind".

        Args:
            target: bool (H, W), the ground truth.
            chosen: index of the chosen proposal; None when nothing was chosen.
            instance: index of the target among the instances, where known.
            also_right: indices of further instances that are as right as the target; each
                proposal is compared with the one that it fits best.

        Returns:
            "intersection" and "union" of the chosen mask with the target (0 and the target's
            pixels when nothing was chosen); "best_intersection" and "best_union" of the proposal
            with the largest IoU (among equals the smallest union); "right_class" and
            "right_instance", 1 or 0: whether the instance that the chosen mask overlaps most, by
            IoU, is of the target's class, or a right one itself; 0 where it overlaps none, None
            where unknown; "chance", 0 to 1: the share of the proposals for which
            "right_instance" would be 1; "proposals", their number.

        Raises:
            MaskError: when the target has another size than the proposals.
            InputError: when an index does not exist.
        """
        if target.shape != self._proposals.size:
            raise _other_size("target masks", target.shape, self._proposals.size)
        _check_index("chosen", chosen, len(self._proposals))
        for right in (instance, *also_right):
            _check_index("instance", right, len(self._instances))
        area = int(np.count_nonzero(target))
        shared, unions = self._against(target, also_right)
        # The last key is the first to sort by.
        order = np.lexsort((unions, -iou(shared, unions)))
        best = int(order[0]) if len(order) else None
        return {
            "intersection": 0 if chosen is None else int(shared[chosen]),
            "union": area if chosen is None else int(unions[chosen]),
            "best_intersection": 0 if best is None else int(shared[best]),
            "best_union": area if best is None else int(unions[best]),
            **self._rights(chosen, instance, also_right),
            "proposals": len(self._proposals),
        }

    def _against(self, target: BoolArray, also_right: Sequence[int]) -> tuple[IntArray, IntArray]:
        """Intersection and union of each proposal with the right mask it fits best, (N,) each."""
        shared = shared_pixels(self._proposals.masks, target)
        unions = self._areas + np.count_nonzero(target) - shared
        for instance in also_right:
            other = shared_pixels(self._proposals.masks, self._instances[instance])
            either = self._areas + self._instance_areas[instance] - other
            better = iou(other, either) > iou(shared, unions)
            shared, unions = np.where(better, other, shared), np.where(better, either, unions)
        return shared, unions

    def _rights(self, chosen: int | None, instance: int | None, also_right: Sequence[int]) -> Row:
        if instance is None:
            return dict.fromkeys(("right_class", "right_instance", "chance"))
        right = {instance, *also_right}
        hit = None if chosen is None else self._hit(chosen)
        classes = self._classes
        same = classes is not None and hit is not None and classes[hit] == classes[instance]
        hits = [self._hit(proposal) for proposal in range(len(self._proposals))]
        return {
            "right_class": None if classes is None else int(same),
            "right_instance": int(hit in right),
            "chance": sum(instance in right for instance in hits) / max(len(hits), 1),
        }

    def _hit(self, proposal: int) -> int | None:
        """The instance that a proposal overlaps most, by IoU; None when it overlaps none."""
        if proposal not in self._hits:
            shared = shared_pixels(self._instances, self._proposals.masks[proposal])
            overlaps = iou(shared, self._instance_areas + self._areas[proposal] - shared)
            self._hits[proposal] = int(overlaps.argmax()) if shared.any() else None
        return self._hits[proposal]


def _other_size(name: str, size: tuple[int, ...], expected: tuple[int, int]) -> MaskError:
    return MaskError(
        f"{name} have {'x'.join(map(str, size))} pixels (height x width), the proposals "
        f"{expected[0]}x{expected[1]}; resize the masks"
    )


def _check_index(name: str, index: int | None, count: int) -> None:
    if index is not None and not 0 <= index < count:
        raise InputError(f"{name} is {index}; give an index below {count}, or None")
