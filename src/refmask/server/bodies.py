"""What the HTTP interface is asked: bodies, read and checked."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    create_model,
)
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from refmask.server.answers import Format
from refmask.server.limits import Limits

B = TypeVar("B", bound=BaseModel)

JSON, FORM = "application/json", "multipart/form-data"
#: What a phrase has somewhere: regular expressions differ in which control characters are blanks.
VISIBLE = r"[^\s\x00-\x20\x7f-\xa0]"
#: Parts of a form beside its phrases.
OTHERS = 16


def image_bytes(value: Any) -> Any:
    """An image file from base64, or from a data URI of it; nothing else is ever opened."""
    if not isinstance(value, str):
        return value
    head, comma, content = value.partition(",")
    if comma and not (head.startswith("data:") and head.endswith(";base64")):
        raise ValueError("expected an image in base64, or as a data URI in base64")
    try:
        # Mail and many tools break lines.
        coded = "".join((content if comma else value).split())
        return base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("expected an image in base64; paths and URLs are never opened") from None


ImageBytes = Annotated[
    bytes,
    BeforeValidator(image_bytes),
    Field(description="An image file in base64, or a data URI of one."),
    WithJsonSchema({"type": "string", "format": "byte", "contentEncoding": "base64"}),
]
#: As JSON knows numbers: 3.0 is a whole one.
Count = Annotated[
    int,
    BeforeValidator(
        lambda value: int(value) if isinstance(value, float) and value.is_integer() else value
    ),
]
Weight = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Look(BaseModel):
    """An image to look at."""

    model_config = ConfigDict(extra="forbid")

    image: ImageBytes


class Ask(BaseModel):
    """Phrases to find in an image."""

    model_config = ConfigDict(extra="forbid")

    phrases: list[str]
    format: Format = Field("rle", description="How masks are written.")
    top: Count = Field(0, ge=0, le=100, description="List so many of the best proposals.")
    alpha: Weight | None = Field(None, description="Weight of the global visual feature.")
    beta: Weight | None = Field(None, description="Weight of the whole expression.")


class Segment(Look, Ask):
    """An image, and phrases to find in it."""


class Bodies(NamedTuple):
    """The kinds of bodies under some limits."""

    look: type[Look]
    ask: type[Ask]
    segment: type[Segment]


def bodies(limits: Limits) -> Bodies:
    """Bodies with as many and as long phrases as the limits allow."""
    several = Field(
        min_length=1,
        max_length=limits.phrases,
        description="Referring expressions.",
        examples=[["the red car", "left guy"]],
    )
    phrases: Any = (list[phrase_of(limits)], several)  # type: ignore[misc]
    return Bodies(
        Look,
        create_model("Ask", __base__=Ask, phrases=phrases),
        create_model("Segment", __base__=Segment, phrases=phrases),
    )


def phrase_of(limits: Limits) -> Any:
    """The type of a phrase that is no longer than the limits allow, and no blank."""
    return Annotated[
        str, StringConstraints(min_length=1, max_length=limits.letters, pattern=VISIBLE)
    ]


async def read(request: Request, kind: type[B], limits: Limits) -> B:
    """A request's body, JSON or, where there is an image, a form.

    Raises:
        ValidationError: when it is another.
        HTTPException: 400 for a form that is none, 415 for any other type of body.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == JSON:
        return kind.model_validate_json(await request.body(), strict=True)
    if media == FORM and "image" in kind.model_fields:
        most = limits.phrases + OTHERS
        async with request.form(max_files=most, max_fields=most) as form:
            return kind.model_validate(await _fields(form))
    known = f"{JSON} or {FORM}" if "image" in kind.model_fields else JSON
    raise HTTPException(415, f"expected a body of type {known}, got {media or 'none'!r}")


async def _fields(form: FormData) -> dict[str, Any]:
    """Parts of a form by name: phrases as a list, any other repeated one too, to be refused."""
    fields: dict[str, Any] = {}
    for name in form:
        parts = [
            await part.read() if isinstance(part, UploadFile) else part
            for part in form.getlist(name)
        ]
        fields[name] = parts if name == "phrases" or len(parts) > 1 else parts[0]
    return fields


def described(kind: type[BaseModel]) -> dict[str, Any]:
    """How a route with this body is described in the OpenAPI document."""
    content = {JSON: {"schema": kind.model_json_schema()}}
    if "image" in kind.model_fields:
        content[FORM] = {"schema": _form_schema(kind.model_json_schema())}
    return {"requestBody": {"required": True, "content": content}}


def _form_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The same body as a form: the image as a file, and nothing that is null."""
    properties = {
        name: {key: value for key, value in told.items() if key not in ("anyOf", "default")}
        | next((kind for kind in told.get("anyOf", []) if kind != {"type": "null"}), {})
        for name, told in schema["properties"].items()
    }
    properties["image"] = {"type": "string", "format": "binary", "description": "An image file."}
    return schema | {"properties": properties}
