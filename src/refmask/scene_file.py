"""A picture that was looked at, as one ``.safetensors`` file.

Tensors: ``picture``, uint8 (H, W, 3); ``proposals``, the bytes of a store's entry of masks; and
``features/PART``, float32, for each part of what the method saw. The metadata name the format, tell
what the features depend on as JSON, and hold a SHA-256 over all of it. Reading believes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from refmask.clip import ClipBackbone
from refmask.errors import ConfigurationError, ImageError, InputError, MaskError
from refmask.methods.base import Keep
from refmask.methods.keeping import Part, kept_model
from refmask.ops.files import write_whole
from refmask.ops.images import MAX_PIXELS, checked
from refmask.proposals.store import record
from refmask.store.entry import Damaged
from refmask.store.features import fits
from refmask.store.folder import MAX_FILE
from refmask.store.hashing import picture_hash
from refmask.types import Bytes, Floats, MaskProposals

Arrays = dict[str, npt.NDArray[Any]]

#: Counted up when older programs cannot read the file any more.
FORMAT = "refmask scene 1"
PICTURE, PROPOSALS, FEATURES = "picture", "proposals", "features/"


@dataclass(frozen=True, eq=False)
class SceneFile:
    """What such a file holds.

    Attributes:
        path: where it was read from.
        image: uint8 RGB (H, W, 3).
        proposals: N masks of that size.
        model: see ``refmask.methods.keeping.kept_model``.
        parts: what the method saw, by name.
    """

    path: Path
    image: Bytes
    proposals: MaskProposals
    model: Mapping[str, Any]
    parts: Mapping[str, Part]

    def keep(self, clip: ClipBackbone) -> Keep:
        """What a method with a model, which must be the file's, asks for its parts.

        It raises ConfigurationError for a part that the file does not hold or that depends on
        other settings, and InputError for a forged one.
        """
        model = kept_model(clip)

        def take(
            part: str,
            settings: Mapping[str, Any],
            shape: tuple[int | None, ...],
            compute: Callable[[], Floats],  # noqa: ARG001  nothing is looked at again
        ) -> Floats:
            there = self.parts.get(part)
            if there is None:
                raise ConfigurationError(
                    f"expected {part} features in {self.path}, it holds "
                    f"{', '.join(self.parts) or 'none'}; ask it with the method that looked at it"
                )
            differ = _differences(
                {**self.model, **there.settings}, {**model, **settings}, but=("model",)
            )
            if differ:
                raise ConfigurationError(
                    f"{self.path} was looked at by {self.model.get('model')} with "
                    f"{'; '.join(differ)}; load it with the same model and settings, or look at "
                    "the picture again"
                )
            if not fits(there.values, shape):
                _refuse(self.path, f"its {part} features are of another shape")
            return there.values

        return take


def write_scene(
    path: Path,
    image: Bytes,
    proposals: MaskProposals,
    clip: ClipBackbone,
    parts: Mapping[str, Part],
) -> None:
    """Write a file.

    Args:
        path: where; its name ends with ".safetensors".
        image: uint8 RGB (H, W, 3).
        proposals: N masks of that size.
        clip: the model that looked at it.
        parts: what the method saw, by name.

    Raises:
        ConfigurationError: for another ending, when the place cannot be written, or the model's
            weights are no file.
        MaskError: when the proposals cannot be kept.
    """
    from safetensors.numpy import save

    if path.suffix != ".safetensors":
        raise ConfigurationError(
            f"expected a name that ends with .safetensors for a scene, got {path.name}; rename it"
        )
    entry = record.write(proposals, {"picture": picture_hash(image)})
    arrays: Arrays = {
        PICTURE: np.ascontiguousarray(image),
        PROPOSALS: np.frombuffer(entry, np.uint8),
        **{FEATURES + name: np.ascontiguousarray(part.values) for name, part in parts.items()},
    }
    settings = {name: dict(part.settings) for name, part in parts.items()}
    told = json.dumps({"model": kept_model(clip), "parts": settings}, sort_keys=True)
    content = save(
        arrays, {"format": FORMAT, "configuration": told, "sha256": _digest(arrays, told)}
    )
    if len(content) > MAX_FILE:
        raise MaskError(
            f"expected a scene of at most {MAX_FILE} bytes to keep, got {len(content)}; use fewer "
            "masks or a smaller picture"
        )
    write_whole(path, content)


def read_scene(path: Path) -> SceneFile:
    """Read a file; nothing in it is run.

    Raises:
        InputError: when it is missing, damaged, too large, or no such file.
    """
    if not path.is_file():
        raise InputError(f"expected a scene at {path}, there is no such file; check the path")
    try:
        if path.stat().st_size > MAX_FILE:
            raise Damaged("it is far too large")
        arrays, metadata = _open(path)
        return _scene(path, arrays, metadata)
    except (Damaged, ImageError, MaskError) as error:
        _refuse(path, str(error))
    except MemoryError:
        _refuse(path, "it does not fit into memory")


def _open(path: Path) -> tuple[Arrays, dict[str, str]]:
    """All tensors, each no larger than the file, and the metadata."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return arrays, file.metadata() or {}
    except (SafetensorError, OSError, TypeError, ValueError, AttributeError, LookupError) as error:
        raise Damaged((str(error).splitlines() or ["it is cut short"])[0][:200]) from None


def _scene(path: Path, arrays: Arrays, metadata: Mapping[str, str]) -> SceneFile:
    if metadata.get("format") != FORMAT:
        raise Damaged(f"its format is {metadata.get('format')!r} instead of {FORMAT!r}")
    told = metadata.get("configuration", "")
    if metadata.get("sha256") != _digest(arrays, told):
        raise Damaged("its checksum does not fit")
    picture, entry = arrays.pop(PICTURE, None), arrays.pop(PROPOSALS, None)
    if picture is None or entry is None or entry.dtype != np.uint8:
        raise Damaged("it holds no picture or no proposals")
    image = checked(picture)
    height, width = image.shape[:2]
    if height * width > MAX_PIXELS:
        raise Damaged("its picture is too large")
    proposals = record.read(entry.tobytes(), {"picture": picture_hash(image)}, height, width)
    model, settings = _configuration(told)
    if {FEATURES + name for name in settings} != set(arrays):
        raise Damaged("its features are not those it tells of")
    parts = {name: Part(told, arrays[FEATURES + name]) for name, told in settings.items()}
    return SceneFile(path, image, proposals.checked_for(image), model, parts)


def _configuration(text: str) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The model, and by part its settings."""
    try:
        told = json.loads(text)
        model, parts = dict(told["model"]), told["parts"]
        return model, {str(name): dict(settings) for name, settings in parts.items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise Damaged("its configuration cannot be read") from None


def _digest(arrays: Arrays, told: str) -> str:
    """SHA-256 over all that counts, in hexadecimal."""
    digest = hashlib.sha256(told.encode())
    for name, values in sorted(arrays.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape} ".encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def _differences(
    there: Mapping[str, Any], here: Mapping[str, Any], but: tuple[str, ...]
) -> list[str]:
    """What differs, each with both values, long hashes cut."""
    names = [name for name in {**there, **here} if name not in but]
    return [
        f"{name} {str(there.get(name))[:12]} instead of {str(here.get(name))[:12]}"
        for name in names
        if there.get(name) != here.get(name)
    ]


def _refuse(path: Path, reason: str) -> NoReturn:
    raise InputError(
        f"{path} is damaged or no scene that refmask saved: {reason}; look at the picture again"
    )
