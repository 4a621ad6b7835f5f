"""What a project's labelling configuration asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from refmask.errors import InputError

#: Tags that take masks, and what their regions call themselves.
KINDS = {"BrushLabels": "brushlabels", "PolygonLabels": "polygonlabels"}
EXAMPLE = '<Image name="image" value="$image"/> and <BrushLabels name="brush" toName="image">'


@dataclass(frozen=True)
class Control:
    """A tag that takes masks of an image.

    Attributes:
        kind: "brushlabels" or "polygonlabels".
        name: of the tag.
        image: the Image tag's name.
        key: where a task's data have the image.
        labels: each of them a referring expression, in the tag's order.
    """

    kind: str
    name: str
    image: str
    key: str
    labels: tuple[str, ...]


def controls_of(config: str) -> list[Control]:
    """The tags of a labelling configuration that take masks of an image, of its first one.

    Raises:
        InputError: when it is no XML, or has none.
    """
    root = _tree(config)
    images = {tag.get("name", ""): tag.get("value", "") for tag in root.iter("Image")}
    found = [
        Control(KINDS[tag.tag], tag.get("name", ""), image, images[image][1:], _labels(tag))
        for tag in root.iter()
        if tag.tag in KINDS and (image := tag.get("toName", "")) in images
    ]
    usable = [control for control in found if control.labels and images[control.image][:1] == "$"]
    if not usable:
        raise InputError(
            f"expected a labelling configuration with {EXAMPLE} or PolygonLabels, with labels in "
            "it, got one without; add them"
        )
    return [control for control in usable if control.image == usable[0].image]


def _tree(config: str) -> ElementTree.Element:
    # A document type can define entities that grow without end, and no configuration has one.
    if "<!DOCTYPE" in config.upper():
        raise InputError("expected a labelling configuration without a document type, got one")
    try:
        return ElementTree.fromstring(config)
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"expected a labelling configuration as XML, got: {error}") from None


def _labels(tag: ElementTree.Element) -> tuple[str, ...]:
    values = (label.get("value", "").strip() for label in tag.iter("Label"))
    return tuple(dict.fromkeys(value for value in values if value))


@dataclass(frozen=True)
class Context:
    """What somebody asks while annotating.

    Attributes:
        phrases: typed into a TextArea.
        labels: chosen there.
    """

    phrases: tuple[str, ...] = ()
    labels: frozenset[str] = frozenset()


def context_of(told: Any) -> Context:
    """What the ``context`` of a request says, whatever else is in it."""
    items = told.get("result") if isinstance(told, dict) else None
    values = [_value(item) for item in items] if isinstance(items, list) else []
    texts = [text.strip() for value in values for text in _texts(value.get("text"))]
    labels = (value.get(kind) for value in values for kind in KINDS.values())
    chosen = frozenset(label for listed in labels for label in _texts(listed))
    return Context(tuple(dict.fromkeys(text for text in texts if text)), chosen)


def _value(item: Any) -> dict[str, Any]:
    value = item.get("value") if isinstance(item, dict) else None
    return value if isinstance(value, dict) else {}


def _texts(told: Any) -> Iterator[str]:
    listed = told if isinstance(told, list) else [told]
    return (text for text in listed if isinstance(text, str))
