"""Mask proposals as arrays: runs, a few bytes each, exact, and quick to read.

Two codings, because proposals come in two kinds. *Apart*, each mask is run-length encoded alone:
best for masks that have little to do with each other. *Together*, a run is a stretch of places that
lie in the same masks: a border that many masks share, as in a hierarchy, is written once. Both are
runs of a bool matrix, (N, H * W) together and (1, N * H * W) apart, so one reader serves them:
``lengths`` (S,) of runs, ``labels`` (S,) into the columns of a ``table``, bool (N or 1, U).
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from refmask.cache.container import Array, Arrays, Damaged, load_tensors
from refmask.errors import MaskError
from refmask.limits import limit
from refmask.ops.reading import MISSHAPEN
from refmask.types import BoolArray, MaskProposals, UInt8Array, sealed, tight_boxes

#: More pixels of masks than any proposer offers: a hundred of the largest image fill 5 GB. What
#: claims to hold more is not opened.
MOST_PIXELS = 2**33
#: Lengths, labels and table.
Runs = tuple[Array, Array, Array]
#: Names of arrays: the masks' runs, and what the names of details begin with.
RUNS, DETAIL = "runs", "details/"


def encode(proposals: MaskProposals) -> Arrays:
    """Proposals as arrays, all fields exact.

    Args:
        proposals: N masks.

    Returns:
        ``quality`` (N,); ``boxes`` (N, 4), where they are not the tight ones; ``details/NAME``; and
        ``runs``, uint8, the smaller of both codings: safetensors that zlib compressed.

    Raises:
        MaskError: when they are too many.
    """
    if len(proposals) > limit("masks") or proposals.masks.size > MOST_PIXELS:
        raise MaskError(
            f"{len(proposals)} masks, {proposals.masks.size} pixels, are too many to keep; give "
            f"the proposer a lower limit: at most {limit('masks')} masks, {MOST_PIXELS} pixels"
        )
    arrays: Arrays = {"quality": proposals.quality}
    if not np.array_equal(proposals.boxes, tight_boxes(proposals.masks)):
        arrays["boxes"] = proposals.boxes
    arrays |= {DETAIL + name: np.asarray(value) for name, value in proposals.details.items()}
    if len(proposals):
        codings = [_compressed(code(proposals.masks)) for code in (together, apart)]
        arrays[RUNS] = min(codings, key=len)
    return arrays


def decode(arrays: Mapping[str, Array], height: int, width: int) -> MaskProposals:
    """The proposals of an image of this size.

    Args:
        arrays: from anywhere; in the first version's files the runs are among the others.
        height: H.
        width: W.

    Raises:
        Damaged: when they are not what ``encode`` returned for such an image.
    """
    quality = arrays.get("quality")
    if quality is None or quality.shape != (quality.size,):
        raise Damaged("it has no quality for its masks")
    shape = (len(quality), height, width)
    if shape[0] > limit("masks") or math.prod(shape) > MOST_PIXELS:
        raise Damaged("it claims to hold too many masks")
    masks: BoolArray = np.zeros(shape, np.bool_)
    if len(quality):
        masks = _masks(*(_inflated(arrays[RUNS]) if RUNS in arrays else _first(arrays)), shape)
    details = {
        name.removeprefix(DETAIL): values
        for name, values in arrays.items()
        if name.startswith(DETAIL)
    }
    try:
        return MaskProposals(sealed(masks), arrays.get("boxes", np.empty(0)), quality, details)
    except (MaskError, ValueError) as error:
        raise Damaged(f"its arrays do not fit together: {error}") from None


def together(masks: BoolArray) -> Runs:
    """Runs of places (row by row) that lie in the same masks, bool (N, H, W), N at least 1."""
    rows = masks.reshape(len(masks), -1)
    new = np.zeros(rows.shape[1], np.bool_)
    for row in rows:
        new |= _changes(row)
    starts = np.flatnonzero(new)
    return _runs(starts, rows[:, starts], rows.shape[1])


def apart(masks: BoolArray) -> Runs:
    """Runs of each mask alone, one mask after the other, bool (N, H, W), N at least 1."""
    places = math.prod(masks.shape[1:])
    rows = masks.reshape(len(masks), places)
    starts = [np.flatnonzero(_changes(row)) + places * number for number, row in enumerate(rows)]
    every = np.concatenate(starts)
    return _runs(every, rows.reshape(1, -1)[:, every], masks.size)


def _changes(row: BoolArray) -> BoolArray:
    """Where a run begins: at the first place, and where a value differs from the one before."""
    begins = np.ones(len(row), np.bool_)
    np.not_equal(row[1:], row[:-1], out=begins[1:])
    return begins


def _runs(starts: npt.NDArray[np.intp], columns: BoolArray, places: int) -> Runs:
    """Runs that begin at ``starts`` and have these values, bool (rows, S)."""
    packed = np.ascontiguousarray(np.packbits(columns, axis=0).T)
    keys = packed.view(f"V{packed.shape[1]}").ravel()
    _, examples, labels = np.unique(keys, return_index=True, return_inverse=True)
    return _narrow(np.diff(starts, append=places)), _narrow(labels), columns[:, examples]


def _narrow(values: Array) -> Array:
    """Whole numbers of the smallest unsigned type that holds them."""
    return values.astype(np.min_scalar_type(int(values.max())))


def _masks(lengths: Array, labels: Array, table: Array, shape: tuple[int, int, int]) -> BoolArray:
    """The masks (N, H, W), N at least 1, that the runs of either coding fill."""
    fits = lengths.shape == labels.shape == (lengths.size,) and lengths.dtype.kind == "u"
    fits &= labels.dtype.kind == "u" and table.dtype == np.bool_ and table.ndim == 2
    if not fits or len(table) not in (1, shape[0]) or not lengths.size:
        raise Damaged("its runs are of another form")
    places = math.prod(shape) // len(table)
    # Each is checked before their sum, which could otherwise run over and come out right.
    if not 0 < lengths.min() <= lengths.max() <= places or lengths.sum(dtype=np.int64) != places:
        raise Damaged("its runs do not add up to the image")
    if labels.max() >= table.shape[1]:
        raise Damaged("its runs are of unknown masks")
    values = np.asfortranarray(table)[:, labels]  # whole columns are copied quickest
    return np.repeat(values, lengths.astype(np.int64), axis=1).reshape(shape)


def _compressed(runs: Runs) -> UInt8Array:
    """Runs as bytes. First bytes of numbers come before all second ones: so they compress best."""
    lengths, labels, table = runs
    bits = np.ascontiguousarray(np.packbits(table, axis=1))
    tensors = {"lengths": _planes(lengths), "labels": _planes(labels), "table": bits}
    return np.frombuffer(zlib.compress(save(tensors)), np.uint8)


def _inflated(content: Array) -> Runs:
    """The runs that ``_compressed`` returned as bytes."""
    inflating = zlib.decompressobj()
    try:
        plain = inflating.decompress(content.tobytes(), limit("unpacked") + 1)
        if not inflating.eof:
            raise Damaged("its runs are cut short or too many")
        tensors = load_tensors(plain)
        lengths, labels, bits = (tensors[name] for name in ("lengths", "labels", "table"))
        lengths, labels = _joined(lengths), _joined(labels)
        return lengths, labels, np.unpackbits(bits, axis=1).view(np.bool_)
    except (zlib.error, *MISSHAPEN):
        raise Damaged("its runs cannot be read") from None


def _first(arrays: Mapping[str, Array]) -> Runs:
    """The runs as the first version wrote them: not compressed, the table by columns."""
    try:
        return arrays["lengths"], arrays["labels"], arrays["table"].T
    except KeyError:
        raise Damaged("it holds no runs") from None


def _planes(values: Array) -> UInt8Array:
    """The bytes of whole numbers (S,) by rank, lowest first: uint8 (B, S)."""
    return np.ascontiguousarray(values.view(np.uint8).reshape(len(values), -1).T)


def _joined(planes: Array) -> Array:
    """The unsigned numbers (S,) whose bytes these are."""
    return np.ascontiguousarray(planes.T).view(f"<u{len(planes)}").reshape(-1)
