"""The HTTP interface as an ASGI application."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version

from fastapi import FastAPI, Security
from fastapi.security import HTTPBearer

from refmask.segmenter import Segmenter
from refmask.server import failures
from refmask.server.admission import AdmissionMiddleware
from refmask.server.failures import Paths
from refmask.server.label_studio.routes import label_studio
from refmask.server.label_studio.tasks import ImageFolder
from refmask.server.limits import Limits
from refmask.server.metrics import Measured
from refmask.server.routes import counting, finding, living, scenes, searching, segmenting
from refmask.server.searching import Searcher
from refmask.server.service import Service

ABOUT = "An image and a phrase in, the mask of that one thing out. Errors are JSON: one sentence."


def app(
    segmenter: Segmenter | Callable[[], Segmenter],
    limits: Limits | None = None,
    *,
    token: str | None = None,
    index: Callable[[Segmenter], Searcher] | None = None,
    images: ImageFolder | None = None,
) -> FastAPI:
    """The HTTP interface.

    Its ``state.service`` is the ``Service`` behind it.

    Args:
        segmenter: the system, or what loads it; until it is there, requests get 503.
        limits: of one request and of all.
        token: that requests must bear, all but those for ``/healthz``.
        index: opens what ``/v1/search`` searches.
        images: where Label Studio's images are; None leaves its routes out.
    """
    service = Service(segmenter, limits or Limits(), index)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    api = FastAPI(
        title="refmask",
        version=version("refmask"),
        description=ABOUT,
        lifespan=lifespan,
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    api.state.service = service
    made = (segmenting, scenes, finding, searching, counting)
    routers = [make(service) for make in made]
    if images is not None:
        routers.append(label_studio(service, images))
    # That they need a token is told here, and seen to at the door.
    guarded = [] if token is None else [Security(HTTPBearer(auto_error=False))]
    for router in routers:
        api.include_router(router, dependencies=guarded)
    routers.append(living(service))
    api.include_router(routers[-1])
    paths = Paths([*api.routes, *(route for router in routers for route in router.routes)])
    failures.install(api, paths)
    api.add_middleware(
        AdmissionMiddleware,
        limits=service.limits,
        token=token,
        closed=service.closed,
        inside=service.inside,
    )
    api.add_middleware(Measured, metrics=service.metrics, route_of=paths.pattern)
    return api
