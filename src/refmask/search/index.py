"""An index with the system that encodes its images and phrases."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np

from refmask.errors import ConfigurationError, ImageError, InputError, RefmaskWarning
from refmask.fingerprint import Fingerprint, describe_masks, of_features, of_image, of_proposer
from refmask.methods import Method
from refmask.ops import rle
from refmask.ops.images import read_image
from refmask.provenance import Provenance
from refmask.scene import Scene
from refmask.search.collection import Collection
from refmask.search.filters import Filters, among
from refmask.search.hits import Hit, grouped
from refmask.search.images import find
from refmask.search.ingest import FAILED, KEPT, Outcome, ingest, remove_missing, tracked_files
from refmask.search.rows import RemoteEncoder, boxes_of, features_of, search_vectors
from refmask.segmenter import Segmenter
from refmask.types import (
    BoolArray,
    ContextFeatures,
    FloatArray,
    MaskProposals,
    TargetPhrase,
    sealed,
)

if TYPE_CHECKING:
    import pyarrow as pa

#: Called with each outcome and the total number of files.
Progress = Callable[[Outcome, int], None]
#: Candidate regions per image wanted, as an image may have many that match,
EACH = 10
#: and the factor for more when the candidates are of too few images.
MORE = 4
#: Prefix of the proposer's settings in the configuration.
PROPOSER = "proposer."
#: Smallest probability whose logarithm is taken.
LEAST = 1e-30


@dataclass(frozen=True, eq=False)
class Index:
    """Regions of many images, searched by phrase.

    Attributes:
        collection: the tables on disk.
        segmenter: encodes images and phrases.
    """

    collection: Collection
    segmenter: Segmenter

    @classmethod
    def open(
        cls, path: str | PathLike[str], segmenter: Segmenter, *, create: bool = False
    ) -> Index:
        """Open the index in a folder.

        Args:
            path: the folder.
            segmenter: its model and image settings must be the index's; alpha, beta and the parser
                may differ.
            create: create an index where there is none. Searches are fastest with the segmenter's
                alpha at that time.

        Raises:
            ConfigurationError: when the folder is no index and ``create`` is False, is damaged, was
                made by another system (naming the differences), or the method does not compare
                masks by cosine.
            MissingResource: when LanceDB is not installed.
        """
        method = segmenter.method.for_search()
        segmenter, features = replace(segmenter, method=method), features_of_method(method)
        if create:
            configuration = features | of_proposer(segmenter.proposer).under(PROPOSER)
            collection = Collection.create(path, configuration, method.alpha, method.encoder.dim)
        else:
            collection = Collection(path)
        indexed = Fingerprint(
            {
                name: value
                for name, value in collection.marker.configuration.items()
                if not name.startswith(PROPOSER)
            }
        )
        _check_same(collection, f"features by {indexed.get('model')}", indexed, features)
        return cls(collection, segmenter)

    def add(
        self,
        images: Iterable[str | PathLike[str]],
        progress: Progress | None = None,
        remote: RemoteEncoder | None = None,
    ) -> Counter[str]:
        """Add images, and have ``update`` add new ones of their folders.

        An interrupted call keeps what it has written, and the next one resumes. Images that cannot
        be read are reported to ``progress`` and left out.

        Args:
            images: files, folders (with all below them), or globs.
            progress: called with each outcome and the number of files, once written.
            remote: encodes images in the segmenter's place, such as on other machines.

        Returns:
            Number of images by ``Outcome.what``.

        Raises:
            ImageError: when a folder or a glob holds no image.
            ConfigurationError: when the index's masks are of another proposer, naming the
                differences, or it cannot be written.
        """
        self._check_masks()
        files, folders = find(images)
        self.collection.watch([file.path for file in files] + folders, folders)
        outcomes = ingest(self.collection, self.segmenter, files, remote)
        return self._count(outcomes, len(files), progress)

    def update(
        self, progress: Progress | None = None, remote: RemoteEncoder | None = None
    ) -> Counter[str]:
        """Follow changes on disk: changed, moved and deleted images, and new ones in added folders.

        Images of a folder that is missing as a whole stay.

        Args:
            progress: as in ``add``.
            remote: as in ``add``.

        Returns:
            As ``add``.

        Raises:
            ConfigurationError: as in ``add``.
        """
        self._check_masks()
        files = tracked_files(self.collection)

        def outcomes() -> Iterator[Outcome]:
            yield from ingest(self.collection, self.segmenter, files, remote)
            yield from remove_missing(self.collection)

        return self._count(outcomes(), len(files), progress)

    def search(
        self,
        phrase: str,
        top: int = 10,
        where: Filters | None = None,
        *,
        regions: int = 3,
        rerank: int = 0,
        exact: bool = False,
    ) -> list[Hit]:
        """Find images with regions that match a phrase.

        Args:
            phrase: a referring expression.
            top: most images, at least 1.
            where: limits the regions that may match.
            regions: most regions per image, at least 1.
            rerank: how many of the best images to order by score plus log probability of the region
                within its image: how far it stands out there. Nothing is encoded again.
            exact: compare every region even if there is an approximate index. Always so with
                another alpha than the index's.

        Returns:
            Best first; fewer than ``top`` when no more match.

        Raises:
            ExpressionError: when the phrase is empty, too long, or no text.
            ConfigurationError: when a number is out of range, or the index is damaged.
        """
        if min(top, regions) < 1 or rerank < 0:
            raise ConfigurationError(
                f"top ({top}) and regions ({regions}) must be at least 1, and rerank ({rerank}) at "
                "least 0"
            )
        (target,) = self.segmenter.parser([phrase])
        text = self.segmenter.cached.encode_text([target])
        hits = self._ranked(text, max(top, rerank), where, regions, exact)
        if rerank:
            hits = self._reranked(hits[:rerank], target) + hits[rerank:]
        (unknown,) = self.segmenter.method.unknown([target])
        return [
            replace(
                hit,
                reason=unknown or target.reading.not_understood or hit.reason,
                provenance=self.provenance,
            )
            for hit in hits[:top]
        ]

    def unknown(self, phrase: str) -> str | None:
        """Why a phrase cannot be searched, or only by some of its words; None if it can.

        Raises:
            ExpressionError: when the phrase is empty, too long, or no text.
        """
        (unknown,) = self.segmenter.method.unknown(self.segmenter.parser([phrase]))
        return unknown

    def scene(self, path: str) -> Scene:
        """The scene of an image, with the proposals and features in the index.

        Args:
            path: absolute, as in a hit.

        Raises:
            ImageError: when the image cannot be read, or has changed since.
            InputError: when it is not in the index.
        """
        indexed = self.collection.images(among("path", [path]))
        if not indexed:
            raise InputError(f"{path} is not in the index; add it first")
        image = read_image(path)
        if of_image(image) != indexed[0].content:
            raise ImageError(f"{path} has changed since it was added; run 'refmask index update'")
        rows = self.collection.rows(path)
        masks: BoolArray = np.zeros((len(rows), *image.shape[:2]), np.bool_)
        for mask, counts in zip(masks, rows.column("counts").to_pylist(), strict=True):
            mask[:] = rle.decode({"size": list(image.shape[:2]), "counts": counts})
        proposals = MaskProposals(sealed(masks), boxes_of(rows))
        made_by = self.provenance.proposals
        return Scene(image, proposals, self.segmenter, features_of(rows), proposed_by=made_by)

    @cached_property
    def provenance(self) -> Provenance:
        """Model, method, proposals and version behind its answers."""
        made_by = describe_masks(self.collection.marker.configuration.part(PROPOSER))
        return replace(self.segmenter.provenance, proposals=made_by)

    def _check_masks(self) -> None:
        indexed = self.collection.marker.configuration.part(PROPOSER)
        _check_same(self.collection, "masks", indexed, of_proposer(self.segmenter.proposer))

    def _count(
        self, outcomes: Iterable[Outcome], files: int, progress: Progress | None
    ) -> Counter[str]:
        counts: Counter[str] = Counter()
        for outcome in outcomes:
            counts[outcome.what] += 1
            if progress is not None:
                progress(outcome, files)
        if counts.keys() - {KEPT, FAILED}:
            self.collection.optimize()
        return counts

    def _ranked(
        self, text: ContextFeatures, top: int, where: Filters | None, regions: int, exact: bool
    ) -> list[Hit]:
        """The best images by the score of their best region."""
        method, sql = self.segmenter.method.for_search(), (where or Filters()).sql()
        exact = exact or method.alpha != self.collection.marker.alpha

        def score(features: ContextFeatures) -> FloatArray:
            return np.asarray(method.score(features, text)[0])

        limit = EACH * top
        while True:
            rows = (
                self.collection.best(score, limit, sql)
                if exact
                else self.collection.nearest(search_vectors(text, method.beta)[0], limit, sql)
            )
            hits = self._grouped(rows, score(features_of(rows)), regions)
            if len(hits) >= top or len(rows) < limit:
                return hits[:top]
            limit *= MORE

    def _grouped(self, rows: pa.Table, scores: FloatArray, regions: int) -> list[Hit]:
        paths = sorted(set(rows.column("path").to_pylist()))
        images = self.collection.images(among("path", paths)) if paths else []
        return grouped(rows, scores, {image.path: image for image in images}, regions)

    def _reranked(self, hits: list[Hit], target: TargetPhrase) -> list[Hit]:
        """Hits re-ranked by their scenes; those whose image is gone or has changed come last."""
        ranked, failed = [], []
        for hit in hits:
            try:
                ranked.append(_rerank(hit, self.scene(hit.path), target))
            except ImageError as error:
                warnings.warn(f"not re-ranked: {error}", RefmaskWarning, stacklevel=3)
                failed.append(hit)
        return [hit for _, hit in sorted(ranked, key=lambda pair: -pair[0])] + failed


def features_of_method(method: Method) -> Fingerprint:
    """What an index's features depend on. Reads the weights' file to hash it.

    Raises:
        ConfigurationError: when the model's weights are not a file.
    """
    found = of_features(method.encoder)
    for part, settings in method.image_settings().items():
        found |= Fingerprint(settings).under(f"{part}.")
    return found


def _check_same(
    collection: Collection, rows: str, indexed: Fingerprint, system: Mapping[str, Any]
) -> None:
    """Refuse a system whose rows would differ from the index's, naming the differences."""
    differing = indexed.summary(system)
    if differing:
        raise ConfigurationError(
            f"the index {collection.folder} holds {rows} with {differing}; use the model, "
            "proposals and settings that it was made with, or another index"
        )


def _rerank(hit: Hit, scene: Scene, target: TargetPhrase) -> tuple[float, Hit]:
    """A hit's rank, and the hit with the confidence in its best region.

    Images that do not show what is asked for come last.
    """
    (answer,) = scene.find_phrases([target])
    number = hit.regions[0].number
    # Filters may exclude the scene's answer, or it may be a better drawing of this region.
    drawn = any(scene.drawings_of(thing)[number] for thing in answer.chosen)
    if not (drawn or answer.absent):
        answer = replace(answer, share=float(answer.probabilities[number]))
    rank = hit.score + math.log(max(answer.share, LEAST))
    return rank, replace(hit, confidence=answer.confidence, reason=answer.reason)
