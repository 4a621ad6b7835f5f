"""A stand-in for the Hugging Face hub, on this machine, and small weights in place of the real."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import huggingface_hub
import pytest

from refmask.weights.catalogue import PUBLISHED, Published
from refmask.weights.recommended import RECOMMENDED, Kit, Part

COMMIT = "c" * 40


@dataclass
class Hub:
    """What the stand-in has, and what it was asked.

    Attributes:
        files: contents by "ORG/REPO/FILE".
        stated: SHA-256 that it states for a file, where that is not the content's.
        portal: all requests are answered by a page to sign in.
        breaks: a download ends after so many bytes, and those that follow fail.
        asked: ("GET" or "HEAD", "ORG/REPO/FILE", the range header) of each request for a file.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    stated: dict[str, str] = field(default_factory=dict)
    portal: bool = False
    breaks: int | None = None
    broken: bool = False
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)

    def fetched(self) -> list[tuple[str, str | None]]:
        """Files that were downloaded, without their repositories, and from where on."""
        return [(name.split("/")[-1], begin) for verb, name, begin in self.asked if verb == "GET"]


def handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    """Answers as the hub does, as far as its client asks."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """In silence."""

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            if hub.portal:
                return self.head(200, {"Content-Length": "0"}, commit=False)
            name = self.path.lstrip("/").replace("/resolve/main", "")
            content = hub.files.get(name)
            if content is None:
                return self.head(404, {"X-Error-Code": "EntryNotFound", "Content-Length": "0"})
            begins = self.headers.get("Range")
            hub.asked.append((self.command, name, begins))
            if self.command == "GET" and hub.broken:
                return self.head(500, {"Content-Length": "0"})
            start = int(begins.removeprefix("bytes=").rstrip("-")) if begins else 0
            digest = hub.stated.get(name) or hashlib.sha256(content).hexdigest()
            told = {"ETag": f'"{digest}"', "Content-Length": str(len(content) - start)}
            self.head(206 if begins else 200, told)
            if self.command == "GET":
                rest = content[start:] if hub.breaks is None else content[start : hub.breaks]
                hub.broken = len(rest) < len(content) - start
                self.wfile.write(rest)
            return None

        def head(self, status: int, told: dict[str, str], *, commit: bool = True) -> None:
            self.send_response(status)
            for key, value in (told | ({"X-Repo-Commit": COMMIT} if commit else {})).items():
                self.send_header(key, value)
            self.end_headers()

    return Handler


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    return folder


def _point_to(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    constants = huggingface_hub.constants
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", address)


@pytest.fixture
def hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that answers."""
    del cache
    made = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(made))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    _point_to(monkeypatch, f"http://127.0.0.1:{server.server_address[1]}")
    # A download that breaks off keeps what came in whole chunks.
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1 << 12)
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def no_hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub, and nothing cached."""
    del cache
    _point_to(monkeypatch, "http://127.0.0.1:9")


@pytest.fixture(scope="session")
def originals(
    model_files: Callable[[str], tuple[str, str]], sam_folder: Callable[[str], Path]
) -> dict[str, bytes]:
    """A small CLIP and a small SAM 2 with random weights, as the hub has the real ones."""
    sam = sam_folder("sam2")
    return {
        "org/clip/open_clip_model.safetensors": Path(model_files("tiny_vit32")[1]).read_bytes(),
        **{
            f"org/sam/{name}": (sam / name).read_bytes()
            for name in ("model.safetensors", "config.json")
        },
    }


@pytest.fixture
def kit(
    originals: dict[str, bytes],
    model_files: Callable[[str], tuple[str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> Kit:
    """The small models, recommended in place of the real ones."""
    clip, sam = PUBLISHED["openai-vit-b-32"], PUBLISHED["sam2.1-hiera-tiny"]
    small = {
        "small-clip": Published("scores", "org/clip", clip.files, "MIT", 5, "`weights=FILE`"),
        "small-sam": Published("masks", "org/sam", sam.files, "Apache-2.0", 1, "FOLDER"),
    }
    for name, model in small.items():
        monkeypatch.setitem(PUBLISHED, name, model)
    made = Kit(
        model_files("tiny_vit32")[0],
        Part("small-clip", "Small CLIP"),
        Part("small-sam", "Small SAM"),
    )
    monkeypatch.setitem(RECOMMENDED, "standard", made)
    del originals
    return made


@pytest.fixture
def full_hub(hub: Hub, originals: dict[str, bytes]) -> Hub:
    """A hub that has the small models."""
    hub.files |= originals
    return hub


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's configuration file goes, and all else that is the user's."""
    monkeypatch.setenv("REFMASK_CONFIG", str(tmp_path / "user" / "config.toml"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user" / "data"))
    return tmp_path / "user" / "config.toml"
