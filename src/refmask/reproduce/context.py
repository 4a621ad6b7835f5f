"""Where an experiment runs: data, models, proposals, and the folder that takes what it makes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from refmask import compat as compatibility
from refmask.cache.features import FeatureCache
from refmask.clip import ClipBackbone, load_clip
from refmask.data import Dataset, load_dataset
from refmask.errors import ConfigurationError, ImageError
from refmask.evaluation.comparing import RunRecords, read_run
from refmask.evaluation.evaluate import Evaluation
from refmask.evaluation.scoring import read_predictions
from refmask.evaluation.sources import Instances, ProposalSource, Proposed
from refmask.evaluation.summary import Summary
from refmask.evaluation.system import SegmenterSystem, System
from refmask.factory import assemble, wrap_proposer
from refmask.limits import STORE
from refmask.methods import PRESETS
from refmask.ops.files import write_whole
from refmask.proposals import load_proposer, shared
from refmask.proposals.refine import Refinement
from refmask.reproduce.table import Table
from refmask.segmenter import Segmenter
from refmask.text.parser import PhraseParser
from refmask.types import MaskProposer, Sample


@dataclass(frozen=True)
class Column:
    """A split of a data set, as a table's column.

    Attributes:
        label: as printed.
        dataset: as ``load_dataset`` takes it.
        split: such as "val".
        split_by: of RefCOCOg.
        subset: of PhraseCut.
    """

    label: str
    dataset: str
    split: str
    split_by: str | None = None
    subset: str = "all"


#: Image towers of the paper, and the models they are, with OpenAI's weights.
VIT, RESNET = "ViT-B/32", "RN50"
PAPER_MODELS = {VIT: "ViT-B-32-quickgelu", RESNET: "RN50-quickgelu"}

#: The scenes stand for every data set where the paper's are not there.
SCENES = (Column("scenes val", "scenes", "val"), Column("scenes test", "scenes", "test"))
REFCOCOG_VAL = Column("RefCOCOg val (U)", "refcocog", "val", "umd")


@dataclass(frozen=True)
class ExperimentContext:
    """Everything that experiments have in common.

    Attributes:
        out: the folder for what they make.
        root: the folder of the paper's data; None for the shipped scenes.
        models: (model, weights) as ``load_clip`` takes them, by image tower; a tower that is not
            there is left out of tables.
        more_vits: further vision transformers, by any name, for what is asked of each of them.
        proposals: a specification of a proposer; None for FreeSOLO, or ``grouping`` on scenes.
        store: a folder where proposals and features are kept, and taken from; one in ``out`` when
            None.
        store_limit: see ``refmask.load``.
        first: only the first so many images of each split.
        missing: "stop" or "skip" images that cannot be read.
        compat: "default" or "reference".
        parser: see ``refmask.load``.
        device: see ``refmask.load``.
        precision: see ``refmask.load``.
        predictions: files of masks of other systems, by the name they are drawn with.
        say: told what is under way.
    """

    out: Path
    root: Path | None = None
    models: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    more_vits: Mapping[str, tuple[str, str | None]] = field(default_factory=dict)
    proposals: str | None = None
    store: str | None = None
    store_limit: str | int = STORE
    first: int | None = None
    missing: str = "stop"
    compat: str = "default"
    parser: str = "embedded"
    device: str = "auto"
    precision: str = "auto"
    predictions: Mapping[str, Path] = field(default_factory=dict)
    say: Callable[[str], object] = print

    @property
    def on_scenes(self) -> bool:
        """Whether the shipped scenes stand for the paper's data."""
        return self.root is None

    def columns(self, wanted: tuple[Column, ...]) -> tuple[Column, ...]:
        """The paper's columns, or the scenes' in their place."""
        return SCENES if self.on_scenes else wanted

    def dataset(self, column: Column) -> Dataset:
        """The split of a column, read by the rules of ``compat``."""
        apart = compatibility.by_name(self.compat, "vit").overlap_is_background
        return load_dataset(
            column.dataset,
            column.split,
            self.root,
            split_by=column.split_by,
            subset=column.subset,
            overlap_is_background=apart,
        )

    def samples(self, column: Column) -> Iterator[Sample]:
        """The images of a split, with what is asked about them.

        Raises:
            ImageError: when an image cannot be read and none may be missing.
        """
        dataset = self.dataset(column)
        for image in dataset.ids[: self.first]:
            try:
                sample = dataset.sample(image)
            except ImageError as error:
                if self.missing == "stop":
                    raise
                self.say(f"left out: {error}")
                continue
            if sample.queries:
                yield sample

    def tower_name(self, tower: str) -> str:
        """The tower's name in the paper, or the model that stands for it."""
        if tower in self.more_vits:
            return tower
        model, _ = self._model(tower)
        return tower if model == PAPER_MODELS.get(tower) else Path(model).name

    def segmenter(self, tower: str, method: str, column: Column, **settings: Any) -> Segmenter:
        """A method with an image tower, blended as the paper does it on that data set."""
        preset = column.dataset if column.dataset in PRESETS else None
        return assemble(
            self._clip(tower),
            self.proposer,
            method=method,
            preset=preset,
            settings=settings,
            parser=self.phrase_parser,
            compat=self.compat,
            features=self.features,
        )

    def evaluate(
        self, column: Column, segmenter: Segmenter, name: str, *, instances: bool = False
    ) -> Summary:
        """The summary of a run, which goes on where an earlier one was broken off.

        Args:
            column: what is asked.
            segmenter: who answers.
            name: the run's, beside the column's.
            instances: the data set's own instances are the proposals (the paper's table 2).
        """
        evaluation, folder = self._run(column, _choosing(segmenter, instances), name)
        return evaluation.run(folder)

    def answers(
        self, column: Column, segmenter: Segmenter, name: str, *, instances: bool = False
    ) -> RunRecords:
        """As ``evaluate``, but with the record of every expression."""
        evaluation, folder = self._run(column, _choosing(segmenter, instances), name)
        evaluation.run(folder)
        return read_run(folder)

    def score(self, column: Column, predictions: Path, name: str) -> Summary:
        """The summary of a run of another system's masks, as ``refmask score`` counts them."""
        rules = compatibility.by_name(self.compat, "vit")
        evaluation, folder = self._run(column, read_predictions(predictions, rules), name)
        return evaluation.run(folder)

    def others(self, column: Column) -> dict[str, Path]:
        """Files of other systems' masks on a column, by the system's name.

        ``{dataset}``, ``{split}`` and ``{split_by}`` in a path stand for the column's; a file that
        is not there then means that the system has no masks for it. Those named ``NAME@K`` are
        figure 4's.
        """
        words = {"dataset": column.dataset, "split": column.split, "split_by": column.split_by}
        found = {}
        for name, path in self.predictions.items():
            text = str(path)
            for word, value in words.items():
                text = text.replace(f"{{{word}}}", value or "")
            if "@" not in name and (text == str(path) or Path(text).is_file()):
                found[name] = Path(text)
        return found

    def write(self, name: str, content: str) -> Path:
        """Write a text file into ``out``; returns where it is."""
        path = self.out / name
        write_whole(path, content.encode())
        return path

    def write_table(self, table: Table, name: str) -> list[Path]:
        """Write a table as Markdown and as CSV into ``out``."""
        return [
            self.write(f"{name}.md", table.markdown()),
            self.write(f"{name}.csv", table.csv()),
        ]

    @property
    def proposer_name(self) -> str:
        """The specification's, without its settings."""
        return self._spec.partition(":")[0]

    @cached_property
    def proposer(self) -> MaskProposer:
        """Where masks come from."""
        uncapped = compatibility.by_name(self.compat, "vit").uncapped_proposals
        asked = shared(self.device, self._precision, uncapped)
        # Every method looks at the same masks, so they are made once.
        made = self.proposer_name not in ("masks", "store")
        store = self._store if self.store or made else None
        return wrap_proposer(load_proposer(self._spec, defaults=asked), store)

    @cached_property
    def features(self) -> FeatureCache:
        """Where features are kept: methods and sweeps share many of them."""
        return FeatureCache(self._store, self.store_limit)

    @cached_property
    def phrase_parser(self) -> PhraseParser:
        """Finds noun phrases."""
        record = compatibility.by_name(self.compat, "vit")
        return PhraseParser(self.parser, reference=record.released_phrases)

    @property
    def _store(self) -> str:
        return self.store or str(self.out / "proposals")

    @property
    def _spec(self) -> str:
        return self.proposals or ("grouping" if self.on_scenes else "freesolo")

    @property
    def _precision(self) -> str:
        return "fp32" if self.compat == "reference" else self.precision

    def _run(self, column: Column, system: System, name: str) -> tuple[Evaluation, Path]:
        """An evaluation, and the folder of its run."""
        evaluation = Evaluation(self.dataset(column), system, self.first, self.missing)
        mark = evaluation.configuration.short
        label = f"{column.label}-{name}".lower().replace(" ", "-").replace("/", "-")
        folder = self.out / "runs" / f"{label}-{mark}"
        self.say(f"{column.label}: {name} -> {folder}")
        return evaluation, folder

    @cached_property
    def _loaded(self) -> dict[str, ClipBackbone]:
        return {}

    def _model(self, tower: str) -> tuple[str, str | None]:
        known = {**self.models, **self.more_vits}
        if tower not in known:
            raise ConfigurationError(
                f"expected a model for {tower}, none is given; name one as `vit` or `resnet`"
            )
        return known[tower]

    def _clip(self, tower: str) -> ClipBackbone:
        if tower not in self._loaded:
            model, weights = self._model(tower)
            self._loaded[tower] = load_clip(
                model, weights, device=self.device, precision=self._precision
            )
        return self._loaded[tower]


def _choosing(segmenter: Segmenter, instances: bool) -> SegmenterSystem:
    source: ProposalSource = Instances(Refinement()) if instances else Proposed(segmenter.proposer)
    return SegmenterSystem(segmenter, source)
