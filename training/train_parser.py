"""Train the embedded English pipeline: what ``src/refmask/assets/parser`` holds.

    python training/train_parser.py --treebank DIR --output src/refmask/assets/parser

Data: UD English EWT (CC BY-SA 4.0), converted to CLEAR-style labels (``trees.py``), and
expressions from a grammar of referring expressions (``fragments.py``), about half of the words
each. One core, fixed seeds; ``--heads FILE`` (JSON lines with ``expression`` and ``head``)
reports the share of right head words.
"""

from __future__ import annotations

import argparse
import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from itertools import islice, pairwise
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from thinc.api import Adam, NumpyOps, set_current_ops, warmup_linear

from fragments import Grammar
from refmask.text.parser import PhraseParser
from trees import Sentence, read_conllu

TREEBANK = "https://raw.githubusercontent.com/UniversalDependencies/UD_English-EWT/r2.16/"
SEED = 0
WORDS_PER_BATCH = 1_200
LISTENER = {"@architectures": "spacy.Tok2VecListener.v1", "upstream": "tok2vec"}


def build(width: int) -> Language:
    """An untrained pipeline: shared word vectors, parts of speech, dependency parser."""
    language = spacy.blank("en")
    embed = {
        "@architectures": "spacy.MultiHashEmbed.v2",
        "width": width,
        "attrs": ["NORM", "PREFIX", "SUFFIX", "SHAPE"],
        "rows": [6000, 1000, 3000, 1000],
        "include_static_vectors": False,
    }
    encode = {
        "@architectures": "spacy.MaxoutWindowEncoder.v2",
        "width": width,
        "depth": 4,
        "window_size": 1,
        "maxout_pieces": 3,
    }
    model = {"@architectures": "spacy.Tok2Vec.v2", "embed": embed, "encode": encode}
    listener = LISTENER | {"width": width}
    language.add_pipe("tok2vec", config={"model": model})
    tagger = {"@architectures": "spacy.Tagger.v2", "tok2vec": listener}
    language.add_pipe("morphologizer", config={"model": tagger})
    parser = {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "parser",
        "extra_state_tokens": False,
        "hidden_width": 96,
        "maxout_pieces": 2,
        "use_upper": True,
        "tok2vec": listener,
    }
    language.add_pipe("parser", config={"model": parser, "min_action_freq": 20})
    return language


def example(language: Language, sentence: Sentence) -> Example:
    """A gold parse beside the bare words."""
    gold = Doc(
        language.vocab,
        words=sentence.words,
        heads=sentence.heads,
        deps=sentence.deps,
        pos=sentence.pos,
    )
    return Example(Doc(language.vocab, words=sentence.words), gold)


def recased(sentence: Sentence, chance: random.Random, lower: float) -> Sentence:
    """Mostly lower-cased, as expressions are; sometimes as written or with a capital."""
    words = sentence.words
    if chance.random() < lower:
        words = [word.lower() for word in words]
    elif chance.random() < 0.5:
        words = [words[0].capitalize(), *words[1:]]
    return Sentence(words, sentence.heads, sentence.deps, sentence.pos)


def treebank_stream(sentences: list[Sentence], seed: int) -> Iterator[Sentence]:
    """The treebank over and over, shuffled; at times two sentences in one line."""
    chance = random.Random(seed)
    while True:
        order = chance.sample(sentences, len(sentences))
        for this, following in pairwise(order):
            pair = this + following if chance.random() < 0.1 else this
            yield recased(pair, chance, lower=0.8)


def fragment_stream(grammar: Grammar, seed: int) -> Iterator[Sentence]:
    """New fragments for ever."""
    chance = random.Random(seed)
    while True:
        yield recased(grammar.fragment(), chance, lower=0.9)


def batches(streams: list[tuple[float, Iterator[Sentence]]]) -> Iterator[list[Sentence]]:
    """Batches of equal word counts; each stream gets its share of the words."""
    while True:
        batch: list[Sentence] = []
        for share, stream in streams:
            words = 0
            while words < share * WORDS_PER_BATCH:
                batch.append(next(stream))
                words += len(batch[-1].words)
        yield batch


def frequent(sentences: list[Sentence], tag: str) -> list[str]:
    """The treebank's lower-cased plain words of one part of speech, seen twice or more."""
    counts: dict[str, int] = {}
    for sentence in sentences:
        for word, pos in zip(sentence.words, sentence.pos, strict=True):
            if pos == tag and word.isalpha() and len(word) > 2:
                counts[word.lower()] = counts.get(word.lower(), 0) + 1
    return sorted(word for word, count in counts.items() if count > 1)


def verbs(sentences: list[Sentence]) -> list[str]:
    """The treebank's regular verbs, each as base:-ing form:third person."""
    known = set(frequent(sentences, "VERB"))
    return [f"{v}:{v.removesuffix('e')}ing:{v}s" for v in sorted(known) if v + "s" in known]


def train(language: Language, sentences: list[Sentence], steps: int, fragments: float) -> None:
    """Fit the pipeline in place; the averaged weights stay in it."""
    more = {tag: frequent(sentences, tag) for tag in ("NOUN", "ADJ")}
    grammar = Grammar(SEED, more | {"VERB": verbs(sentences)})
    sample = sentences + [grammar.fragment() for _ in range(5_000)]
    optimizer = language.initialize(lambda: [example(language, s) for s in sample])
    optimizer = Adam(
        learn_rate=warmup_linear(0.0015, 200, int(steps * 1.02)), L2=0.01, grad_clip=1.0,
        use_averages=True, L2_is_weight_decay=True,
    )  # fmt: skip
    streams = [
        (1 - fragments, treebank_stream(sentences, SEED)),
        (fragments, fragment_stream(grammar, SEED)),
    ]
    losses: dict[str, float] = {}
    began = time.monotonic()
    for step, batch in enumerate(islice(batches(streams), steps), 1):
        examples = [example(language, sentence) for sentence in batch]
        language.update(examples, sgd=optimizer, drop=0.1, losses=losses)
        optimizer.step_schedules()
        if step % 100 == 0:
            shown = " ".join(f"{name} {loss:.0f}" for name, loss in losses.items())
            print(f"step {step}  {time.monotonic() - began:.0f} s  {shown}", flush=True)
            losses = {}
    with language.use_params(optimizer.averages):
        averaged = language.to_bytes()
    language.from_bytes(averaged)


def fetch(folder: Path, name: str) -> Path:
    """The treebank's file, from the folder or else from its public repository."""
    path = folder / name
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with urllib.request.urlopen(TREEBANK + name, timeout=60) as answer:
            path.write_bytes(answer.read())
    except (urllib.error.URLError, TimeoutError) as error:
        raise SystemExit(
            f"expected {path}, or a connection to fetch it from {TREEBANK + name} ({error}); "
            "download UD English EWT by hand and name its folder with --treebank"
        ) from error
    return path


def right_heads(folder: Path, labels: Path) -> tuple[int, int]:
    """How many of the hand-labelled heads the pipeline finds, and of how many."""
    rows = [json.loads(line) for line in labels.read_text().splitlines() if line.strip()]
    found = PhraseParser(str(folder))([row["expression"] for row in rows])
    pairs = zip(rows, found, strict=True)
    return sum(row["head"].lower() == answer.head.lower() for row, answer in pairs), len(rows)


def save(language: Language, output: Path) -> None:
    """Write the pipeline without the vocabulary, which its hashed features do not need."""
    language.meta |= {
        "name": "refmask_parser",
        "description": "Parser for referring expressions, lower-cased English",
        "license": "CC BY-SA 4.0",
        "spacy_version": ">=3.8.0,<3.9.0",
        "sources": [
            {
                "name": "UD English EWT",
                "url": "https://github.com/UniversalDependencies/UD_English-EWT",
                "license": "CC BY-SA 4.0",
            }
        ],
    }
    language.to_disk(output, exclude=["vocab"])


def main() -> None:
    """Train, save, report."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--treebank", type=Path, default=Path("data/treebank"))
    options.add_argument("--output", type=Path, required=True)
    options.add_argument("--steps", type=int, default=2_800)
    options.add_argument("--width", type=int, default=96)
    options.add_argument("--fragments", type=float, default=0.5, help="share of the words")
    options.add_argument("--heads", type=Path, nargs="*", default=[], help="labels to report on")
    given = options.parse_args()
    spacy.util.fix_random_seed(SEED)
    set_current_ops(NumpyOps(use_blis=False))  # NumPy's products are three times as quick
    sentences = list(read_conllu(fetch(given.treebank, "en_ewt-ud-train.conllu")))
    held = list(read_conllu(fetch(given.treebank, "en_ewt-ud-dev.conllu")))
    language = build(given.width)
    train(language, sentences, given.steps, given.fragments)
    save(language, given.output)
    chance = random.Random(SEED)
    scores = language.evaluate([example(language, recased(s, chance, lower=1.0)) for s in held])
    names = ("pos_acc", "dep_uas", "dep_las")
    print(" ".join(f"{name} {100 * scores[name]:.1f}" for name in names))
    for labels in given.heads:
        right, count = right_heads(given.output, labels)
        print(f"{labels.stem}: {right} of {count} heads right ({100 * right / count:.1f} %)")


if __name__ == "__main__":
    main()
