"""The routes of the HTTP interface, each a few lines around ``Service``."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from refmask.scene import Scene
from refmask.server.answers import Answers, SceneInfo, answer_all
from refmask.server.arriving import ASKS
from refmask.server.blending import blended, with_blends
from refmask.server.bodies import Ask, bodies, described, read
from refmask.server.failures import COMMON, MEANINGS, responses
from refmask.server.scene_cache import Held
from refmask.server.searching import Hits, search_body
from refmask.server.service import Service, State
from refmask.types import TargetPhrase

GONE = (
    "no scene has this id, or no longer: scenes leave when nobody asks them for a while or others "
    "need the room; send the image to POST /v1/scenes again"
)
NO_INDEX = "this server searches no index; start it with an `index`"


class Health(BaseModel):
    """How the server is."""

    status: State


def segmenting(service: Service) -> APIRouter:
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
        asked = await read(request, body, service.limits)
        phrases = await _phrases(service, asked)
        scene = await service.look(lambda: asked.image)
        return await _answer(service, scene, phrases, asked)

    return router


def scenes(service: Service) -> APIRouter:
    """``/v1/scenes``, but for asking them."""
    router = APIRouter(prefix="/v1", tags=["segmentation"])
    body = bodies(service.limits).look

    @router.post(
        "/scenes",
        status_code=201,
        response_model=SceneInfo,
        responses=responses(400, *COMMON),
        openapi_extra=described(body),
    )
    async def look(request: Request) -> Response:
        """Look at an image once, to ask it as often as you like."""
        asked = await read(request, body, service.limits)
        key = service.scenes.keep(await service.look(lambda: asked.image))
        if key is None:
            raise HTTPException(
                413,
                f"expected a scene of at most {service.limits.scene_bytes} bytes, this image's "
                "takes more; send a smaller one, or ask POST /v1/segment",
            )
        place = {"Location": f"/v1/scenes/{key}"}
        return JSONResponse(_info(service, key).model_dump(), 201, place)

    @router.get("/scenes/{id}", responses=responses(401, 404, 422, 500, 503))
    async def scene(id: str) -> SceneInfo:
        """What a held scene is; it is held anew from now on."""
        return _info(service, id)

    @router.delete("/scenes/{id}", status_code=204, responses=responses(401, 404, 422, 500, 503))
    async def let_go(id: str) -> Response:
        """Let a scene go."""
        if not service.scenes.drop(id):
            raise HTTPException(404, GONE)
        return Response(status_code=204)

    return router


def finding(service: Service) -> APIRouter:
    """``/v1/scenes/{id}/find``."""
    router = APIRouter(prefix="/v1", tags=["segmentation"])
    body = bodies(service.limits).ask

    @router.post(
        "/scenes/{id}/find",
        response_model=Answers,
        responses=responses(404, *COMMON),
        openapi_extra=described(body),
    )
    async def find(id: str, request: Request) -> Response:
        """The mask of each phrase in a held scene, for the cost of encoding the phrases."""
        asked = await read(request, body, service.limits)
        scene = _held(service, id).scene
        return await _answer(service, scene, await _phrases(service, asked), asked)

    return router


async def _phrases(service: Service, asked: Ask) -> list[TargetPhrase]:
    """What is asked; its faults are told before an image is looked at."""
    with_blends(service.segmenter, asked.alpha, asked.beta)
    return await service.read(asked.phrases)


async def _answer(
    service: Service, scene: Scene, phrases: list[TargetPhrase], asked: Ask
) -> Response:
    scene = blended(scene, asked.alpha, asked.beta)
    made = await service.run(ASKS, answer_all, scene, phrases, asked.format, asked.top)
    return Response(made, media_type="application/json")


def _held(service: Service, key: str) -> Held:
    found = service.scenes.get(key)
    if found is None:
        raise HTTPException(404, GONE)
    return found


def _info(service: Service, key: str) -> SceneInfo:
    found = _held(service, key)
    height, width = found.scene.proposals.size
    return SceneInfo(
        id=key,
        width=width,
        height=height,
        proposals=len(found.scene.proposals),
        bytes=found.size,
        expires_in=service.limits.scene_seconds,
    )


def searching(service: Service) -> APIRouter:
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
        """Regions that answer a phrase, in all images of the server's index."""
        asked = await read(request, body, service.limits)
        if service.index is None:
            raise HTTPException(404, NO_INDEX)
        return Response(await service.search(service.index, asked), media_type="application/json")

    return router


def living(service: Service) -> APIRouter:
    """``/healthz``, open to all."""
    router = APIRouter(tags=["operation"])

    @router.get("/healthz")
    async def healthz() -> Health:
        """Whether the server lives: 200 as long as it answers; ``status`` says what it can do."""
        return Health(status=service.state)

    @router.get(
        "/healthz/ready",
        responses={503: {"model": Health, "description": "Not ready, or no longer."}},
    )
    async def ready(response: Response) -> Health:
        """Whether requests are taken: 200 when they are, else 503."""
        response.status_code = 200 if service.state == "ready" else 503
        return Health(status=service.state)

    return router


def counting(service: Service) -> APIRouter:
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
