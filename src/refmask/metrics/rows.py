"""The overlaps of one query: the few numbers from which all metrics are computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from refmask.errors import InputError, MaskError
from refmask.metrics.overlap import iou
from refmask.ops.masks import areas_of, shared_pixels
from refmask.types import BoolArray, FloatArray, IntArray, MaskProposals

#: Columns of ``QueryResults`` and their values; None where unknown.
Row = dict[str, int | float | None]

#: An answer with at least this IoU is the true instance that it is matched with.
MATCHED_IOU = 0.5


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
        chosen: int | Sequence[int] | None,
        instance: int | None = None,
        also_right: Sequence[int] = (),
    ) -> Row:
        """The overlaps of one query; the caller adds "image", "words" and "kind".

        Args:
            target: bool (H, W), the ground truth.
            chosen: index of the chosen proposal, or of several, the best first, whose union is the
                answer; None or () when nothing was chosen.
            instance: index of the target among the instances, where known.
            also_right: indices of further instances that are as right as the target; each
                proposal is compared with the one that it fits best.

        Returns:
            "intersection" and "union" of the answer with the target (0 and the target's pixels
            when nothing was chosen); "best_intersection" and "best_union" of the proposal
            with the largest IoU (among equals the smallest union); "right_class" and
            "right_instance", 1 or 0: whether the instance that the best mask overlaps most, by
            IoU, is of the target's class, or a right one itself; 0 where it overlaps none, None
            where unknown; "chance", 0 to 1: the share of the proposals for which
            "right_instance" would be 1; "proposals", their number.

        Raises:
            MaskError: when the target has another size than the proposals.
            InputError: when an index does not exist.
        """
        if target.shape != self._proposals.size:
            raise _other_size("target masks", target.shape, self._proposals.size)
        answers = (chosen,) if isinstance(chosen, int) else tuple(chosen or ())
        for answer in answers:
            _check_index("chosen", answer, len(self._proposals))
        for right in (instance, *also_right):
            _check_index("instance", right, len(self._instances))
        area = int(np.count_nonzero(target))
        shared, unions = self._against(target, also_right)
        # The last key is the first to sort by.
        order = np.lexsort((unions, -iou(shared, unions)))
        overlap = (0, area)
        if answers:
            overlap = int(shared[answers[0]]), int(unions[answers[0]])
        if len(answers) > 1:
            overlap = self._together(answers, target)
        best = int(order[0]) if len(order) else None
        return {
            "intersection": overlap[0],
            "union": overlap[1],
            "best_intersection": 0 if best is None else int(shared[best]),
            "best_union": area if best is None else int(unions[best]),
            **self._rights(answers[0] if answers else None, instance, also_right),
            "proposals": len(self._proposals),
        }

    def row_of_set(
        self, target: BoolArray, chosen: Sequence[int], targets: Sequence[int]
    ) -> tuple[Row, list[float]]:
        """The overlaps of one query about any number of things.

        Args:
            target: bool (H, W), the ground truth: the union of the targets.
            chosen: indices of the chosen proposals, the best first; none for "nothing here".
            targets: which instances the expression refers to; none where it refers to nothing.

        Returns:
            The values of ``row``, of the union of the chosen masks and, for the upper bound, of
            the union of each target's best proposal; "right_class", "right_instance" and "chance"
            are of the best, where there is one target. Beside them "targets", "answers" and
            "matched": the number of targets, of chosen proposals, and of pairs of the two with an
            IoU of at least ``MATCHED_IOU``, matched one to one, the largest IoU first. And the
            IoU of each target with its match, 0 without one.

        Raises:
            MaskError: when the target has another size than the proposals.
            InputError: when an index does not exist.
        """
        row = self.row(target, chosen, targets[0] if len(targets) == 1 else None)
        for instance in targets:
            _check_index("instance", instance, len(self._instances))
        ious = [self._ious(instance) for instance in targets]
        if len(targets) != 1:
            best = {int(each.argmax()) for each in ious if len(each)}
            row["best_intersection"], row["best_union"] = self._together(sorted(best), target)
        chosen_ious = np.array([each[list(chosen)] for each in ious])
        matches = _matched(chosen_ious.reshape(len(targets), len(chosen)))
        row |= {"targets": len(targets), "answers": len(chosen)}
        row["matched"] = sum(value >= MATCHED_IOU for value in matches)
        return row, matches

    def _together(self, chosen: Sequence[int], target: BoolArray) -> tuple[int, int]:
        """Intersection and union of the target with some proposals together."""
        mask = self._proposals.masks[list(chosen)].any(axis=0)
        return int(np.count_nonzero(mask & target)), int(np.count_nonzero(mask | target))

    def _ious(self, instance: int) -> FloatArray:
        """IoU of each proposal with an instance, (N,)."""
        shared = shared_pixels(self._proposals.masks, self._instances[instance])
        return iou(shared, self._areas + self._instance_areas[instance] - shared)

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


def _matched(ious: FloatArray) -> list[float]:
    """Each target's IoU with its own answer, the largest first; 0 without one.

    Args:
        ious: float64 (T, A), of each target with each answer.
    """
    found, free = [0.0] * len(ious), np.array(ious)
    for _ in range(min(free.shape)):
        target, answer = np.unravel_index(free.argmax(), free.shape)
        found[int(target)] = max(float(free[target, answer]), 0.0)
        free[target], free[:, answer] = -1, -1
    return found


def _other_size(name: str, size: tuple[int, ...], expected: tuple[int, int]) -> MaskError:
    return MaskError(
        f"{name} have {'x'.join(map(str, size))} pixels (height x width), the proposals "
        f"{expected[0]}x{expected[1]}; resize the masks"
    )


def _check_index(name: str, index: int | None, count: int) -> None:
    if index is not None and not 0 <= index < count:
        raise InputError(f"{name} is {index}; give an index below {count}, or None")
