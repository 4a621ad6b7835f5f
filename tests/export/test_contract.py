"""What every exporter in EXPORTERS keeps; a new line in the dict is taken in by itself."""

import dataclasses
import json

import pytest

from refmask import ConfigurationError, InputError
from refmask.export import EXPORTERS, export
from refmask.export.collection import LABELS, Options


@pytest.fixture(params=EXPORTERS)
def name(request):
    return request.param


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_it_writes_the_files_that_it_tells_and_the_same_ones_again(name, answers, tmp_path):
    written = export(name, answers, tmp_path / "one", Options())
    assert sorted(written) == sorted(p for p in (tmp_path / "one").rglob("*") if p.is_file())
    export(name, answers, tmp_path / "two", Options())
    one, two = contents(tmp_path / "one"), contents(tmp_path / "two")
    assert one
    assert one == two
    for path, content in one.items():
        if path.endswith(".json"):
            json.loads(content)


def test_existing_files_stay_without_overwrite(name, answers, tmp_path):
    folder = tmp_path / "out"
    export(name, answers, folder)
    before = contents(folder)
    with pytest.raises(ConfigurationError, match=r"is not empty.*`overwrite`"):
        export(name, answers[:1], folder)
    assert contents(folder) == before
    (folder / "mine.txt").write_text("mine")
    export(name, answers[:1], folder, Options(overwrite=True))
    assert contents(folder) != before
    assert (folder / "mine.txt").read_text() == "mine"


def test_unsure_answers_are_left_out_if_asked(name, answers, tmp_path):
    export(name, answers, tmp_path / "all", Options(label="head"))
    export(name, answers, tmp_path / "sure", Options(label="head", sure_only=True))
    export(name, [answers[0], answers[1], answers[2]], tmp_path / "three", Options(label="head"))
    assert contents(tmp_path / "sure") == contents(tmp_path / "three")
    assert contents(tmp_path / "sure") != contents(tmp_path / "all")


def test_provenance_is_written(name, answers, origin, tmp_path):
    export(name, answers, tmp_path / "out")
    content = b"".join(contents(tmp_path / "out").values())
    for fact in (origin.model, origin.proposals, origin.method, origin.version, origin.label):
        assert fact.encode() in content, fact
    assert origin.weights[:12].encode() in content


def test_an_answer_without_a_confidence_is_written_too(name, doubtful, tmp_path):
    export(name, doubtful, tmp_path / "out")
    for path, content in contents(tmp_path / "out").items():
        assert b"NaN" not in content
        assert b"100%" not in content, path
    export(name, doubtful, tmp_path / "sure", Options(sure_only=True))
    assert contents(tmp_path / "sure") != contents(tmp_path / "out")


@pytest.mark.parametrize("label", LABELS)
def test_instances_have_the_chosen_label(name, answers, tmp_path, label):
    export(name, answers, tmp_path / "out", Options(label=label))
    wanted = getattr(answers[1], LABELS[label])
    names = [wanted, json.dumps(wanted)[1:-1], wanted.replace('"', "\\U00000022")]
    content = b"".join(contents(tmp_path / "out").values()).decode("utf-8", "replace")
    assert any(name in content for name in names)


def test_no_instance_in_any_image(name, answers, tmp_path):
    assert export(name, [answers[2]], tmp_path / "out")


def test_no_answers(name, tmp_path):
    with pytest.raises(InputError, match="there are no answers to export"):
        export(name, [], tmp_path / "out")


def test_an_image_of_two_sizes(name, answers, tmp_path):
    other = dataclasses.replace(answers[2], image=answers[0].image, height=61)
    with pytest.raises(InputError, match="different sizes, 80x60 and 80x61"):
        export(name, [*answers, other], tmp_path / "out")


def test_unknown_names():
    with pytest.raises(ConfigurationError, match="unknown format 'voc'; choose one of: coco,"):
        export("voc", [], "out")
    with pytest.raises(
        ConfigurationError, match="unknown label 'class'; choose one of: expression"
    ):
        Options(label="class")
