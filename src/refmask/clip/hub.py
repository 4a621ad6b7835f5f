"""Whether a hub repository can be had, found out quickly."""

from __future__ import annotations

from huggingface_hub import get_hf_file_metadata, hf_hub_url, snapshot_download
from huggingface_hub.errors import HfHubHTTPError

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


def _answers(repository: str) -> bool:
    try:
        get_hf_file_metadata(hf_hub_url(repository, "open_clip_config.json"), timeout=PATIENCE)
    except HfHubHTTPError:
        return True  # it answered, if only that there is no such file
    except Exception:
        return False
    return True
