"""A run that is broken off ends as one that is not, and no run is mixed with another."""

import errno
import json
import shutil

import pytest

from refmask.errors import ConfigurationError, RefmaskWarning
from refmask.evaluation import run as runs
from refmask.evaluation.evaluate import Evaluation
from refmask.evaluation.run import Run, complete_images
from refmask.metrics.results import COLUMNS

#: All fields of a record, none of them what it should be.
LISTS = (
    b"%s\n"
    % json.dumps({name: [] for name in ("query", "number", "of", "mask", *COLUMNS)}).encode()
)


def contents(folder):
    return [(folder / name).read_bytes() for name in ("samples.jsonl", "summary.json")]


@pytest.fixture
def whole(evaluated, squares, guessing):
    return evaluated("whole", squares, guessing())


def broken(whole, tmp_path, samples):
    """A run whose records are these bytes, and that has no summary yet."""
    folder = tmp_path / "broken"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    (folder / "samples.jsonl").write_bytes(samples)
    (folder / "summary.json").unlink()
    return folder


def ends(content):
    return [place + 1 for place, byte in enumerate(content) if byte == 10]


@pytest.mark.filterwarnings("ignore::refmask.errors.RefmaskWarning")
def test_cut_off_anywhere_it_ends_the_same(whole, tmp_path, squares, guessing):
    content, _ = contents(whole)
    near = {end + step for end in ends(content) for step in (-2, -1, 0, 1)}
    for place in sorted(near | {0, 1, *range(0, len(content), len(content) // 40)}):
        folder = broken(whole, tmp_path, content[:place])
        Evaluation(squares, guessing()).run(folder)
        assert contents(folder) == contents(whole), place


def test_records_from_before_the_figure_chance_are_kept(whole, tmp_path, squares, guessing):
    content, _ = contents(whole)
    records = [json.loads(text) for text in content.splitlines()]
    older = [{k: v for k, v in record.items() if k != "chance"} for record in records]
    kept = b"".join(json.dumps(record).encode() + b"\n" for record in older)
    folder = broken(whole, tmp_path, kept)
    summary = Evaluation(squares, guessing()).run(folder)
    assert (folder / "samples.jsonl").read_bytes() == kept
    figures = json.loads((whole / "summary.json").read_text())["figures"]
    assert figures.keys() - summary["figures"].keys() == {"chance"}


@pytest.mark.parametrize("tail", [b"\0" * 100, b'{"image": 1}\n', b"[]\n", b"null", LISTS])
def test_what_is_no_record_is_computed_again(whole, tmp_path, squares, guessing, tail):
    content, _ = contents(whole)
    place = ends(content)[4]
    folder = broken(whole, tmp_path, content[:place] + tail)
    with pytest.warns(RefmaskWarning, match="ends with an incomplete image"):
        Evaluation(squares, guessing()).run(folder)
    assert contents(folder) == contents(whole)


def test_an_image_counts_once(whole, tmp_path, squares, guessing):
    content, _ = contents(whole)
    some = content[: ends(content)[4]]
    folder = broken(whole, tmp_path, some + some)
    with pytest.warns(RefmaskWarning, match=f"{len(some)} bytes"):
        Evaluation(squares, guessing()).run(folder)
    assert contents(folder) == contents(whole)


def test_an_image_is_complete_with_its_last_record(whole, tmp_path):
    content, _ = contents(whole)
    first = [len(records) for records, _ in complete_images(whole)]
    assert first == [2, 3, 4, 2, 3]
    folder = broken(whole, tmp_path, content[: ends(content)[3]])  # two and half of three
    found = list(complete_images(folder))
    assert [len(records) for records, _ in found] == [2]
    assert found[0][1] == ends(content)[1]


def test_what_was_done_is_not_asked_again(whole, tmp_path, squares, guessing, monkeypatch):
    content, _ = contents(whole)
    folder = broken(whole, tmp_path, content[: ends(content)[4]])
    asked = []
    sample = type(squares).sample
    monkeypatch.setattr(
        type(squares), "sample", lambda self, name: asked.append(name) or sample(self, name)
    )
    seen = []
    Evaluation(squares, guessing()).run(folder, lambda done, _: seen.append(done))
    assert asked == ["11", "5", "2"]
    assert seen == [2, 3, 4, 5]


def test_another_configuration_is_refused_with_the_difference(whole, squares, guessing):
    before = contents(whole)
    with pytest.raises(ConfigurationError) as refused:
        Evaluation(squares, guessing(shift=2), first=3).run(whole)
    told = str(refused.value)
    assert "shift 1 instead of 2" in told
    assert "first nothing instead of 3" in told
    assert "split" not in told
    assert "\n" not in told
    assert contents(whole) == before


def test_a_folder_of_something_else_is_left_alone(tmp_path, squares, guessing):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_bytes(b"cat")
    with pytest.raises(ConfigurationError, match=r"neither new nor a run.*cat\.png"):
        Evaluation(squares, guessing()).run(tmp_path / "photos")
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.png"]


def test_a_file_in_the_way_is_told(tmp_path, squares, guessing):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="cannot write"):
        Evaluation(squares, guessing()).run(tmp_path / "file")


def test_a_damaged_configuration_is_told(whole, squares, guessing):
    (whole / "configuration.json").write_text("{")
    with pytest.raises(ConfigurationError, match="damaged"):
        Evaluation(squares, guessing()).run(whole)


def test_two_processes_do_not_write_into_one_run(tmp_path):
    with (
        Run(tmp_path / "run", {"a": 1}),
        pytest.raises(ConfigurationError, match="another process"),
    ):
        Run(tmp_path / "run", {"a": 1})
    with Run(tmp_path / "run", {"a": 1}) as run:
        assert run.rows == {}


@pytest.mark.filterwarnings("ignore::refmask.errors.RefmaskWarning")
def test_a_full_disk_costs_one_image(whole, tmp_path, squares, guessing, monkeypatch):
    room = [len(contents(whole)[0]) // 2]

    def write(file, content):
        file.write(content[: room[0]])
        room[0] -= len(content)
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(runs, "_write", write)
        with pytest.raises(ConfigurationError, match="No space left on device; earlier records"):
            Evaluation(squares, guessing()).run(tmp_path / "full")
    assert not (tmp_path / "full" / "summary.json").exists()
    assert list(complete_images(tmp_path / "full"))
    Evaluation(squares, guessing()).run(tmp_path / "full")
    assert contents(tmp_path / "full") == contents(whole)


def test_times_are_apart_from_records(whole):
    times = [json.loads(text) for text in (whole / "times.jsonl").read_text().splitlines()]
    assert [entry["image"] for entry in times] == ["7", "3", "11", "5", "2"]
    assert all(entry["seconds"] >= 0 for entry in times)
    assert b"seconds" not in contents(whole)[0]
