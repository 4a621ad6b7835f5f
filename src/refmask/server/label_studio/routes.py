"""The routes that Label Studio calls, under ``/label-studio``."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from refmask.errors import InputError
from refmask.server.admission import LABEL_STUDIO
from refmask.server.arriving import ASKS
from refmask.server.failures import COMMON, responses
from refmask.server.label_studio.config import context_of, controls_of
from refmask.server.label_studio.tasks import ImageFolder, Wanted, prediction, told, wanted
from refmask.server.limits import Limits
from refmask.server.service import Service
from refmask.types import TargetPhrase


class Task(BaseModel):
    """A task: its data by the keys that the labelling configuration names."""

    data: dict[str, Any]


class Params(BaseModel):
    """What else Label Studio sends; only the context is read."""

    context: dict[str, Any] | None = None


class Predict(BaseModel):
    """Tasks to predict, as Label Studio sends them."""

    tasks: list[Task] = Field(max_length=1_000)
    label_config: str
    params: Params | None = None


class Setup(BaseModel):
    """A project that is connected, as Label Studio sends it; nothing of it is needed."""

    project: Any = None


class Version(BaseModel):
    """The model, by name and version."""

    model_version: str


class Versions(BaseModel):
    """The models that there are: one."""

    versions: list[str]


class Up(BaseModel):
    """That the backend is there."""

    status: str
    model_class: str


class Predictions(BaseModel):
    """A prediction for each task, in their order."""

    results: list[dict[str, Any]]


class Heard(BaseModel):
    """That an event was heard; nothing is learnt from it."""

    status: str


def label_studio(service: Service, images: ImageFolder) -> APIRouter:
    """The backend of Label Studio.

    Args:
        service: looks and answers.
        images: where tasks' images are.
    """
    router = APIRouter(prefix=LABEL_STUDIO, tags=["Label Studio"])
    limits = service.limits

    def name() -> str:
        return f"refmask {version('refmask')} {service.segmenter.method.encoder.name}"

    @router.get("/", responses=responses(401, 500), include_in_schema=False)
    @router.get("/health", responses=responses(401, 500))
    async def health() -> Up:
        """That the backend is there, ready or not."""
        return Up(status="UP", model_class="refmask")

    @router.post("/setup", responses=responses(400, *COMMON))
    async def setup(_: Setup) -> Version:
        """What is called when a project is connected."""
        return Version(model_version=name())

    @router.get("/versions", responses=responses(401, 500, 503))
    async def versions() -> Versions:
        """The models that there are."""
        return Versions(versions=[] if service.closed() else [name()])

    @router.post("/webhook", responses=responses(400, *COMMON))
    async def webhook(_: Setup) -> Heard:
        """Events of a project: nothing is trained, so they change nothing."""
        return Heard(status="ok")

    @router.post("/predict", response_model=Predictions, responses=responses(400, *COMMON))
    async def predict(asked: Predict) -> Response:
        """Masks of the project's labels, or of what was typed, in each task's image."""
        controls = controls_of(asked.label_config)
        context = context_of(asked.params.context if asked.params else None)
        finds = wanted(controls, context)
        phrases = await service.read(_checked(finds, limits))
        common = Asked(controls[0].key, finds, phrases, bool(context.phrases), name())
        results = await asyncio.gather(
            *(_predicted(service, images, common, task) for task in asked.tasks)
        )
        faults = [result["error"] for result in results if "error" in result]
        if faults and len(faults) == len(results):
            raise InputError(faults[0])
        return JSONResponse({"results": results})

    return router


@dataclass(frozen=True)
class Asked:
    """What is asked of every task of a request.

    Attributes:
        key: where a task's data have the image.
        finds: what to find in it.
        phrases: the same as read.
        typed: somebody waits for them.
        version: of the model that answers.
    """

    key: str
    finds: list[Wanted]
    phrases: list[TargetPhrase]
    typed: bool
    version: str


async def _predicted(
    service: Service, images: ImageFolder, asked: Asked, task: Task
) -> dict[str, Any]:
    """A task's prediction; an empty one that says why when its image cannot be used."""
    place, most = task.data.get(asked.key), service.limits.body
    try:
        scene = await service.look(lambda: images.read(place, most))
    except InputError as error:
        return told(asked.version, [], 0.0) | {"error": str(error)}
    return await service.run(
        ASKS, prediction, scene, asked.phrases, asked.finds, asked.version, typed=asked.typed
    )


def _checked(finds: list[Wanted], limits: Limits) -> list[str]:
    """The phrases to find, when they are no more and no longer than the limits allow."""
    phrases = [find.phrase for find in finds]
    if len(phrases) > limits.phrases:
        raise InputError(f"expected at most {limits.phrases} labels, got {len(phrases)}")
    long = next((text for text in phrases if len(text) > limits.letters), None)
    if long is not None:
        raise InputError(
            f"expected labels of at most {limits.letters} characters, {long[:40]!r}... has more"
        )
    return phrases
