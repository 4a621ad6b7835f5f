"""Weights on the Hugging Face hub: whether they are cached or can be fetched, and fetching them."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import platformdirs
from huggingface_hub import (
    get_hf_file_metadata,
    hf_hub_url,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError
from safetensors import SafetensorError, safe_open

from refmask.errors import RefmaskError, RefmaskWarning, WeightsUnavailable
from refmask.weights.catalogue import PUBLISHED, Published
from refmask.weights.downloading import PATIENCE, download, stated_by


def within_reach(repository: str) -> bool:
    """Whether something of ``ORG/REPO`` is cached, or the hub answers.

    Without a network the hub's own client would retry, and say so, for most of a minute.
    """
    try:
        snapshot_download(repository, local_files_only=True)
    except Exception:  # whatever it is, nothing usable is cached
        return answers(repository)
    return True


def cached(model: Published) -> Path | None:
    """The weights file of a published model, if it is in the hub's cache on this machine."""
    return _cached(model.repository, model.files[0])


def ready(name: str) -> Path | None:
    """The weights file of a published model, if all that it needs is in the hub's cache, whole.

    Args:
        name: a key of ``catalogue.PUBLISHED``.
    """
    model = PUBLISHED[name]
    found = [_cached(model.repository, file) for file in model.needed]
    return found[0] if None not in found and found[0] and is_whole(found[0]) else None


def is_whole(weights: Path) -> bool:
    """Whether a ``.safetensors`` file has all the bytes that its head announces.

    Any other file is taken to be whole: nothing in it says how long it is.
    """
    if weights.suffix != ".safetensors":
        return True
    try:
        with safe_open(weights, "numpy"):
            return True
    except (SafetensorError, OSError):
        return False


def fetch(name: str) -> Path:
    """The weights file of a published model, downloaded once with the files that go with it.

    A RefmaskWarning names a restrictive licence before the first download. An interrupted download
    resumes.

    Args:
        name: a key of ``catalogue.PUBLISHED``.

    Raises:
        WeightsUnavailable: when it is not cached and cannot be fetched from here, or there is no
            room for it.
        WeightsError: when it came damaged.
    """
    model = PUBLISHED[name]
    found = ready(name)
    if found is not None:
        return found
    if model.restricted:
        notice = f"the weights of {name} come under the {model.licence}"
        warnings.warn(notice, RefmaskWarning, stacklevel=2)
    try:
        if not answers(model.repository):
            raise OSError("the hub does not answer")
        path = download(model.repository, model.files[0], model.sha256)
        for file in model.files[1:]:
            missing = () if file in model.needed else (EntryNotFoundError,)
            with contextlib.suppress(*missing):
                download(model.repository, file)
    except RefmaskError:
        raise
    except Exception as error:
        raise WeightsUnavailable(
            f"the weights of {name} are not in the local cache and could not be fetched; on a "
            f"machine with network download {model.files[0]} from {model.repository} on the "
            f"Hugging Face hub and use it here with {model.local}, or copy that machine's "
            "~/.cache/huggingface here"
        ) from error
    return path


def first_of(repository: str, files: Sequence[str]) -> Path:
    """The first file that a repository has of some names; one that is cached comes before others.

    Raises:
        WeightsError: when it came damaged.
        WeightsUnavailable: when there is no room for it.
        OSError: when none is cached and the hub cannot be reached, or has none of them.
    """
    for file in files:
        if found := _cached(repository, file):
            return found
    if not answers(repository):
        raise OSError("the hub does not answer")
    for file in files:
        with contextlib.suppress(EntryNotFoundError):
            return download(repository, file)
    raise FileNotFoundError(f"{repository} has none of {', '.join(files)}")


def snapshot(repository: str, files: Sequence[str]) -> Path:
    """A folder of the hub's cache with those of some small files that a repository has.

    Raises:
        OSError, ValueError: when it cannot be fetched and nothing of it is cached.
    """
    return Path(snapshot_download(repository, allow_patterns=list(files)))


def discard(name: str) -> None:
    """Delete a published model from the hub's cache, so that it is fetched anew."""
    model = PUBLISHED[name]
    for file in model.files:
        path = _cached(model.repository, file)
        if path is not None:
            path.resolve().unlink(missing_ok=True)
            path.unlink(missing_ok=True)


def stated_sha256(model: Published, path: Path) -> str | None:
    """What the SHA-256 of a cached file must be: as the catalogue or the hub states it, if known.

    The hub's cache keeps large files under their SHA-256 and links to them.
    """
    return model.sha256 or stated_by(path.resolve())


def answers(repository: str, patience: float = PATIENCE) -> bool:
    """Whether the hub answers within so many seconds, if only that it has no such file."""
    answer: SimpleQueue[bool] = SimpleQueue()

    def ask() -> None:
        try:
            get_hf_file_metadata(hf_hub_url(repository, "any_file"), timeout=patience)
        except HfHubHTTPError:
            answer.put(True)
        except Exception:
            answer.put(False)
        else:
            answer.put(True)

    # The hub's client asks again and again; looking up a name may take longer than any timeout.
    Thread(target=ask, daemon=True).start()
    with contextlib.suppress(Empty):
        return answer.get(timeout=patience)
    return False


def _cached(repository: str, file: str) -> Path | None:
    found = try_to_load_from_cache(repository, file)
    return Path(found) if isinstance(found, str) else None


def folder() -> Path:
    """Where the user's copies are, in folders named as their repositories."""
    return platformdirs.user_data_path("refmask") / "weights"


def brought(model: Published) -> Path | None:
    """The weights file of a published model, if the user brought it."""
    path = folder() / model.repository / model.files[0]
    return path if path.is_file() else None
