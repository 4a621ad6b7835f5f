"""An index with the system that looks at its images and reads phrases."""

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
from refmask.search.ingest import FAILED, KEPT, Outcome, take
from refmask.search.rows import Elsewhere, boxes_of, features_of, searched
from refmask.search.updating import leave, there
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

#: Told of each outcome, and of how many files there are in all.
Tell = Callable[[Outcome, int], None]
#: An image may have many regions that fit: so many candidates for each image asked for,
EACH = 10
#: and so many times as many when they turn out to be of too few images.
MORE = 4
#: How the names of what masks depend on begin.
PROPOSER = "proposer."
#: Probability whose logarithm is still a number.
LEAST = 1e-30


@dataclass(frozen=True, eq=False)
class Index:
    """Regions of many images, to be asked as one asks a scene.

    Attributes:
        collection: what is held, on disk.
        segmenter: looks at images and reads phrases.
    """

    collection: Collection
    segmenter: Segmenter

    @classmethod
    def open(
        cls, path: str | PathLike[str], segmenter: Segmenter, *, create: bool = False
    ) -> Index:
        """The index in a folder.

        Args:
            path: the folder.
            segmenter: its model and what its method does with images must be those that the index
                was made with; alpha, beta and the parser need not.
            create: make a new index where there is none. It keeps the segmenter's alpha: that one
                is searched fastest.

        Raises:
            ConfigurationError: when the folder is no index and not to become one, is damaged, was
                made by another system (naming the differences), or the method does not compare
                masks by cosine.
            MissingResource: when LanceDB is not installed.
        """
        method = segmenter.method.for_search()
        segmenter, features = replace(segmenter, method=method), features_of_method(method)
        if create:
            whole = features | of_proposer(segmenter.proposer).under(PROPOSER)
            collection = Collection.create(path, whole, method.alpha, method.encoder.dim)
        else:
            collection = Collection(path)
        there = collection.marker.configuration
        own = {name: v for name, v in there.items() if not name.startswith(PROPOSER)}
        _check_same(collection, f"features by {there.get('model')}", Fingerprint(own), features)
        return cls(collection, segmenter)

    def add(
        self,
        images: Iterable[str | PathLike[str]],
        tell: Tell | None = None,
        elsewhere: Elsewhere | None = None,
    ) -> Counter[str]:
        """Take images in, and have ``update`` look after folders.

        What was taken in stays when this is interrupted, and a second call goes on from there. An
        image that cannot be read is told and left out.

        Args:
            images: files, folders (with all below them), or globs.
            tell: told of each outcome and of the number of files, as they are written.
            elsewhere: looks at the images instead of the segmenter, such as on other machines.

        Returns:
            How many images by what became of them, see ``Outcome.what``.

        Raises:
            ImageError: when a folder or a glob holds no image.
            ConfigurationError: when the masks of the index were made otherwise, naming the
                differences, or it cannot be written.
        """
        self._check_masks()
        files, folders = find(images)
        self.collection.watch([file.path for file in files] + folders, folders)
        outcomes = take(self.collection, self.segmenter, files, elsewhere)
        return self._follow(outcomes, len(files), tell)

    def update(self, tell: Tell | None = None, elsewhere: Elsewhere | None = None) -> Counter[str]:
        """Notice what has changed on disk since: changed, moved and deleted images, and new ones.

        New are those in folders that were added. Images of a folder that is gone as a whole stay.

        Args:
            tell: as ``add``.
            elsewhere: as ``add``.

        Returns:
            As ``add``.

        Raises:
            ConfigurationError: as ``add``.
        """
        self._check_masks()
        files = there(self.collection)

        def outcomes() -> Iterator[Outcome]:
            yield from take(self.collection, self.segmenter, files, elsewhere)
            yield from leave(self.collection)

        return self._follow(outcomes(), len(files), tell)

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
        """The images that hold what a phrase refers to, and where.

        Args:
            phrase: a referring expression.
            top: how many images, at least 1.
            where: which regions may be found.
            regions: how many regions of each image are given, at most; at least 1.
            rerank: ask the scenes of so many of the best images: their probability tells how far
                a region stands out within its image, and the order becomes that of the score plus
                its logarithm. Nothing is looked at again.
            exact: compare every region, also where there is an approximate index. With another
                alpha than the index was made with this is always so.

        Returns:
            Best first; fewer than ``top`` when there are no more.

        Raises:
            ExpressionError: when the phrase is empty, too long, or no text.
            ConfigurationError: when a number is out of range, or the index is damaged.
        """
        if min(top, regions) < 1 or rerank < 0:
            raise ConfigurationError(
                f"expected top and regions of at least 1 and rerank of at least 0, got {top}, "
                f"{regions} and {rerank}; correct them"
            )
        (target,) = self.segmenter.parser([phrase])
        text = self.segmenter.cached.encode_text([target])
        hits = self._found(text, max(top, rerank), where, regions, exact)
        if rerank:
            hits = self._reranked(hits[:rerank], target) + hits[rerank:]
        (unknown,) = self.segmenter.method.unknown([target])
        return [
            replace(hit, reason=unknown or target.beyond or hit.reason, provenance=self.provenance)
            for hit in hits[:top]
        ]

    def unknown(self, phrase: str) -> str | None:
        """Why nothing can be found by a phrase, or only by another of its words; None if it can.

        Raises:
            ExpressionError: when the phrase is empty, too long, or no text.
        """
        (unknown,) = self.segmenter.method.unknown(self.segmenter.parser([phrase]))
        return unknown

    def scene(self, path: str) -> Scene:
        """The scene of an image, as it was looked at when it was added.

        Args:
            path: absolute, as a hit tells it.

        Raises:
            ImageError: when the image cannot be read, or has changed since.
            InputError: when it is not in the index.
        """
        found = self.collection.images(among("path", [path]))
        if not found:
            raise InputError(f"expected an image of the index, got {path}; add it first")
        image = read_image(path)
        if of_image(image) != found[0].content:
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
        """Where its answers come from."""
        made_by = describe_masks(self.collection.marker.configuration.part(PROPOSER))
        return replace(self.segmenter.provenance, proposals=made_by)

    def _check_masks(self) -> None:
        there = self.collection.marker.configuration.part(PROPOSER)
        _check_same(self.collection, "masks", there, of_proposer(self.segmenter.proposer))

    def _follow(self, outcomes: Iterable[Outcome], files: int, tell: Tell | None) -> Counter[str]:
        counted: Counter[str] = Counter()
        for outcome in outcomes:
            counted[outcome.what] += 1
            if tell is not None:
                tell(outcome, files)
        if counted.keys() - {KEPT, FAILED}:
            self.collection.settle()
        return counted

    def _found(
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
                else self.collection.nearest(searched(text, method.beta)[0], limit, sql)
            )
            hits = self._grouped(rows, score(features_of(rows)), regions)
            if len(hits) >= top or len(rows) < limit:
                return hits[:top]
            limit *= MORE

    def _grouped(self, rows: pa.Table, scores: FloatArray, regions: int) -> list[Hit]:
        paths = sorted(set(rows.column("path").to_pylist()))
        found = self.collection.images(among("path", paths)) if paths else []
        return grouped(rows, scores, {image.path: image for image in found}, regions)

    def _reranked(self, hits: list[Hit], target: TargetPhrase) -> list[Hit]:
        """Hits asked by their scenes; those whose image is gone or has changed come last."""
        asked, left = [], []
        for hit in hits:
            try:
                asked.append(_asked(hit, self.scene(hit.path), target))
            except ImageError as error:
                warnings.warn(f"not re-ranked: {error}", RefmaskWarning, stacklevel=3)
                left.append(hit)
        return [hit for _, hit in sorted(asked, key=lambda pair: -pair[0])] + left


def features_of_method(method: Method) -> Fingerprint:
    """What an index's features depend on; nothing is computed, but the weights' file is read.

    Raises:
        ConfigurationError: when the model's weights are no file.
    """
    found = of_features(method.encoder)
    for part, settings in method.image_settings().items():
        found |= Fingerprint(settings).under(f"{part}.")
    return found


def _check_same(
    collection: Collection, made: str, there: Fingerprint, here: Mapping[str, Any]
) -> None:
    """Refuse a system whose rows would not be those of an index, naming the differences."""
    differ = there.summary(here)
    if differ:
        raise ConfigurationError(
            f"the index {collection.folder} holds {made} with {differ}; use the model, proposals "
            "and settings that it was made with, or another index"
        )


def _asked(hit: Hit, scene: Scene, target: TargetPhrase) -> tuple[float, Hit]:
    """What a hit is ranked by, and the hit with the confidence in its best region."""
    (answer,) = scene.find_phrases([target])
    number = hit.regions[0].number
    # The scene's answer may be another region than those that may be found, or a better drawing.
    if answer.best is None or not scene.drawings_of(answer.best)[number]:
        answer = replace(answer, share=float(answer.probabilities[number]))
    rank = hit.score + math.log(max(answer.share, LEAST))
    return rank, replace(hit, confidence=answer.confidence, reason=answer.reason)
