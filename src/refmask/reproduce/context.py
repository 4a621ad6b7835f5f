"""The context of experiments: data, models, proposals, and the output folder."""

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
from refmask.terms import NONE
from refmask.text.parser import PhraseParser
from refmask.types import MaskProposer, Sample


@dataclass(frozen=True)
class Column:
    """A split of a data set, as a table's column.

    Attributes:
        label: as printed.
        dataset: name, as ``load_dataset`` takes it.
        split: such as "val".
        split_by: for RefCOCOg.
        subset: for PhraseCut.
    """

    label: str
    dataset: str
    split: str
    split_by: str | None = None
    subset: str = "all"


#: The paper's image towers, and their models with OpenAI's weights.
VIT, RESNET = "ViT-B/32", "RN50"
PAPER_MODELS = {VIT: "ViT-B-32-quickgelu", RESNET: "RN50-quickgelu"}

#: The scenes stand in for every data set when there are no paper data.
SCENES = (Column("scenes val", "scenes", "val"), Column("scenes test", "scenes", "test"))
REFCOCOG_VAL = Column("RefCOCOg val (U)", "refcocog", "val", "umd")


@dataclass(frozen=True)
class ExperimentContext:
    """The settings that all experiments share.

    Attributes:
        out: output folder.
        root: folder of the paper's data; None for the shipped scenes.
        models: (model, weights) as ``load_clip`` takes them, by image tower; tables leave out a
            tower that is missing.
        more_vits: further vision transformers for figure 12, by any name.
        proposals: specification of a proposer; None for FreeSOLO, or ``grouping`` on scenes.
        store: cache folder of proposals and features; one in ``out`` when None.
        store_limit: see ``refmask.load``.
        first: use only the first so many images of each split.
        missing: "stop" at images that cannot be read, or "skip" them.
        compat: "default" or "reference".
        parser: see ``refmask.load``.
        device: see ``refmask.load``.
        precision: see ``refmask.load``.
        predictions: files of masks of other systems, by the system's name.
        say: called with progress messages.
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
        """Whether the shipped scenes stand in for the paper's data."""
        return self.root is None

    @property
    def limits(self) -> list[str]:
        """Notes on images that are left out by ``first``."""
        return [] if self.first is None else [f"only the first {self.first} images"]

    def columns(self, wanted: tuple[Column, ...]) -> tuple[Column, ...]:
        """The wanted columns, or the scenes in their place."""
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
        """The samples of a split that have queries.

        Raises:
            ImageError: when an image cannot be read and ``missing`` is "stop".
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

    def expressions(self, column: Column) -> list[str]:
        """All expressions of a split."""
        return [query.expression for s in self.samples(column) for query in s.queries]

    def tower_name(self, tower: str) -> str:
        """The tower's name in the paper, or that of the model in its place."""
        if tower in self.more_vits:
            return tower
        model, _ = self._model(tower)
        return tower if model == PAPER_MODELS.get(tower) else Path(model).name

    def segmenter(self, tower: str, method: str, column: Column, **settings: Any) -> Segmenter:
        """A method with an image tower, with the paper's blend for the data set, and no terms."""
        preset = column.dataset if column.dataset in PRESETS else None
        return assemble(
            self._clip(tower),
            self.proposer,
            method=method,
            preset=preset,
            terms=NONE,
            answers="one",
            settings=settings,
            parser=self.phrase_parser,
            compat=self.compat,
            features=self.features,
        )

    def evaluate(
        self, column: Column, segmenter: Segmenter, name: str, *, instances: bool = False
    ) -> Summary:
        """Run or resume an evaluation; returns its summary.

        Args:
            column: the split.
            segmenter: answers the expressions.
            name: of the run, added to the column's label.
            instances: use the data set's own instances as proposals (the paper's table 2).
        """
        return self._run(column, _system(segmenter, instances), name)[0]

    def answers(
        self, column: Column, segmenter: Segmenter, name: str, *, instances: bool = False
    ) -> RunRecords:
        """As ``evaluate``, but returns the record of every expression."""
        return read_run(self._run(column, _system(segmenter, instances), name)[1])

    def score(self, column: Column, predictions: Path, name: str) -> Summary:
        """Score another system's masks as ``refmask score`` does; returns the summary."""
        rules = compatibility.by_name(self.compat, "vit")
        return self._run(column, read_predictions(predictions, rules), name)[0]

    def others(self, column: Column) -> dict[str, Path]:
        """Files of other systems' masks for a column, by the system's name.

        ``{dataset}``, ``{split}`` and ``{split_by}`` in a path stand for the column's; a system
        whose file for the column does not exist is left out. Names ``NAME@K`` belong to figure 4.
        """
        fields = {"dataset": column.dataset, "split": column.split, "split_by": column.split_by}
        files = {}
        for name, pattern in self.predictions.items():
            path = str(pattern)
            for field_name, value in fields.items():
                path = path.replace(f"{{{field_name}}}", value or "")
            if "@" not in name and (path == str(pattern) or Path(path).is_file()):
                files[name] = Path(path)
        return files

    def write(self, name: str, content: str) -> Path:
        """Write a text file into ``out``; returns its path."""
        path = self.out / name
        write_whole(path, content.encode())
        return path

    def write_table(self, table: Table, name: str) -> list[Path]:
        """Write a table as Markdown and as CSV into ``out``; returns their paths."""
        return [
            self.write(f"{name}.md", table.markdown()),
            self.write(f"{name}.csv", table.csv()),
        ]

    @property
    def proposer_name(self) -> str:
        """The name in the proposer's specification."""
        return self._spec.partition(":")[0]

    @cached_property
    def proposer(self) -> MaskProposer:
        """The proposer of all methods, whose masks are cached."""
        uncapped = compatibility.by_name(self.compat, "vit").uncapped_proposals
        defaults = shared(self.device, self._precision, uncapped)
        computes = self.proposer_name not in ("masks", "store")
        store = self._store if self.store or computes else None
        return wrap_proposer(load_proposer(self._spec, defaults=defaults), store)

    @cached_property
    def features(self) -> FeatureCache:
        """The feature cache that methods and sweeps share."""
        return FeatureCache(self._store, self.store_limit)

    @cached_property
    def phrase_parser(self) -> PhraseParser:
        """The parser that finds noun phrases."""
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

    def _run(self, column: Column, system: System, name: str) -> tuple[Summary, Path]:
        """Run or resume an evaluation; returns its summary and its folder."""
        evaluation = Evaluation(self.dataset(column), system, self.first, self.missing)
        label = f"{column.label}-{name}".lower().replace(" ", "-").replace("/", "-")
        folder = self.out / "runs" / f"{label}-{evaluation.configuration.short}"
        self.say(f"{column.label}: {name} -> {folder}")
        return evaluation.run(folder), folder

    @cached_property
    def _loaded(self) -> dict[str, ClipBackbone]:
        return {}

    def _model(self, tower: str) -> tuple[str, str | None]:
        models = {**self.models, **self.more_vits}
        if tower not in models:
            raise ConfigurationError(
                f"there is no model for {tower}; name one as `vit` or `resnet`"
            )
        return models[tower]

    def _clip(self, tower: str) -> ClipBackbone:
        if tower not in self._loaded:
            model, weights = self._model(tower)
            self._loaded[tower] = load_clip(
                model, weights, device=self.device, precision=self._precision
            )
        return self._loaded[tower]


def _system(segmenter: Segmenter, instances: bool) -> SegmenterSystem:
    source: ProposalSource = Instances(Refinement()) if instances else Proposed(segmenter.proposer)
    return SegmenterSystem(segmenter, source)
