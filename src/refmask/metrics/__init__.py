"""Metrics of referring segmentation, from pixels to intervals.

Q is the number of queries. The modules, in the order in which an evaluation uses them:

- ``overlap``: intersections, unions and IoUs of masks;
- ``rows``: the overlaps of each query;
- ``results``: all queries as columns, and their groups by kind and by length;
- ``metrics``: each metric, a ratio of two sums over queries;
- ``tally``: those sums, which merge by adding;
- ``bootstrap``: intervals over images, and the comparison of two results.
"""

from refmask.metrics.bootstrap import Interval, PairedGain, compare, intervals, paired_bootstrap
from refmask.metrics.metrics import METRICS, compute_metrics
from refmask.metrics.overlap import best_iou, intersection_and_union, iou, mean_iou, overall_iou
from refmask.metrics.results import QueryResults, by_kind, by_length
from refmask.metrics.rows import ImageOverlaps
from refmask.metrics.tally import Tally

__all__ = [
    "METRICS",
    "ImageOverlaps",
    "Interval",
    "PairedGain",
    "QueryResults",
    "Tally",
    "best_iou",
    "by_kind",
    "by_length",
    "compare",
    "compute_metrics",
    "intersection_and_union",
    "intervals",
    "iou",
    "mean_iou",
    "overall_iou",
    "paired_bootstrap",
]
