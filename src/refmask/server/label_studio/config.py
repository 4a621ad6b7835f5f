"""Read a project's labelling configuration and the context of a request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from refmask.errors import InputError

#: Tags of masks, and the type of their regions.
KINDS = {"BrushLabels": "brushlabels", "PolygonLabels": "polygonlabels"}
EXAMPLE = '<Image name="image" value="$image"/> and <BrushLabels name="brush" toName="image">'


@dataclass(frozen=True)
class Control:
    """A tag for masks of an image.

    Attributes:
        kind: "brushlabels" or "polygonlabels".
        name: of the tag.
        image: the Image tag's name.
        key: of the image in a task's data.
        labels: referring expressions, in the tag's order.
    """

    kind: str
    name: str
    image: str
    key: str
    labels: tuple[str, ...]


def controls_of(config: str) -> list[Control]:
    """The tags of a labelling configuration for masks of its first image.

    Raises:
        InputError: when it is not XML, or has no such tags.
    """
    root = _tree(config)
    images = {tag.get("name", ""): tag.get("value", "") for tag in root.iter("Image")}
    controls = [
        Control(KINDS[tag.tag], tag.get("name", ""), image, images[image][1:], _labels(tag))
        for tag in root.iter()
        if tag.tag in KINDS and (image := tag.get("toName", "")) in images
    ]
    usable = [
        control for control in controls if control.labels and images[control.image][:1] == "$"
    ]
    if not usable:
        raise InputError(
            f"the labelling configuration has no tag for masks with labels; add {EXAMPLE} (or "
            "PolygonLabels) with labels in it"
        )
    return [control for control in usable if control.image == usable[0].image]


def _tree(config: str) -> ElementTree.Element:
    # A document type could define entities that expand without end.
    if "<!DOCTYPE" in config.upper():
        raise InputError("the labelling configuration has a document type; remove <!DOCTYPE>")
    try:
        return ElementTree.fromstring(config)
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"the labelling configuration is not XML ({error}); correct it") from None


def _labels(tag: ElementTree.Element) -> tuple[str, ...]:
    values = (label.get("value", "").strip() for label in tag.iter("Label"))
    return tuple(dict.fromkeys(value for value in values if value))


@dataclass(frozen=True)
class Context:
    """What an annotator entered.

    Attributes:
        phrases: typed into a TextArea.
        labels: selected labels.
    """

    phrases: tuple[str, ...] = ()
    labels: frozenset[str] = frozenset()


def context_of(context: Any) -> Context:
    """Read the ``context`` of a request; ignores anything unexpected in it."""
    items = context.get("result") if isinstance(context, dict) else None
    values = [_value(item) for item in items] if isinstance(items, list) else []
    texts = [text.strip() for value in values for text in _texts(value.get("text"))]
    labels = (value.get(kind) for value in values for kind in KINDS.values())
    selected = frozenset(label for values in labels for label in _texts(values))
    return Context(tuple(dict.fromkeys(text for text in texts if text)), selected)


def _value(item: Any) -> dict[str, Any]:
    value = item.get("value") if isinstance(item, dict) else None
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> Iterator[str]:
    values = value if isinstance(value, list) else [value]
    return (text for text in values if isinstance(text, str))
