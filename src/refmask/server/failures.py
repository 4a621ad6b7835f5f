"""What goes wrong, as JSON with one sentence; a stack trace never leaves the server."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from refmask.errors import ConfigurationError, InputError, RefmaskError

#: Faults of a body that are told at once.
TOLD = 3


class Problem(BaseModel):
    """What was expected, what came, and what to do, in one line."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"error": "expected an expression, got an empty one"}]}
    )

    error: str


#: What each status means, for the OpenAPI document.
MEANINGS = {
    400: "The body is damaged: no such form, or no text.",
    401: "The bearer token is missing or wrong.",
    404: "There is no such thing, or no longer.",
    408: "The body did not arrive in time.",
    413: "The body is too large, or the scene too large to be held.",
    415: "The body is of another type.",
    422: "The body cannot be used: its error says why.",
    429: "Too many requests wait already; Retry-After says when to come again.",
    500: "The server failed; its log says why.",
    503: "The model is not loaded yet, the server stops, or the answer took too long.",
}
#: What any request with a body may meet.
COMMON = (401, 408, 413, 415, 422, 429, 500, 503)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """These statuses, documented as FastAPI takes them."""
    return {
        status: {"model": Problem, "description": MEANINGS[status]} for status in sorted(statuses)
    }


def problem(status: int, sentence: str, **headers: str) -> JSONResponse:
    """A response with one sentence; underscores in headers' names stand for dashes."""
    told = " ".join(sentence.encode("utf-8", "replace").decode().split())
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse({"error": told}, status, named)


def install(api: FastAPI, paths: Paths) -> None:
    """Have every error answered by ``problem``.

    Args:
        api: gets the handlers.
        paths: tells what may be done where.
    """

    async def nowhere(request: Request, error: Exception) -> Response:
        """What routing says when a path, or what is to be done there, is not ours."""
        allowed = paths.methods(request.scope)
        if not allowed:
            return problem(404, "there is nothing at this path; /openapi.json says what there is")
        if request.method in allowed:
            return await _http(request, error)
        told = f"expected {' or '.join(allowed)} at this path, got {request.method}"
        return problem(405, told, Allow=", ".join(allowed))

    api.add_exception_handler(RefmaskError, _refmask)
    api.add_exception_handler(ValidationError, _invalid)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(404, nowhere)
    api.add_exception_handler(405, nowhere)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(Exception, _unexpected)


async def _refmask(_: Request, error: Exception) -> Response:
    if isinstance(error, InputError | ConfigurationError):
        return problem(422, str(error))
    return problem(500, f"the server cannot answer: {error}")


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, ValidationError | RequestValidationError)
    return problem(422, sentence_of(error.errors()))


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    response = problem(error.status_code, str(error.detail))
    response.headers.update(error.headers or {})
    return response


async def _unexpected(_: Request, __: Exception) -> Response:
    return problem(500, "the server failed, and its log says why; tell whoever runs it")


def sentence_of(errors: Sequence[Any]) -> str:
    """Pydantic's errors in one line."""
    told = [
        f"{'.'.join(str(part) for part in error['loc']) or 'the body'}: {error['msg']}"
        for error in errors[:TOLD]
    ]
    more = f"; and {len(errors) - TOLD} more" if len(errors) > TOLD else ""
    return f"expected a body as /openapi.json describes it, got another: {'; '.join(told)}{more}"


class Paths:
    """The routes of a server.

    Args:
        routes: all of them.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = [route for route in routes if isinstance(route, Route)]

    def pattern(self, scope: Scope) -> str:
        """The pattern of a request's path, such as "/v1/scenes/{id}", or "other"."""
        return next((route.path for route in self._at(scope)), "other")

    def methods(self, scope: Scope) -> list[str]:
        """What may be done at a request's path."""
        return sorted({method for route in self._at(scope) for method in route.methods or ()})

    def _at(self, scope: Scope) -> list[Route]:
        return [route for route in self._routes if route.matches(scope)[0] is not Match.NONE]
