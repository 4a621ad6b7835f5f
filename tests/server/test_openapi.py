"""The server conforms to its OpenAPI document: schemathesis finds no violation."""

import base64
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from refmask.server.answers import answer_schema
from refmask.server.app import app
from refmask.server.label_studio.tasks import ImageFolder
from refmask.server.limits import Limits

DOCS = Path(__file__).parents[2] / "docs"
OPERATIONS = [
    ("POST", "/v1/segment"),
    ("POST", "/v1/scenes"),
    ("GET", "/v1/scenes/{id}"),
    ("DELETE", "/v1/scenes/{id}"),
    ("POST", "/v1/scenes/{id}/find"),
    ("POST", "/v1/search"),
    ("GET", "/metrics"),
    ("GET", "/label-studio/health"),
    ("GET", "/label-studio/versions"),
    ("POST", "/label-studio/setup"),
    ("POST", "/label-studio/webhook"),
    ("POST", "/label-studio/predict"),
    ("GET", "/healthz"),
    ("GET", "/healthz/ready"),
]
MODES = [
    (*operation, mode)
    for operation in OPERATIONS
    for mode in GenerationMode
    # A request without a body is never invalid: any id is valid.
    if operation[0] == "POST" or mode == GenerationMode.POSITIVE
]
#: The schema covers neither labelling configurations nor the keys of a task's data.
EXCLUDED = {"/label-studio/predict": [positive_data_acceptance]}


@pytest.fixture(scope="module")
def api(segmenter):
    return app(segmenter, Limits(phrases=4, letters=40, scenes=3), images=ImageFolder())


@pytest.fixture(scope="module")
def document(api, png):
    """The server's document, whose images are real ones."""
    schemathesis.openapi.format("byte", st.just(base64.b64encode(png).decode()))
    schemathesis.openapi.format("binary", st.just(png))

    async def lasting(scope, receive, send):
        """The server, without the restart by schemathesis for each test."""
        if scope["type"] != "lifespan":
            await api(scope, receive, send)

    return schemathesis.openapi.from_asgi("/openapi.json", lasting)


@pytest.fixture(scope="module")
def scene_id(api, segmenter, noise):
    """Path parameters of a scene, where the request does not delete it."""
    key = api.state.service.scenes.add(segmenter.look(noise))
    return lambda path: {"id": key} if path.endswith("/find") else None


#: A phrase may be longer than the model's context, which logs a warning.
@pytest.mark.filterwarnings("ignore::refmask.errors.RefmaskWarning")
@pytest.mark.parametrize(("method", "path", "mode"), MODES)
def test_conformance(document, scene_id, method, path, mode):
    operation = document[path][method]
    cases = operation.as_strategy(mode, path_parameters=scene_id(path))
    if mode == GenerationMode.NEGATIVE:
        # All parts of a form are text, so none has a wrong type.
        cases = cases.filter(lambda case: case.media_type == "application/json")

    @given(cases)
    @settings(
        max_examples=12,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case):
        case.call_and_validate(excluded_checks=EXCLUDED.get(path))

    check()


def test_the_schema_in_the_docs_is_of_these_answers():
    written = (DOCS / "answer.schema.json").read_text()
    assert written == answer_schema(), "write answer_schema() to docs/answer.schema.json"


def test_every_error_is_documented_as_one_sentence(document):
    for path, operations in document.raw_schema["paths"].items():
        for operation in operations.values():
            assert operation["summary"]
            assert operation["description"]
            for status, told in operation["responses"].items():
                if status >= "400" and path not in ("/healthz/ready", "/metrics"):
                    content = told["content"]["application/json"]
                    assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
