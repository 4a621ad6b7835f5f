"""Which route a request goes to, known before it goes there."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope


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
