"""Draw an answer over its image, with a caption."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from refmask.answer import Segmentation
from refmask.types import BoolArray, UInt8Array

ANSWER = (255, 45, 120)
RUNNER_UP = (0, 170, 255)
#: Frame and text of unsure answers.
UNSURE, UNSURE_INK = (208, 135, 0), (160, 95, 0)
INK, PAPER, FAINT = (25, 25, 30), (255, 255, 255), (110, 110, 120)

#: Limits of a drawing's longer side in pixels, so that its text is readable.
SMALLEST, LARGEST = 640, 1280


def png(pixels: UInt8Array | BoolArray) -> bytes:
    """A PNG file of a uint8 RGB (H, W, 3) image or a bool (H, W) mask (0 and 255)."""
    array = pixels.astype(np.uint8) * 255 if pixels.dtype == np.bool_ else pixels
    file = io.BytesIO()
    Image.fromarray(array).save(file, format="PNG", optimize=pixels.dtype == np.bool_)
    return file.getvalue()


def overlay(image: UInt8Array, answer: Segmentation) -> UInt8Array:
    """Draw the answer, the runner-up, the phrase, its noun phrase, the reason, scores and model.

    Each of several things has an outline of its own. Unsure answers have a frame in ``UNSURE``, as
    has an image that does not show what the phrase asks for.

    Args:
        image: uint8 RGB (H, W, 3).
        answer: from ``Scene.find``.

    Returns:
        uint8 RGB: the image, enlarged or reduced to a readable size, over a caption.
    """
    size = readable_size(image)
    canvas = resized_image(image, size).astype(np.float32)
    if answer.best is not None:
        mask = resized_mask(answer.mask, size)
        grey = canvas.mean(axis=2, keepdims=True)
        tinted = 0.8 * canvas + 0.2 * np.array(ANSWER, np.float32)
        canvas = np.where(mask[..., None], tinted, 0.6 * canvas + 0.35 * grey)
        if answer.runner_up is not None:
            other = resized_mask(answer.runner_up.mask, size)
            outline(canvas, other, RUNNER_UP, rimmed=True, dashed=True)
        for instance in answer.instances:
            outline(canvas, resized_mask(instance.mask, size), ANSWER, rimmed=True)
    caption = _caption(answer, size[0])
    sheet = Image.new("RGB", (max(size[0], caption.width), size[1] + caption.height), PAPER)
    sheet.paste(Image.fromarray(canvas.clip(0, 255).astype(np.uint8)), (0, 0))
    sheet.paste(caption, (0, size[1]))
    return framed(np.array(sheet)) if answer.unsure else np.array(sheet)


@dataclass(frozen=True, eq=False)
class Overlay:
    """Draws answers over an image: a ``refmask.answer.View``.

    Attributes:
        image: uint8 RGB (H, W, 3), held by reference.
    """

    image: UInt8Array

    def png(self, answer: Segmentation) -> bytes:
        """A PNG file of ``overlay``."""
        return png(overlay(self.image, answer))


def framed(drawing: UInt8Array, width: int = 6) -> UInt8Array:
    """A uint8 RGB drawing, its outermost pixels replaced by a frame in ``UNSURE``."""
    inside = np.zeros(drawing.shape[:2], np.bool_)
    inside[width:-width, width:-width] = True
    return np.where(inside[..., None], drawing, np.array(UNSURE, np.uint8))


def readable_size(image: UInt8Array) -> tuple[int, int]:
    """Width and height of an image's drawing, its longer side within the limits."""
    height, width = image.shape[:2]
    scale = min(max(1.0, SMALLEST / max(height, width)), LARGEST / max(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def resized_image(image: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    """Resize a uint8 RGB image to (width, height), smoothly."""
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def resized_mask(mask: BoolArray, size: tuple[int, int]) -> BoolArray:
    """Resize a bool mask to (width, height), by nearest pixels."""
    return np.array(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST), np.bool_)


def outline(
    canvas: npt.NDArray[np.float32],
    mask: BoolArray,
    colour: npt.ArrayLike,
    *,
    rimmed: bool = False,
    dashed: bool = False,
) -> None:
    """Draw a mask's contour, in place.

    Args:
        canvas: float32 (H, W, 3), 0 to 255.
        mask: bool (H, W).
        colour: red, green, blue, 0 to 255.
        rimmed: three pixels wide with a white rim, instead of one pixel.
        dashed: with gaps.
    """
    from scipy.ndimage import binary_dilation, binary_erosion

    square = np.ones((3, 3), np.bool_)
    line = mask & ~binary_erosion(mask, square)
    ys, xs = np.indices(mask.shape)
    drawn = (xs + ys) // 8 % 2 == 0 if dashed else np.ones(mask.shape, np.bool_)
    if rimmed:
        canvas[binary_dilation(line, square, iterations=2) & drawn] = 255
        line = binary_dilation(line, square)
    canvas[line & drawn] = colour


@dataclass(frozen=True)
class _Word:
    text: str
    colour: tuple[int, int, int]


def _caption(answer: Segmentation, width: int) -> Image.Image:
    """Phrase, noun phrase and scores on a white strip at least 320 pixels wide."""
    width = max(width, 320)
    lines = _wrap(_phrase_words(answer), 22, width - 24)
    details = [line for part in _details(answer) for line in _wrap(part, 15, width - 24)]
    strip = Image.new("RGB", (width, 20 + 30 * len(lines) + 22 * len(details)), PAPER)
    draw, top = ImageDraw.Draw(strip), 8
    for rows, size, step in ((lines, 22, 30), (details, 15, 22)):
        font = _font(size)
        for row in rows:
            left = 12.0
            for word in row:
                draw.text((left, top), word.text, font=font, fill=word.colour)
                left += font.getlength(word.text + " ")
            top += step
    return strip


def _phrase_words(answer: Segmentation) -> list[_Word]:
    """The expression, with the words of its noun phrase in the answer's colour."""
    phrase = answer.why.phrase
    words, marked = phrase.text.split(), phrase.noun_phrase.split()
    starts = [i for i in range(len(words)) if words[i : i + len(marked)] == marked]
    target = range(starts[0], starts[0] + len(marked)) if starts else range(0)
    return [_Word(word, ANSWER if i in target else INK) for i, word in enumerate(words)]


def _details(answer: Segmentation) -> list[list[_Word]]:
    phrase, why = answer.why.phrase, answer.why
    lines = [(f"noun phrase: {phrase.noun_phrase}   head: {phrase.head}", FAINT)]
    standing = [f"{answer.measure} {value:.2f}" for value in answer.standing]
    score = "" if answer.best is None else f"{standing[answer.best]}, "
    things = f"{len(answer.chosen)} things, " if len(answer.chosen) > 1 else ""
    verdict = f"answer: {things}{score}{answer.verdict}"
    lines.append((verdict, UNSURE_INK if answer.unsure else ANSWER))
    if why.deciding(answer.best) is not None:
        lines.append((f"why: {answer.reasons}", INK))
    if why.runner_up is not None:
        other = standing[why.runner_up]
        lines.append((f"runner-up (dashed): {other}, margin {why.margin:.2f}", RUNNER_UP))
    if (origin := answer.provenance) is not None:
        lines.append((origin.label or f"model: {origin.model}", INK))
    return [[_Word(word, colour) for word in text.split(" ")] for text, colour in lines]


def _wrap(words: list[_Word], size: int, width: int) -> list[list[_Word]]:
    font, rows, used = _font(size), [[]], 0.0  # type: ignore[var-annotated]
    for word in words:
        length = font.getlength(word.text + " ")
        if rows[-1] and used + length > width:
            rows.append([])
            used = 0.0
        rows[-1].append(word)
        used += length
    return rows


def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):  # pragma: no cover - Pillow without FreeType
        raise RuntimeError("this Pillow was built without FreeType; install the published wheel")
    return font
