"""Where the proposals of an evaluation come from: a proposer, given masks, or the ground truth."""

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

#: The word for the data set's own instances.
INSTANCES = "instances"
#: How given masks are asked for.
MASKS = "masks:"


class ProposalSource(Protocol):
    """Offers masks for the images of a data set."""

    def propose(self, sample: Sample) -> MaskProposals:
        """Masks to choose from for all queries of an image."""
        ...

    def configuration(self) -> dict[str, Any]:
        """What the masks depend on: what JSON can hold."""
        ...


@dataclass(frozen=True)
class Proposed:
    """Masks of a proposer.

    Attributes:
        proposer: one that tells its configuration.
    """

    proposer: MaskProposer

    def propose(self, sample: Sample) -> MaskProposals:
        """What the proposer makes of the image."""
        return self.proposer.propose(sample.image)

    def configuration(self) -> dict[str, Any]:
        """The proposer's.

        Raises:
            ConfigurationError: when it cannot tell.
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
            ConfigurationError: when the data set knows none.
        """
        instances = sample.instances
        if instances is None:
            raise ConfigurationError(
                f"expected instances with image {sample.id}, the data set knows none; choose "
                "other proposals"
            )
        return self.refinement(instances[np.flatnonzero(instances.masks.any(axis=(1, 2)))])

    def configuration(self) -> dict[str, Any]:
        """Their name and the refinement; the masks are the data set's."""
        return _refined({"proposer": INSTANCES}, self.refinement)


@dataclass(frozen=True)
class Given:
    """Masks that were made elsewhere, ``masks:PATH``; ``{stem}`` stands for the image's id.

    Attributes:
        spec: as ``refmask.proposals.load_proposer`` takes it.
        images: ids of those that will be asked.
        refinement: applied to them.

    Raises:
        MaskError: when there are none for some images.
    """

    spec: str
    images: Sequence[str]
    refinement: Refinement

    def __post_init__(self) -> None:
        absent = [place for place in self._places() if not place.exists()]
        if absent:
            raise MaskError(
                f"expected masks for {len(self.images)} images, {len(absent)} of their files "
                f"are not there, first {absent[0]}; in 'masks:PATH', {{stem}} stands for the "
                "image's id"
            )

    def propose(self, sample: Sample) -> MaskProposals:
        """The given masks of the image.

        Raises:
            MaskError: when they cannot be read or are of another size.
        """
        return self.refinement(load_proposer(self.spec, sample.id).propose(sample.image))

    def configuration(self) -> dict[str, Any]:
        """SHA-256 over all their files, and the refinement."""
        digest = hashlib.sha256()
        for place in self._places():
            one = sha256_of_folder(place) if place.is_dir() else sha256_of(place)
            digest.update(one.encode())
        return _refined({"proposer": "masks", "sha256": digest.hexdigest()}, self.refinement)

    def _places(self) -> list[Path]:
        path = self.spec.removeprefix(MASKS)
        named = (path.replace("{stem}", image) for image in self.images)
        return [Path(place) for place in dict.fromkeys(named)]


def _refined(told: dict[str, Any], refinement: Refinement) -> dict[str, Any]:
    usual, asked = asdict(Refinement()), asdict(refinement)
    changed = {name: value for name, value in asked.items() if value != usual[name]}
    return told | {f"refinement.{name}": value for name, value in changed.items()}
