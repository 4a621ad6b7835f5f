"""Download a file of the Hugging Face hub into its cache: resumed after a break, and verified."""

from __future__ import annotations

import errno
import re
from pathlib import Path

from filelock import FileLock
from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.file_download import http_get, repo_folder_name

from refmask.errors import WeightsError, WeightsUnavailable
from refmask.weights.hashing import sha256_of

#: Seconds to wait for the hub's first answer.
PATIENCE = 10
#: What an operating system says when a disk has no room.
FULL = (errno.ENOSPC, errno.EDQUOT)


def download(repository: str, file: str, sha256: str | None = None) -> Path:
    """A file of a repository, from the cache or fetched into it.

    The hub's own client begins anew after a break; this one resumes, from a partial file beside the
    place where the cache has the whole one.

    Args:
        repository: ``ORG/REPO``.
        file: its name there.
        sha256: what it must be, where that is known from elsewhere than the hub.

    Returns:
        Its place in the cache.

    Raises:
        WeightsError: when what came is not what the hub, or ``sha256``, states.
        WeightsUnavailable: when there is no room for it, or the cache cannot be written.
        OSError: when the hub cannot be reached, or has no such file.
    """
    url = hf_hub_url(repository, file)
    about = get_hf_file_metadata(url, timeout=PATIENCE)
    if about.etag is None or about.commit_hash is None:
        raise OSError(f"what answers at {url} is no hub, but perhaps a page to sign in")
    name = repo_folder_name(repo_id=repository, repo_type="model")
    blobs = Path(constants.HF_HUB_CACHE, name, "blobs")
    # The hub's cache has each file under its ETag, which of large files is their SHA-256.
    blob = blobs / about.etag
    part = blobs / f"{about.etag}.part"
    try:
        blobs.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{part}.lock"):
            if not blob.exists():
                _resume(url, part, about.size, file)
                _verify(part, file, sha256 or stated_by(blob))
                part.replace(blob)
    except OSError as error:
        if error.errno in FULL:
            raise no_room(file, about.size or 0, blobs) from None
        if error.filename is None:  # no file of ours, but the network
            raise
        raise WeightsUnavailable(
            f"cannot write {error.filename}: {error.strerror}; make it writable, or have HF_HOME "
            "name another folder"
        ) from None
    return Path(hf_hub_download(repository, file))


def stated_by(blob: Path) -> str | None:
    """The SHA-256 that the name of a cached file states; None for small files."""
    return blob.name if re.fullmatch("[0-9a-f]{64}", blob.name) else None


def no_room(what: str, size: int, folder: Path, variable: str = "HF_HOME") -> WeightsUnavailable:
    """The error when a disk is too full.

    Args:
        what: does not fit.
        size: its bytes.
        folder: where it was to go.
        variable: of the environment, which names another folder.
    """
    return WeightsUnavailable(
        f"no room for {what} ({size / 1e6:.0f} MB) in {folder}; make room there, or have "
        f"{variable} name a folder on another disk"
    )


def _resume(url: str, part: Path, size: int | None, file: str) -> None:
    """Fetch what is missing of a file."""
    with part.open("ab") as output:
        if size is not None and output.tell() > size:
            output.seek(0)
            output.truncate()
        http_get(
            url,
            output,
            resume_size=output.tell(),
            expected_size=size,
            displayed_filename=file,
        )


def _verify(part: Path, file: str, stated: str | None) -> None:
    """Raise WeightsError, and delete what came, when it is something else."""
    found = sha256_of(part) if stated else None
    if found != stated:
        part.unlink()
        raise WeightsError(
            f"{file} came damaged: its SHA-256 is {found}, the hub states {stated}; fetch it again"
        )
