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
from refmask.server.metrics import MeasuringMiddleware
from refmask.server.routes import health, metrics, scenes, search, segment
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
    """Build the HTTP interface, with its ``Service`` as ``state.service``.

    Args:
        segmenter: the system, or a function that loads it; requests get 503 until it is loaded.
        limits: of one request and of all together.
        token: that requests must bear, except for ``/healthz``.
        index: opens the index of ``/v1/search``.
        images: the folder of Label Studio's images; None leaves its routes out.
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
        # FastAPI's pages load scripts from other hosts.
        docs_url=None,
        redoc_url=None,
    )
    api.state.service = service
    routers = [make(service) for make in (segment, scenes, search, metrics)]
    if images is not None:
        routers.append(label_studio(service, images))
    # This documents the token; AdmissionMiddleware checks it.
    guarded = [] if token is None else [Security(HTTPBearer(auto_error=False))]
    for router in routers:
        api.include_router(router, dependencies=guarded)
    routers.append(health(service))
    api.include_router(routers[-1])
    paths = Paths([*api.routes, *(route for router in routers for route in router.routes)])
    failures.install(api, paths)
    api.add_middleware(
        AdmissionMiddleware,
        limits=service.limits,
        token=token,
        closed=service.closed,
        active=service.active,
    )
    api.add_middleware(MeasuringMiddleware, metrics=service.metrics, route_of=paths.pattern)
    return api
