"""What a kind of input is, and how one case of it is made and run."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from attack.mutations import mutated

#: Reads what a case has written; the folder, and the name of what was changed in it.
Read = Callable[[Path, str], object]


@dataclass(frozen=True)
class Kind:
    """One kind of input.

    Attributes:
        name: of the kind.
        files: small valid files by their path below a folder.
        read: the reader.
        changed: which of the files are changed; all, when not said.
        hostile: whole contents that are tried as they are, before any change.
    """

    name: str
    files: Mapping[str, bytes]
    read: Read
    changed: Sequence[str] = ()
    hostile: Sequence[bytes] = field(default=(), repr=False)

    def write(self, folder: Path) -> None:
        """Write the valid files."""
        for name, content in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)

    def case(self, seed: int, number: int) -> tuple[str, bytes]:
        """The name and the content of a case's changed file."""
        rng = random.Random(f"{seed} {self.name} {number}")
        names = list(self.changed or self.files)
        if number < len(self.hostile) * len(names):
            return names[number % len(names)], self.hostile[number // len(names)]
        name = rng.choice(names)
        return name, mutated(rng, name, self.files[name], [self.files[n] for n in names])

    def run(self, folder: Path, name: str, content: bytes) -> None:
        """Read a case in a folder that has the valid files; raises what the reader raises."""
        path = folder / name
        path.write_bytes(content)
        try:
            self.read(folder, name)
        finally:
            path.write_bytes(self.files[name])


def of_text(name: str, texts: Sequence[str], read: Callable[[str], object]) -> Kind:
    """A kind that is no file: texts that are given as they are."""
    files = {f"{number}.text": text.encode() for number, text in enumerate(texts)}
    return Kind(name, files, lambda folder, name: read(_decoded((folder / name).read_bytes())))


def of_json(name: str, texts: Sequence[str], read: Callable[[str], object]) -> Kind:
    """A kind that is no file: JSON that is given as it is."""
    files = {f"{number}.json": text.encode() for number, text in enumerate(texts)}
    return Kind(name, files, lambda folder, name: read(_decoded((folder / name).read_bytes())))


def _decoded(content: bytes) -> str:
    """Text as Python has it of file names and arguments: lone surrogates for other bytes."""
    return content.decode("utf-8", "surrogateescape")
