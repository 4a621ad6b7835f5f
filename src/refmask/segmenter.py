"""The system in the order of the paper's figure 2: propose, encode, score, answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from typing import Any

from refmask.cache.features import FeatureCache
from refmask.cache.method import CachedMethod, TextCache
from refmask.fingerprint import describe_method, describe_proposer, model_name
from refmask.methods import Method
from refmask.ops.images import ImageInput, read_image
from refmask.ops.processes import check_process
from refmask.provenance import Provenance, label_of
from refmask.scene import Scene
from refmask.selection import ONE, RULES, Calibration, Rules, common_phrases
from refmask.terms import spell_terms
from refmask.text.parser import PhraseParser
from refmask.types import ContextFeatures, MaskProposals, MaskProposer, unchanging

#: What answers tell of masks that came from elsewhere.
GIVEN = "given"


@dataclass(frozen=True, eq=False)
class Segmenter:
    """A proposer, a method and a parser.

    Attributes:
        proposer: where class-agnostic masks come from.
        method: encodes masks and phrases, and scores them.
        parser: finds the target noun phrase of expressions.
        features: where image features are cached on disk; None for nowhere.
        terms: weights of what is added to the method's score, by name; see ``refmask.terms``.
        consensus: answer with the mask of the greatest expected IoU instead of the most probable
            one: where proposals are many guesses at the extent of one thing, the guess that the
            others agree with is right more often.
        calibration: what the model's scores mean; None where nothing may be made of them.
        rules: how many things an answer may be.
        texts: features of phrases, in memory.
    """

    proposer: MaskProposer
    method: Method
    parser: PhraseParser
    features: FeatureCache | None = None
    terms: Mapping[str, float] = field(default_factory=dict)
    consensus: bool = False
    calibration: Calibration | None = None
    rules: Rules = ONE
    texts: TextCache = field(default_factory=TextCache, init=False, repr=False)

    @cached_property
    def cached(self) -> CachedMethod:
        """The method, with its features cached: on disk where ``features`` is, texts in memory."""
        return CachedMethod(self.method, self.features, self.texts)

    @cached_property
    def common(self) -> ContextFeatures:
        """The method's features of common nouns, which a phrase's noun is compared with."""
        return self.texts.encode_together(self.method, tuple(common_phrases()))

    def varied(self, **choice: Any) -> Segmenter:
        """A copy with other terms, rules or blend weights of the method; it shares the texts.

        Args:
            choice: fields on which the features of images and texts do not depend.
        """
        copy = replace(self, **choice)
        object.__setattr__(copy, "texts", self.texts)
        return copy

    @property
    def calibrated(self) -> bool:
        """Whether a confidence was fitted; the released code's are taken as they are."""
        return self.calibration is None or bool(self.calibration.fitted)

    @property
    def rules_out(self) -> bool:
        """Whether presence was fitted, so that what is unlikely to be there is called absent."""
        return self.calibrated and (self.calibration is None or not self.calibration.guessed)

    @property
    def choice(self) -> dict[str, Any]:
        """What choosing depends on beside the method: terms, consensus, rules, calibration."""
        used = {name: weight for name, weight in self.terms.items() if weight}
        choice: dict[str, Any] = {"terms": spell_terms(used)} if used else {}
        if self.consensus:
            choice["consensus"] = True
        if self.rules != ONE:
            choice["answers"] = next(name for name, rules in RULES.items() if rules == self.rules)
        if self.calibration is not None and self.calibrated:
            choice["calibration"] = str(self.calibration)
        return choice

    @cached_property
    def provenance(self) -> Provenance:
        """Where its answers come from; the weights are read through when this is first asked for.

        Raises:
            WeightsError: when they cannot be read any more.
        """
        encoder = self.method.encoder
        return Provenance(
            model=model_name(encoder),
            weights=encoder.weights_sha256,
            proposals=describe_proposer(self.proposer),
            method=describe_method(self.method, self.choice),
            version=version("refmask"),
            label=label_of(encoder.name),
        )

    def __repr__(self) -> str:
        """One line: where its answers come from."""
        return f"<Segmenter of {self.provenance}>"

    def look(
        self,
        image: ImageInput,
        proposals: MaskProposals | None = None,
        *,
        tell: Callable[[str], object] = lambda _: None,
    ) -> Scene:
        """Look at an image once; then ask the scene as often as you like.

        Args:
            image: path, PIL image or array; see ``refmask.ops.images.read_image``.
            proposals: masks to choose from instead of the proposer's.
            tell: told of each slow step before it begins.

        Raises:
            ImageError: when the image cannot be read.
            MaskError: when the proposals are of another size, or one of them is empty.
            ConfigurationError: in a process that was forked after a model was loaded.
        """
        check_process()
        pixels = unchanging(read_image(image))
        proposed_by = None if proposals is None else GIVEN
        if proposals is None:
            tell("proposing masks")
            proposals = self.proposer.propose(pixels)
        tell("looking at them")
        features = self.cached.encode_image(pixels, proposals.checked_for(pixels))
        return Scene(pixels, proposals, self, features, proposed_by)
