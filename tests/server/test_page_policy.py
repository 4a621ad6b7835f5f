"""What the page may run: constant templates, and the policy of each response."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

import refmask

pytest.importorskip("starlette", reason="the page needs Gradio: the extra app")

from starlette.applications import Starlette
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from refmask.server.page.policy import PolicyMiddleware

TEMPLATES = sorted((Path(refmask.__file__).parent / "server" / "page").glob("*.html"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_are_constant(path):
    assert re.findall(r"\$\{|\{\{|`|\\", path.read_text("utf-8")) == []
    assert re.findall(r"<script|<style|\bon\w+=", path.read_text("utf-8")) == []


def served(page):
    """Fetches a page of these parts."""

    def in_parts(_):
        return StreamingResponse(iter(page), media_type="text/html")

    def whole(_):
        return HTMLResponse(b"".join(page))

    client = TestClient(
        PolicyMiddleware(Starlette(routes=[Route("/", in_parts), Route("/file=a.html", whole)]))
    )
    return client.get


def digest(script):
    return f"'sha256-{base64.b64encode(hashlib.sha256(script).digest()).decode()}'"


def test_a_pages_own_scripts_run_and_no_other():
    page = [
        b"<script>\none()",
        b"\r\n</script><script src='a.js'></script>",
        b"<SCRIPT a>2</script>",
    ]
    get = served(page)
    answer = get("/")
    assert answer.content == b"".join(page)
    policy = dict(
        part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
    )
    hashes = [digest(b"\none()\n"), digest(b"2")]
    assert policy["script-src"] == " ".join(["'self' 'unsafe-eval'", *hashes])
    assert policy["script-src-attr"] == policy["default-src"] == policy["form-action"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_uploaded_file_is_no_page():
    answer = served([b"<script>one()</script>"])("/file=a.html")
    assert answer.headers["content-security-policy"] == (
        "default-src 'none'; frame-ancestors 'none'; sandbox"
    )
