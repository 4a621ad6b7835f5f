"""An encoded image, as one ``.safetensors`` file.

Tensors: ``image``, uint8 (H, W, 3); ``proposals/NAME``, the masks as ``mask_coding`` has them; and
``features/NAME``, float32, for each array of the image features. The header says what the features
depend on and what proposed the masks. Reading trusts nothing in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from refmask.cache import mask_coding
from refmask.cache.container import IMAGE, MASKS, SCENE, Arrays, Damaged, pack, unpack
from refmask.errors import ConfigurationError, FeatureError, ImageError, InputError, MaskError
from refmask.fingerprint import Fingerprint, of_features
from refmask.limits import check
from refmask.methods import Method
from refmask.ops.files import write_whole
from refmask.ops.images import checked
from refmask.ops.reading import MISSHAPEN, read_bytes
from refmask.types import FloatArray, ImageFeatures, MaskProposals, UInt8Array

#: Names of tensors, or what they begin with.
PIXELS, PROPOSALS, FEATURES = "image", "proposals/", "features/"


@dataclass(frozen=True, eq=False)
class SceneFile:
    """The content of such a file.

    Attributes:
        path: where it was read from.
        image: uint8 RGB (H, W, 3).
        proposals: N masks of that size.
        model: see ``refmask.fingerprint.of_features``.
        settings: what each array depends on besides, by its name.
        arrays: those of the image features that were worth keeping, by name.
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
        MaskError: when the proposals are too many, or hold more than numbers.
    """
    if path.suffix != ".safetensors":
        raise ConfigurationError(
            f"a scene is saved as .safetensors, not as {path.name}; choose a name that ends so"
        )
    settings = method.image_settings() if len(proposals) else {}
    header = {
        "model": dict(of_features(method.encoder)),
        "settings": settings,
        "proposed_by": proposed_by,
    }
    masks = mask_coding.encode(proposals)
    arrays = {
        PIXELS: image,
        **{PROPOSALS + name: values for name, values in masks.items()},
        **{FEATURES + name: features.arrays[name] for name in settings},
    }
    write_whole(path, pack(SCENE, header, arrays))


def read_scene(path: Path) -> SceneFile:
    """Read a file; nothing in it is run.

    Raises:
        InputError: when it is missing, damaged, too large, or no such file.
    """
    content = read_bytes(path, "a scene", most="unpacked")
    try:
        return _scene(path, *_current(*unpack(SCENE, content)))
    except (Damaged, ImageError, MaskError) as error:
        _refuse(path, str(error))
    except (MemoryError, RecursionError):
        _refuse(path, "it does not fit into memory")


def _scene(path: Path, header: Mapping[str, Any], arrays: Arrays) -> SceneFile:
    try:
        model, proposed_by = Fingerprint(header["model"]), str(header["proposed_by"])
        settings = {name: dict(values) for name, values in header["settings"].items()}
    except MISSHAPEN:
        raise Damaged("its header does not say what its features depend on") from None
    if PIXELS not in arrays:
        raise Damaged("it holds no image")
    image = checked(arrays[PIXELS])
    height, width = image.shape[:2]
    check("pixels", height * width, "its image", Damaged)
    proposals = mask_coding.decode(_named(arrays, PROPOSALS), height, width).checked_for(image)
    features = _named(arrays, FEATURES)
    if features.keys() != settings.keys():
        raise Damaged("its features are not those that its header names")
    return SceneFile(path, image, proposals, model, settings, features, proposed_by)


def _named(arrays: Arrays, prefix: str) -> Arrays:
    """The arrays whose names begin so, without the prefix."""
    return {
        name.removeprefix(prefix): values
        for name, values in arrays.items()
        if name.startswith(prefix)
    }


def _current(header: dict[str, Any], arrays: Arrays) -> tuple[dict[str, Any], Arrays]:
    """The header and tensors of a file of the first format, as they are written today."""
    if header["format"] == f"{SCENE} 1":
        masks = arrays.pop("proposals", np.empty(0)).tobytes()
        arrays |= {PROPOSALS + name: values for name, values in unpack(MASKS, masks)[1].items()}
        arrays |= {PIXELS: arrays[IMAGE]} if IMAGE in arrays else {}
        header = {"proposed_by": "not told", **header, "settings": header.get("parts")}
    return header, arrays


def _refuse(path: Path, reason: str) -> NoReturn:
    raise InputError(
        f"{path} is damaged or no scene that refmask saved: {reason}; encode the image again"
    )
