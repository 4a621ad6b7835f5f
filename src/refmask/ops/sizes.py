"""To what size a picture is brought before a network reads it."""

from __future__ import annotations


def edges(height: int, width: int, short: int, long: int) -> tuple[int, int]:
    """The size with the shorter side at ``short`` pixels, unless the longer would exceed ``long``.

    The aspect ratio is kept up to rounding to the nearest pixel (halves go up).

    Args:
        height: of the picture, pixels.
        width: of the picture, pixels.
        short: wanted length of the shorter side, pixels.
        long: upper limit of the longer side, pixels; where it is exceeded, both sides shrink.

    Returns:
        The new height and width, at least 1 each.
    """
    shorter = min(height, width)
    # The limit is applied to the sides already scaled: in one step some would round otherwise.
    high, wide = (
        float(short) if side == shorter else short / shorter * side for side in (height, width)
    )
    shrink = min(1.0, long / max(high, wide))
    return max(1, int(high * shrink + 0.5)), max(1, int(wide * shrink + 0.5))
