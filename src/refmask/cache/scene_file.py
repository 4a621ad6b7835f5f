"""An image that was looked at, as one ``.safetensors`` file.

Tensors: ``image``, uint8 (H, W, 3); ``proposals``, the bytes of a store's entry of masks; and
``features/PART``, float32, for each array of the image features. The metadata hold one entry,
``refmask``, JSON: the format, what the features depend on, and a SHA-256 over the tensors and that.
Reading believes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from refmask.cache import mask_record
from refmask.cache.container import Damaged
from refmask.errors import ConfigurationError, FeatureError, ImageError, InputError, MaskError
from refmask.fingerprint import Fingerprint, of_features, of_image
from refmask.limits import check
from refmask.methods import Method
from refmask.ops.files import write_whole
from refmask.ops.images import checked
from refmask.ops.reading import check_file, parse_json
from refmask.types import FloatArray, ImageFeatures, MaskProposals, UInt8Array

Arrays = dict[str, npt.NDArray[Any]]

#: Counted up when older programs cannot read the file any more.
FORMAT = "scene 1"
TOLD = "refmask"
IMAGE, PROPOSALS, FEATURES = "picture", "proposals", "features/"
#: Under this name a file tells what made its proposals; files of older programs do not.
MADE_BY, UNTOLD = "proposed_by", "not told"


@dataclass(frozen=True, eq=False)
class SceneFile:
    """What such a file holds.

    Attributes:
        path: where it was read from.
        image: uint8 RGB (H, W, 3).
        proposals: N masks of that size.
        model: see ``refmask.fingerprint.of_features``.
        settings: what each array depends on beside that, by its name.
        arrays: what was worth keeping of the image features, by name.
        proposed_by: see ``Provenance.proposals``.
    """

    path: Path
    image: UInt8Array
    proposals: MaskProposals
    model: Fingerprint
    settings: Mapping[str, Mapping[str, Any]]
    arrays: Mapping[str, FloatArray]
    proposed_by: str

    def features_for(self, method: Method) -> ImageFeatures:
        """The image features in the file, as a method gave them; nothing is encoded again.

        Raises:
            ConfigurationError: when the method needs others, or its model or settings differ,
                naming the differences.
            InputError: when an array was forged.
        """
        model, wanted = of_features(method.encoder), method.image_settings()
        for name, settings in wanted.items() if len(self.proposals) else ():
            if name not in self.arrays:
                raise ConfigurationError(
                    f"{self.path} holds no {name} features, but {', '.join(self.arrays) or 'none'};"
                    " ask it with the method that encoded it"
                )
            differ = (self.model | self.settings[name]).summary(model | settings)
            if differ:
                raise ConfigurationError(
                    f"{self.path} was encoded by {self.model.get('model')} with {differ}; load it "
                    "with the same model and settings, or look at the image again"
                )
        known = {name: values for name, values in self.arrays.items() if name in wanted}
        try:
            return method.encode_image(self.image, self.proposals, known)
        except FeatureError as error:
            _refuse(self.path, str(error))


def write_scene(
    path: Path,
    image: UInt8Array,
    proposals: MaskProposals,
    features: ImageFeatures,
    method: Method,
    proposed_by: str,
) -> None:
    """Write a file.

    Args:
        path: where; its name ends with ".safetensors".
        image: uint8 RGB (H, W, 3).
        proposals: N masks of that size.
        features: of the image and these proposals.
        method: what encoded them.
        proposed_by: see ``Provenance.proposals``.

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
    entry = mask_record.write(proposals, {"picture": of_image(image)})
    settings = method.image_settings() if len(proposals) else {}
    arrays: Arrays = {
        IMAGE: np.ascontiguousarray(image),
        PROPOSALS: np.frombuffer(entry, np.uint8),
        **{FEATURES + name: np.ascontiguousarray(features.arrays[name]) for name in settings},
    }
    model = dict(of_features(method.encoder))
    told: dict[str, Any] = {"format": FORMAT, "model": model, "parts": settings}
    told[MADE_BY] = proposed_by
    told["sha256"] = _digest(arrays, told)
    content = save(arrays, {TOLD: json.dumps(told, sort_keys=True)})
    check("unpacked", len(content), "the scene", MaskError)
    write_whole(path, content)


def read_scene(path: Path) -> SceneFile:
    """Read a file; nothing in it is run.

    Raises:
        InputError: when it is missing, damaged, too large, or no such file.
    """
    check_file(path, "a scene", most="unpacked")
    try:
        return _scene(path, *_open(path))
    except (Damaged, ImageError, MaskError) as error:
        _refuse(path, str(error))
    except (MemoryError, RecursionError):
        _refuse(path, "it does not fit into memory")


def _open(path: Path) -> tuple[Arrays, str]:
    """All tensors, together no larger than the file, and our entry of the metadata."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return arrays, (file.metadata() or {}).get(TOLD, "")
    except (SafetensorError, OSError, TypeError, ValueError, AttributeError, LookupError) as error:
        raise Damaged((str(error).splitlines() or ["it is cut short"])[0][:200]) from None


def _scene(path: Path, arrays: Arrays, metadata: str) -> SceneFile:
    told = _told(metadata)
    if told.pop("sha256") != _digest(arrays, told):
        raise Damaged("its checksum does not fit")
    image, entry = arrays.pop(IMAGE, None), arrays.pop(PROPOSALS, None)
    if image is None or entry is None or entry.dtype != np.uint8:
        raise Damaged("it holds no image or no proposals")
    image = checked(image)
    height, width = image.shape[:2]
    check("pixels", height * width, "its image", Damaged)
    proposals = mask_record.read(entry.tobytes(), {"picture": of_image(image)}, height, width)
    if {FEATURES + name for name in told["parts"]} != set(arrays):
        raise Damaged("its features are not those it tells of")
    return SceneFile(
        path=path,
        image=image,
        proposals=proposals.checked_for(image),
        model=Fingerprint(told["model"]),
        settings=told["parts"],
        arrays={name: arrays[FEATURES + name] for name in told["parts"]},
        proposed_by=told.get(MADE_BY, UNTOLD),
    )


def _told(metadata: str) -> dict[str, Any]:
    """What ``write_scene`` wrote of the scene, its parts of the right kinds."""
    told = parse_json(metadata or "null", "what it tells", Damaged)
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise Damaged(f"it does not tell the format '{FORMAT}'")
    model, parts = told.get("model"), told.get("parts")
    tables = [model, *parts.values()] if isinstance(parts, dict) else [None]
    if "sha256" not in told or not all(isinstance(table, dict) for table in tables):
        raise Damaged("it does not tell what its features depend on")
    if not isinstance(told.get(MADE_BY, UNTOLD), str):
        raise Damaged("it does not tell what made its proposals")
    return told


def _digest(arrays: Arrays, told: Mapping[str, Any]) -> str:
    """SHA-256 over all that counts, in hexadecimal."""
    digest = hashlib.sha256(Fingerprint(told).sha256.encode())
    for name, values in sorted(arrays.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape} ".encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def _refuse(path: Path, reason: str) -> NoReturn:
    raise InputError(
        f"{path} is damaged or no scene that refmask saved: {reason}; look at the image again"
    )
