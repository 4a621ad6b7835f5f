"""The models that refmask knows by name: shipped with it, or published by others.

Any other model of open_clip, timm or transformers can be used as well; ``refmask models`` lists
these, with place, licence and size. Sizes are the numbers of parameters times their bytes; the
SHA-256 stands where the file itself was at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

#: How pixels are normalised; as usual where it is absent.
PREPROCESSING = "preprocessor_config.json"


@dataclass(frozen=True)
class Shipped:
    """A model that comes with the package.

    Attributes:
        purpose: what it does, and the setting that chooses it.
        folder: its name in ``assets/``.
        licence: of the model's files.
        sha256: over all its files, as ``hashing.sha256_of_folder`` computes it.
    """

    purpose: str
    folder: str
    licence: str
    sha256: str

    @property
    def path(self) -> Path:
        """Its folder."""
        return Path(str(files("refmask") / "assets" / self.folder))


@dataclass(frozen=True)
class Published:
    """A model on the Hugging Face hub.

    Attributes:
        purpose: what it does, and the setting that chooses it.
        repository: ``ORG/REPO``.
        files: names in the repository, that of the weights first.
        licence: as its publisher states it.
        megabytes: about how large the weights are.
        local: the setting for a file or folder that was fetched by other means.
        restricted: the licence forbids something that Apache-2.0 allows; a warning names it before
            the first download.
        sha256: of the weights file, where it is known beforehand.
    """

    purpose: str
    repository: str
    files: tuple[str, ...]
    licence: str
    megabytes: int
    local: str
    restricted: bool = False
    sha256: str | None = None

    @property
    def needed(self) -> tuple[str, ...]:
        """Those of ``files`` without which it cannot be used."""
        return tuple(file for file in self.files if file != PREPROCESSING)


def _clip(name: str, repository: str, megabytes: int) -> Published:
    return Published(
        purpose=f"scores masks: `model={name}` `weights=openai`",
        repository=f"timm/{repository}.openai",
        files=("open_clip_model.safetensors",),
        licence="MIT",
        megabytes=megabytes,
        local="`weights=FILE`",
    )


def _sam(spec: str, repository: str, megabytes: int) -> Published:
    return Published(
        purpose=f"masks: `proposals={spec}:model=facebook/{repository}`",
        repository=f"facebook/{repository}",
        files=("model.safetensors", "config.json", PREPROCESSING),
        licence="Apache-2.0",
        megabytes=megabytes,
        local=f"`proposals={spec}:model=FOLDER`",
    )


def _dino(name: str, megabytes: int) -> Published:
    return Published(
        purpose=f"features: `proposals=maskcut:backbone=timm/{name}`",
        repository=f"timm/{name}",
        files=("model.safetensors",),
        licence="Apache-2.0",
        megabytes=megabytes,
        local="`proposals=maskcut:weights=FILE`",
    )


SHIPPED = {
    "embedded": Shipped(
        purpose="scores masks of emoji scenes: `model=embedded`",
        folder="clip",
        licence="Apache-2.0",
        sha256="6a2fa4b2d43073c6d0f5882086535a149c373c1970304c48727c7a3bf3718b00",
    ),
    "embedded-parser": Shipped(
        purpose="finds noun phrases: `parser=embedded`, the default",
        folder="parser",
        licence="CC BY-SA 4.0",
        sha256="adfdc3fc15614bcd5c3fa8b12ed8e14ec5e14fbfc5408184327b85df1841d8c0",
    ),
}

PUBLISHED = {
    "openai-vit-b-32": _clip("ViT-B-32-quickgelu", "vit_base_patch32_clip_224", 605),
    "openai-vit-b-16": _clip("ViT-B-16-quickgelu", "vit_base_patch16_clip_224", 598),
    "openai-vit-l-14": _clip("ViT-L-14-quickgelu", "vit_large_patch14_clip_224", 1710),
    "openai-rn50": _clip("RN50-quickgelu", "resnet50_clip", 408),
    "freesolo": Published(
        purpose="the paper's masks: `proposals=freesolo`",
        repository="xinlongwang/FreeSOLO",
        files=("FreeSOLO_R101_30k_pl.pth",),
        licence="NVIDIA Source Code License-NC (non-commercial use only)",
        megabytes=264,
        local="`proposals=freesolo:weights=FILE`",
        restricted=True,
    ),
    "sam-vit-base": _sam("sam", "sam-vit-base", 375),
    "sam-vit-large": _sam("sam", "sam-vit-large", 1249),
    "sam-vit-huge": _sam("sam", "sam-vit-huge", 2564),
    "sam2.1-hiera-tiny": _sam("sam2", "sam2.1-hiera-tiny", 156),
    "sam2.1-hiera-small": _sam("sam2", "sam2.1-hiera-small", 184),
    "sam2.1-hiera-base-plus": _sam("sam2", "sam2.1-hiera-base-plus", 323),
    "sam2.1-hiera-large": _sam("sam2", "sam2.1-hiera-large", 898),
    "dino-vit-s-8": _dino("vit_small_patch8_224.dino", 87),
    "dino-vit-b-8": _dino("vit_base_patch8_224.dino", 343),
}
