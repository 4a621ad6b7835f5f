"""Weights on the Hugging Face hub: what is cached, what can be had, and fetching it."""

from __future__ import annotations

import contextlib
import re
import warnings
from pathlib import Path

from huggingface_hub import (
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

from refmask.errors import RefmaskWarning, WeightsUnavailable
from refmask.weights.catalogue import PUBLISHED, Published

#: Seconds to wait for the hub's first answer.
PATIENCE = 10


def within_reach(repository: str) -> bool:
    """Whether something of ``ORG/REPO`` is cached, or the hub answers.

    Without a network the hub's own client would retry, and say so, for most of a minute.
    """
    try:
        snapshot_download(repository, local_files_only=True)
    except Exception:  # whatever it is, it says that nothing usable is cached
        return _answers(repository)
    return True


def cached(model: Published) -> Path | None:
    """The weights file of a published model, if it is in the hub's cache on this machine."""
    found = try_to_load_from_cache(model.repository, model.files[0])
    return Path(found) if isinstance(found, str) else None


def fetch(name: str) -> Path:
    """The weights file of a published model, downloaded once with the files that go with it.

    A restrictive licence is told, as a RefmaskWarning, before the first download.

    Args:
        name: a key of ``catalogue.PUBLISHED``.

    Raises:
        WeightsUnavailable: when it is not cached and cannot be fetched from here.
    """
    model = PUBLISHED[name]
    found = cached(model)
    if found is not None:
        return found
    if model.restricted:
        notice = f"the weights of {name} come under the {model.licence}"
        warnings.warn(notice, RefmaskWarning, stacklevel=2)
    try:
        if not _answers(model.repository):
            raise OSError("the hub does not answer")
        path = Path(hf_hub_download(model.repository, model.files[0]))
        for file in model.files[1:]:
            with contextlib.suppress(EntryNotFoundError):
                hf_hub_download(model.repository, file)
    except Exception as error:
        raise WeightsUnavailable(
            f"the weights of {name} are not in the local cache and could not be fetched; on a "
            f"machine with network download {model.files[0]} from {model.repository} on the "
            f"Hugging Face hub and use it here with {model.local}, or copy that machine's "
            "~/.cache/huggingface here"
        ) from error
    return path


def stated_sha256(model: Published, path: Path) -> str | None:
    """What the SHA-256 of a cached file must be: as the catalogue or the hub states it, if known.

    The hub's cache keeps large files under their SHA-256 and links to them.
    """
    blob = path.resolve().name
    return model.sha256 or (blob if re.fullmatch("[0-9a-f]{64}", blob) else None)


def _answers(repository: str) -> bool:
    try:
        get_hf_file_metadata(hf_hub_url(repository, "any_file"), timeout=PATIENCE)
    except HfHubHTTPError:
        return True  # it answered, if only that there is no such file
    except Exception:
        return False
    return True
