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
from refmask.server.admission import LABEL_STUDIO, QUERY
from refmask.server.failures import COMMON, responses
from refmask.server.label_studio.config import context_of, controls_of
from refmask.server.label_studio.tasks import ImageFolder, Query, as_prediction, predict, queries_of
from refmask.server.limits import Limits
from refmask.server.service import Service
from refmask.types import TargetPhrase


class Task(BaseModel):
    """A task: its data by the keys of the labelling configuration."""

    data: dict[str, Any]


class Params(BaseModel):
    """Other parameters; only the context is used."""

    context: dict[str, Any] | None = None


class Predict(BaseModel):
    """Tasks to predict, as Label Studio sends them."""

    tasks: list[Task] = Field(max_length=1_000)
    label_config: str
    params: Params | None = None


class Setup(BaseModel):
    """A connected project, as Label Studio sends it; ignored."""

    project: Any = None


class Version(BaseModel):
    """The model, by name and version."""

    model_version: str


class Versions(BaseModel):
    """The available models: one."""

    versions: list[str]


class Up(BaseModel):
    """The backend is up."""

    status: str
    model_class: str


class Predictions(BaseModel):
    """A prediction for each task, in their order."""

    results: list[dict[str, Any]]


class Received(BaseModel):
    """An event was received; nothing is trained on it."""

    status: str


def label_studio(service: Service, images: ImageFolder) -> APIRouter:
    """The routes of Label Studio's backend.

    Args:
        service: encodes and answers.
        images: the folder of tasks' images.
    """
    router = APIRouter(prefix=LABEL_STUDIO, tags=["Label Studio"])
    limits = service.limits

    def name() -> str:
        return f"refmask {version('refmask')} {service.segmenter.method.encoder.name}"

    @router.get("/", responses=responses(401, 500), include_in_schema=False)
    @router.get("/health", responses=responses(401, 500))
    async def health() -> Up:
        """Whether the backend is up, ready or not."""
        return Up(status="UP", model_class="refmask")

    @router.post("/setup", responses=responses(400, *COMMON))
    async def setup(_: Setup) -> Version:
        """Called when a project is connected."""
        return Version(model_version=name())

    @router.get("/versions", responses=responses(401, 500, 503))
    async def versions() -> Versions:
        """The available models."""
        return Versions(versions=[] if service.closed() else [name()])

    @router.post("/webhook", responses=responses(400, *COMMON))
    async def webhook(_: Setup) -> Received:
        """Events of a project; these change nothing, as nothing is trained."""
        return Received(status="ok")

    @router.post("/predict", response_model=Predictions, responses=responses(400, *COMMON))
    async def predictions(body: Predict) -> Response:
        """Masks of the project's labels, or of typed phrases, in each task's image."""
        controls = controls_of(body.label_config)
        context = context_of(body.params.context if body.params else None)
        queries = queries_of(controls, context)
        phrases = await service.parse(_checked(queries, limits))
        job = Job(controls[0].key, queries, phrases, bool(context.phrases), name())
        results = await asyncio.gather(
            *(_predict(service, images, job, task) for task in body.tasks)
        )
        errors = [result["error"] for result in results if "error" in result]
        if errors and len(errors) == len(results):
            raise InputError(errors[0])
        return JSONResponse({"results": results})

    return router


@dataclass(frozen=True)
class Job:
    """What a request wants to know about each of its tasks.

    Attributes:
        key: of the image in a task's data.
        queries: what to find in the image.
        phrases: of the queries, parsed.
        typed: an annotator typed them.
        version: of the model that answers.
    """

    key: str
    queries: list[Query]
    phrases: list[TargetPhrase]
    typed: bool
    version: str


async def _predict(service: Service, images: ImageFolder, job: Job, task: Task) -> dict[str, Any]:
    """A task's prediction; empty with an error when its image cannot be used."""
    source, most = task.data.get(job.key), service.limits.body
    try:
        scene = await service.encode(lambda: images.read(source, most))
    except InputError as error:
        return as_prediction(job.version, [], 0.0) | {"error": str(error)}
    return await service.run(
        QUERY, predict, scene, job.phrases, job.queries, job.version, typed=job.typed
    )


def _checked(queries: list[Query], limits: Limits) -> list[str]:
    """The phrases of the queries; raises InputError beyond the limits."""
    phrases = [query.phrase for query in queries]
    if len(phrases) > limits.phrases:
        raise InputError(f"{len(phrases)} labels are too many; use at most {limits.phrases}")
    long = next((text for text in phrases if len(text) > limits.letters), None)
    if long is not None:
        raise InputError(
            f"the label {long[:40]!r}... is too long; use at most {limits.letters} characters"
        )
    return phrases
