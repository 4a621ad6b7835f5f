"""Weights on the Hugging Face hub: what is cached, what can be had, and fetching it."""

from __future__ import annotations

import warnings
from pathlib import Path

from huggingface_hub import (
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    snapshot_download,
    try_to_load_from_cache,
)
from huggingface_hub.errors import HfHubHTTPError

from refmask.errors import RefmaskWarning, WeightsUnavailable
from refmask.weights.catalogue import CATALOGUE

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


def cached(name: str) -> Path | None:
    """The file of a catalogue entry, if it is in the hub's cache on this machine."""
    entry = CATALOGUE[name]
    found = try_to_load_from_cache(entry.repository, entry.filename)
    return Path(found) if isinstance(found, str) else None


def fetch(name: str) -> Path:
    """The file of a catalogue entry, downloaded once; a restrictive licence is told before that.

    Args:
        name: a key of ``CATALOGUE``.

    Raises:
        WeightsUnavailable: when it is not cached and cannot be fetched from here.
    """
    found = cached(name)
    if found is not None:
        return found
    entry = CATALOGUE[name]
    if entry.restricted:
        notice = f"the weights of {name} come under the {entry.licence}; fetching them now"
        warnings.warn(notice, RefmaskWarning, stacklevel=2)
    try:
        if not within_reach(entry.repository):
            raise OSError("the hub does not answer")
        return Path(hf_hub_download(entry.repository, entry.filename))
    except Exception as error:
        raise WeightsUnavailable(
            f"the weights of {name} are not in the local cache and could not be fetched; on a "
            f"machine with network download {entry.filename} from {entry.repository} on the "
            "Hugging Face hub and pass the file as the proposer's weights (--weights FILE with "
            f"'refmask propose', --proposals {name}:weights=FILE elsewhere), or copy that "
            "machine's ~/.cache/huggingface here; --proposals grouping works now"
        ) from error


def _answers(repository: str) -> bool:
    try:
        get_hf_file_metadata(hf_hub_url(repository, "any_file"), timeout=PATIENCE)
    except HfHubHTTPError:
        return True  # it answered, if only that there is no such file
    except Exception:
        return False
    return True
