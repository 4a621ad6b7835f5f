"""The routes of the HTTP interface, each a few lines around ``Service``."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from refmask.scene import Scene
from refmask.server.admission import QUERY
from refmask.server.answers import Answers, SceneInfo, answer_all
from refmask.server.blending import blended, with_blends
from refmask.server.bodies import Find, bodies, described, read
from refmask.server.failures import COMMON, MEANINGS, responses
from refmask.server.scene_cache import CachedScene
from refmask.server.searching import Hits, search_body
from refmask.server.service import Service, State
from refmask.types import TargetPhrase

NO_SCENE = (
    "there is no scene with this id; it may have been deleted for lack of use or memory: send the "
    "image to POST /v1/scenes again"
)
NO_INDEX = "this server has no index to search; start it with an `index`"


class Health(BaseModel):
    """The state of the server."""

    status: State


def segment(service: Service) -> APIRouter:
    """``/v1/segment``."""
    router = APIRouter(prefix="/v1", tags=["segmentation"])
    body = bodies(service.limits).segment

    @router.post(
        "/segment",
        response_model=Answers,
        responses=responses(400, *COMMON),
        openapi_extra=described(body),
    )
    async def segment(request: Request) -> Response:
        """The mask of each phrase in an image."""
        query = await read(request, body, service.limits)
        phrases = await _phrases(service, query)
        scene = await service.encode(lambda: query.image)
        return await _answer(service, scene, phrases, query)

    return router


def scenes(service: Service) -> APIRouter:
    """``/v1/scenes``."""
    router = APIRouter(prefix="/v1", tags=["segmentation"])
    types = bodies(service.limits)
    on_scene = responses(401, 404, 422, 500, 503)

    @router.post(
        "/scenes",
        status_code=201,
        response_model=SceneInfo,
        responses=responses(400, *COMMON),
        openapi_extra=described(types.create_scene),
    )
    async def create_scene(request: Request) -> Response:
        """Encode an image once, to query it often."""
        body = await read(request, types.create_scene, service.limits)
        key = service.scenes.add(await service.encode(lambda: body.image))
        if key is None:
            raise HTTPException(
                413,
                f"the scene of this image needs more than {service.limits.scene_bytes} bytes; "
                "send a smaller image, or use POST /v1/segment",
            )
        headers = {"Location": f"/v1/scenes/{key}"}
        return JSONResponse(_info(service, key).model_dump(), 201, headers)

    @router.get("/scenes/{id}", responses=on_scene)
    async def get_scene(id: str) -> SceneInfo:
        """Describe a scene, and renew its time."""
        return _info(service, id)

    @router.delete("/scenes/{id}", status_code=204, responses=on_scene)
    async def delete_scene(id: str) -> Response:
        """Delete a scene."""
        if not service.scenes.delete(id):
            raise HTTPException(404, NO_SCENE)
        return Response(status_code=204)

    @router.post(
        "/scenes/{id}/find",
        response_model=Answers,
        responses=responses(404, *COMMON),
        openapi_extra=described(types.find),
    )
    async def find(id: str, request: Request) -> Response:
        """The mask of each phrase in a scene, for the cost of encoding the phrases."""
        query = await read(request, types.find, service.limits)
        scene = _cached(service, id).scene
        return await _answer(service, scene, await _phrases(service, query), query)

    return router


async def _phrases(service: Service, query: Find) -> list[TargetPhrase]:
    """The parsed phrases; raises for invalid queries before an image is encoded."""
    with_blends(service.segmenter, query.alpha, query.beta)
    return await service.parse(query.phrases)


async def _answer(
    service: Service, scene: Scene, phrases: list[TargetPhrase], query: Find
) -> Response:
    scene = blended(scene, query.alpha, query.beta)
    content = await service.run(QUERY, answer_all, scene, phrases, query.format, query.top)
    return Response(content, media_type="application/json")


def _cached(service: Service, key: str) -> CachedScene:
    cached = service.scenes.get(key)
    if cached is None:
        raise HTTPException(404, NO_SCENE)
    return cached


def _info(service: Service, key: str) -> SceneInfo:
    cached = _cached(service, key)
    height, width = cached.scene.proposals.size
    return SceneInfo(
        id=key,
        width=width,
        height=height,
        proposals=len(cached.scene.proposals),
        bytes=cached.size,
        expires_in=service.limits.scene_seconds,
    )


def search(service: Service) -> APIRouter:
    """``/v1/search``."""
    router = APIRouter(prefix="/v1", tags=["search"])
    body = search_body(service.limits)

    @router.post(
        "/search",
        response_model=Hits,
        responses=responses(404, *COMMON),
        openapi_extra=described(body),
    )
    async def search(request: Request) -> Response:
        """The regions that fit a phrase, in all images of the server's index."""
        query = await read(request, body, service.limits)
        if service.index is None:
            raise HTTPException(404, NO_INDEX)
        return Response(await service.search(service.index, query), media_type="application/json")

    return router


def health(service: Service) -> APIRouter:
    """``/healthz``, open to all."""
    router = APIRouter(tags=["operation"])

    @router.get("/healthz")
    async def healthz() -> Health:
        """Liveness: always 200; ``status`` is the server's state."""
        return Health(status=service.state)

    @router.get(
        "/healthz/ready",
        responses={503: {"model": Health, "description": "Not ready."}},
    )
    async def ready(response: Response) -> Health:
        """Readiness: 200 when the server accepts requests, else 503."""
        response.status_code = 200 if service.state == "ready" else 503
        return Health(status=service.state)

    return router


def metrics(service: Service) -> APIRouter:
    """``/metrics``."""
    router = APIRouter(tags=["operation"])

    @router.get(
        "/metrics",
        response_class=Response,
        responses={
            200: {"content": {"text/plain": {}}, "description": "Prometheus' text format."},
            401: responses(401)[401],
            500: {"description": MEANINGS[500]},
        },
    )
    async def metrics() -> Response:
        """Requests, times, queues, scenes and batches, for Prometheus."""
        return service.metrics.response()

    return router
