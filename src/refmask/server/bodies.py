"""Request bodies of the HTTP interface: their schema, reading and validation."""

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
#: A phrase needs a visible character; regular expression engines differ in what blanks are.
VISIBLE = r"[^\s\x00-\x20\x7f-\xa0]"
#: Most parts of a form besides its phrases.
OTHER_PARTS = 16


def image_bytes(value: Any) -> Any:
    """Decode an image file from base64 or a data URI; paths and URLs are never opened."""
    if not isinstance(value, str):
        return value
    head, comma, content = value.partition(",")
    if comma and not (head.startswith("data:") and head.endswith(";base64")):
        raise ValueError("the image is not in base64; send base64, or a data URI in base64")
    try:
        # Many tools break base64 into lines.
        coded = "".join((content if comma else value).split())
        return base64.b64decode(coded, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the image is not in base64; paths and URLs are never opened") from None


ImageBytes = Annotated[
    bytes,
    BeforeValidator(image_bytes),
    Field(description="An image file in base64, or a data URI of one."),
    WithJsonSchema({"type": "string", "format": "byte", "contentEncoding": "base64"}),
]
#: An integer as in JSON, where 3.0 is one.
Count = Annotated[
    int,
    BeforeValidator(
        lambda value: int(value) if isinstance(value, float) and value.is_integer() else value
    ),
]
Weight = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class CreateScene(BaseModel):
    """An image to encode."""

    model_config = ConfigDict(extra="forbid")

    image: ImageBytes


class Find(BaseModel):
    """Phrases to find in an image."""

    model_config = ConfigDict(extra="forbid")

    phrases: list[str]
    format: Format = Field("rle", description="Format of masks.")
    top: Count = Field(0, ge=0, le=100, description="Number of best proposals to list.")
    alpha: Weight | None = Field(None, description="Weight of the global visual feature.")
    beta: Weight | None = Field(None, description="Weight of the whole expression.")


class Segment(CreateScene, Find):
    """An image, and phrases to find in it."""


class Bodies(NamedTuple):
    """The types of bodies under some limits."""

    create_scene: type[CreateScene]
    find: type[Find]
    segment: type[Segment]


def bodies(limits: Limits) -> Bodies:
    """The types of bodies that the limits allow: number and length of phrases."""
    several = Field(
        min_length=1,
        max_length=limits.phrases,
        description="Referring expressions.",
        examples=[["the red car", "left guy"]],
    )
    phrases: Any = (list[phrase_of(limits)], several)  # type: ignore[misc]
    return Bodies(
        CreateScene,
        create_model("Find", __base__=Find, phrases=phrases),
        create_model("Segment", __base__=Segment, phrases=phrases),
    )


def phrase_of(limits: Limits) -> Any:
    """The type of a phrase that the limits allow; blank ones are invalid."""
    return Annotated[
        str, StringConstraints(min_length=1, max_length=limits.letters, pattern=VISIBLE)
    ]


async def read(request: Request, kind: type[B], limits: Limits) -> B:
    """Read a request's body: JSON, or a form where the body has an image.

    Raises:
        ValidationError: when it does not match.
        HTTPException: 400 for an invalid form, 415 for another type of body.
    """
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == JSON:
        return kind.model_validate_json(await request.body(), strict=True)
    if media == FORM and "image" in kind.model_fields:
        most = limits.phrases + OTHER_PARTS
        async with request.form(max_files=most, max_fields=most) as form:
            return kind.model_validate(await _fields(form))
    accepted = f"{JSON} or {FORM}" if "image" in kind.model_fields else JSON
    raise HTTPException(415, f"the body's type is {media or 'missing'}; send {accepted}")


async def _fields(form: FormData) -> dict[str, Any]:
    """Parts of a form by name: phrases as a list, as any repeated part, which is then invalid."""
    fields: dict[str, Any] = {}
    for name in form:
        parts = [
            await part.read() if isinstance(part, UploadFile) else part
            for part in form.getlist(name)
        ]
        fields[name] = parts if name == "phrases" or len(parts) > 1 else parts[0]
    return fields


def described(kind: type[BaseModel]) -> dict[str, Any]:
    """The body of a route for the OpenAPI document."""
    content = {JSON: {"schema": kind.model_json_schema()}}
    if "image" in kind.model_fields:
        content[FORM] = {"schema": _form_schema(kind.model_json_schema())}
    return {"requestBody": {"required": True, "content": content}}


def _form_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of the body as a form: the image is a file, and nothing is null."""
    properties = {
        name: {key: value for key, value in field.items() if key not in ("anyOf", "default")}
        | next((kind for kind in field.get("anyOf", []) if kind != {"type": "null"}), {})
        for name, field in schema["properties"].items()
    }
    properties["image"] = {"type": "string", "format": "binary", "description": "An image file."}
    return schema | {"properties": properties}
