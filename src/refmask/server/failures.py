"""Errors as JSON with one sentence, never with a stack trace."""

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

#: Most errors of a body in one sentence.
LISTED = 3


class Problem(BaseModel):
    """What is wrong and what to do, in one line."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"error": "there is no scene with this id"}]}
    )

    error: str


#: What each status means, for the OpenAPI document.
MEANINGS = {
    400: "The body is damaged: an invalid form, or not text.",
    401: "The bearer token is missing or wrong.",
    404: "Not found, or deleted.",
    408: "The body did not arrive in time.",
    413: "The body is too large, or the scene too large for the cache.",
    415: "The body has an unsupported type.",
    422: "The body is invalid; the error says why.",
    429: "Too many requests; Retry-After says when to try again.",
    500: "The server failed; its log says why.",
    503: "The model is loading, the server is stopping, or the answer took too long.",
}
#: Errors of any request with a body.
COMMON = (401, 408, 413, 415, 422, 429, 500, 503)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documentation of these statuses, for FastAPI."""
    return {
        status: {"model": Problem, "description": MEANINGS[status]} for status in sorted(statuses)
    }


def problem(status: int, sentence: str, **headers: str) -> JSONResponse:
    """A response with one sentence; underscores in names of headers become dashes."""
    text = " ".join(sentence.encode("utf-8", "replace").decode().split())
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse({"error": text}, status, named)


def install(api: FastAPI, paths: Paths) -> None:
    """Answer every error by ``problem``.

    Args:
        api: to install the handlers in.
        paths: its routes.
    """

    async def not_found(request: Request, error: Exception) -> Response:
        """Answer unknown paths and methods."""
        allowed = paths.methods(request.scope)
        if not allowed:
            return problem(404, "no such path; /openapi.json lists all paths")
        if request.method in allowed:
            return await _http(request, error)
        message = f"this path does not allow {request.method}; use {' or '.join(allowed)}"
        return problem(405, message, Allow=", ".join(allowed))

    api.add_exception_handler(RefmaskError, _refmask)
    api.add_exception_handler(ValidationError, _invalid)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(404, not_found)
    api.add_exception_handler(405, not_found)
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
    return problem(500, "the server failed; its operator finds the reason in the log")


def sentence_of(errors: Sequence[Any]) -> str:
    """Pydantic's errors in one line."""
    texts = [
        f"{'.'.join(str(part) for part in error['loc']) or 'the body'}: {error['msg']}"
        for error in errors[:LISTED]
    ]
    more = f"; and {len(errors) - LISTED} more" if len(errors) > LISTED else ""
    return f"the body is invalid: {'; '.join(texts)}{more}; see /openapi.json"


class Paths:
    """The routes of a server by path.

    Args:
        routes: all routes.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = [route for route in routes if isinstance(route, Route)]

    def pattern(self, scope: Scope) -> str:
        """The pattern of a request's path, such as "/v1/scenes/{id}", or "other"."""
        return next((route.path for route in self._at(scope)), "other")

    def methods(self, scope: Scope) -> list[str]:
        """The methods that a request's path allows."""
        return sorted({method for route in self._at(scope) for method in route.methods or ()})

    def _at(self, scope: Scope) -> list[Route]:
        return [route for route in self._routes if route.matches(scope)[0] is not Match.NONE]
