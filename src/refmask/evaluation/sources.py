"""Where the proposals of an evaluation come from: a proposer, mask files, or the ground truth."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from refmask.errors import ConfigurationError, MaskError
from refmask.fingerprint import of_proposer
from refmask.proposals import load_proposer
from refmask.proposals.refine import Refinement
from refmask.types import MaskProposals, MaskProposer, Sample
from refmask.weights.hashing import sha256_of, sha256_of_folder

#: Specification of the data set's own instances.
INSTANCES = "instances"
#: Prefix of a specification of mask files.
MASKS = "masks:"


class ProposalSource(Protocol):
    """Offers masks for the images of a data set."""

    def propose(self, sample: Sample) -> MaskProposals:
        """Masks to choose from for all queries of an image."""
        ...

    def configuration(self) -> dict[str, Any]:
        """What the masks depend on, as JSON values."""
        ...


@dataclass(frozen=True)
class Proposed:
    """Masks of a proposer.

    Attributes:
        proposer: a ``ConfiguredProposer``, so that its settings can be recorded.
    """

    proposer: MaskProposer

    def propose(self, sample: Sample) -> MaskProposals:
        """The proposer's masks of the image."""
        return self.proposer.propose(sample.image)

    def configuration(self) -> dict[str, Any]:
        """The proposer's configuration.

        Raises:
            ConfigurationError: when it has none.
        """
        return dict(of_proposer(self.proposer))


@dataclass(frozen=True)
class Instances:
    """The ground-truth instances of each image (the paper's table 2).

    Attributes:
        refinement: applied to them.
    """

    refinement: Refinement

    def propose(self, sample: Sample) -> MaskProposals:
        """The image's instances that have a pixel.

        Raises:
            ConfigurationError: when the data set has no instances.
        """
        instances = sample.instances
        if instances is None:
            raise ConfigurationError(
                f"the data set has no instances for image {sample.id}; choose other proposals"
            )
        return self.refinement(instances[np.flatnonzero(instances.masks.any(axis=(1, 2)))])

    def configuration(self) -> dict[str, Any]:
        """Their name and the refinement; the masks are the data set's."""
        return {"proposer": INSTANCES} | _changed(self.refinement)


@dataclass(frozen=True)
class MaskFiles:
    """Masks from files, ``masks:PATH``; ``{stem}`` in PATH stands for the image's id.

    Attributes:
        spec: as ``refmask.proposals.load_proposer`` takes it.
        images: ids of the images to be evaluated.
        refinement: applied to the masks.

    Raises:
        MaskError: when files are missing.
    """

    spec: str
    images: Sequence[str]
    refinement: Refinement

    def __post_init__(self) -> None:
        absent = [path for path in self._paths() if not path.exists()]
        if absent:
            raise MaskError(
                f"{len(absent)} mask files for the {len(self.images)} images do not exist, the "
                f"first is {absent[0]}; check the path: in 'masks:PATH', {{stem}} stands for the "
                "image's id"
            )

    def propose(self, sample: Sample) -> MaskProposals:
        """The masks of the image.

        Raises:
            MaskError: when they cannot be read or are of another size.
        """
        return self.refinement(load_proposer(self.spec, sample.id).propose(sample.image))

    def configuration(self) -> dict[str, Any]:
        """SHA-256 over all files, and the refinement."""
        digest = hashlib.sha256()
        for path in self._paths():
            content = sha256_of_folder(path) if path.is_dir() else sha256_of(path)
            digest.update(content.encode())
        return {"proposer": "masks", "sha256": digest.hexdigest()} | _changed(self.refinement)

    def _paths(self) -> list[Path]:
        path = self.spec.removeprefix(MASKS)
        named = (path.replace("{stem}", image) for image in self.images)
        return [Path(name) for name in dict.fromkeys(named)]


def _changed(refinement: Refinement) -> dict[str, Any]:
    """The settings of a refinement that are not the defaults, by name."""
    defaults = asdict(Refinement())
    settings = asdict(refinement).items()
    return {f"refinement.{name}": value for name, value in settings if value != defaults[name]}
