"""A batch on this machine: its rows, resuming, and refusals."""

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from pyarrow import parquet

from refmask.batch import worker
from refmask.batch.batch import Local
from refmask.batch.output import Output
from refmask.batch.worker import WorkerSpec, fingerprint_of, memory_of
from refmask.cli import main
from refmask.errors import ConfigurationError


def test_one_row_for_each_image_and_expression(batch, local, rows, photos, expressions, tmp_path):
    seen = []
    summary = batch(tmp_path / "out").run(local, lambda done, now: seen.append((done.rows, now)))
    found = rows(tmp_path / "out")
    assert len(found) == 14 == summary["rows"]
    assert [row["expression"] for row in found] == expressions * 7
    failed = {row["image"] for row in found if row["error"]}
    assert failed == {f"{photos}/broken.png"}
    assert summary["errors"] == 2
    assert "broken.png is damaged" in summary["first_error"]
    assert seen == [(4, True)] * 3 + [(2, True)]
    written = json.loads((tmp_path / "out" / "_summary.json").read_text())
    assert written["shards"] == 4
    assert len(written["configuration"]["weights_sha256"]) == 64
    assert written["configuration"]["proposals.proposer"] == "grouping"


@pytest.mark.parametrize("settings", [{"workers": 1}, {"workers": 3}])
def test_files_do_not_depend_on_the_workers(batch, local, segmenter, parts, tmp_path, settings):
    batch(tmp_path / "two").run(local)
    batch(tmp_path / "other").run(Local(segmenter, **settings))
    assert parts(tmp_path / "two") == parts(tmp_path / "other")
    assert len(parts(tmp_path / "two")) == 4


def test_rows_do_not_depend_on_the_shards(batch, local, rows, parts, tmp_path):
    batch(tmp_path / "few").run(local)
    batch(tmp_path / "one", rows=1000).run(local)
    assert len(parts(tmp_path / "one")) == 1
    assert rows(tmp_path / "few") == rows(tmp_path / "one")


def test_a_table_gives_each_image_its_own_expressions(batch, local, rows, tmp_path):
    table = tmp_path / "expressions.csv"
    table.write_text("path,phrase\n0.png,the dog\nbroken.png,the cat\n0.png,\n")
    batch(tmp_path / "out", expressions=None, per_image=str(table)).run(local)
    found = rows(tmp_path / "out")
    assert [row["expression"] for row in found] == ["the dog", "", "the cat"]
    assert [bool(row["error"]) for row in found] == [False, True, True]


def test_finished_parts_are_kept(batch, local, tmp_path):
    folder = tmp_path / "out"
    batch(folder).run(local)
    before = {path: path.stat().st_mtime_ns for path in folder.glob("part-*")}
    first, second, *_ = sorted(before)
    whole = second.read_bytes()
    first.unlink()
    second.write_bytes(whole[: len(whole) // 2])
    seen = []
    batch(folder).run(local, lambda done, now: seen.append((done.number, now)))
    assert sorted(seen) == [(0, True), (1, True), (2, False), (3, False)]
    assert second.read_bytes() == whole
    for path in sorted(before)[2:]:
        assert path.stat().st_mtime_ns == before[path]


def test_retry_does_failed_rows_again(batch, local, photos, tmp_path):
    (tmp_path / "in").mkdir()
    shutil.copy(photos / "0.png", tmp_path / "in")
    table, out = tmp_path / "expressions.csv", tmp_path / "out"
    table.write_text("image,expression\n0.png,the dog\n1.png,the dog\n")
    settings = {"source": tmp_path / "in", "expressions": None, "per_image": str(table), "rows": 1}
    assert batch(out, **settings).run(local)["errors"] == 1
    shutil.copy(photos / "1.png", tmp_path / "in")
    assert batch(out, **settings).run(local)["errors"] == 1  # finished parts are kept
    seen = []
    again = batch(out, **settings, retry=True)
    assert again.run(local, lambda done, now: seen.append((done.number, now)))["errors"] == 0
    assert seen == [(0, False), (1, True)]


def test_another_batch_is_refused(batch, local, tmp_path):
    batch(tmp_path / "out").run(local)
    with pytest.raises(
        ConfigurationError, match=r"another configuration \(.*shard_rows 4 instead of 5"
    ):
        batch(tmp_path / "out", rows=5).run(local)
    with pytest.raises(ConfigurationError, match="input "):
        batch(tmp_path / "out", expressions=["the cat", "the dog"]).run(local)


def test_a_foreign_folder_is_refused(batch, local, photos, tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"not a batch's folder and not empty \(0.png is in it\)"
    ):
        batch(photos).run(local)
    (tmp_path / "_manifest.json").write_text("[")
    with pytest.raises(ConfigurationError, match=r"_manifest.json is damaged"):
        batch(tmp_path).run(local)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot write"):
        batch(tmp_path / "file").run(local)


def test_one_process_writes_at_a_time(tmp_path):
    refused = pytest.raises(ConfigurationError, match=r"another process writes to")
    with Output(str(tmp_path / "out"), {"a": 1}), refused:
        Output(str(tmp_path / "out"), {"a": 1}).__enter__()
    with Output(str(tmp_path / "out"), {"a": 1}):
        pass


def test_a_uri_is_written_as_a_path_is(batch, local, parts, tmp_path):
    batch(tmp_path / "path").run(local)
    batch((tmp_path / "uri").as_uri()).run(local)
    assert parts(tmp_path / "uri") == parts(tmp_path / "path")
    batch((tmp_path / "uri").as_uri()).run(local)


def test_a_worker_with_another_configuration_is_refused(build, segmenter):
    spec = WorkerSpec("anywhere", "sha256", fingerprint_of(segmenter), None)
    assert spec.worker(build()).at_once == 1
    with pytest.raises(ConfigurationError, match=r"would differ .*\(alpha .*`precision`"):
        spec.worker(build(alpha=0.5))


def test_memory_grows_with_the_model_and_with_images_at_once(segmenter):
    assert memory_of(segmenter, 2) - memory_of(segmenter) == worker.PER_IMAGE
    weights = segmenter.method.encoder.weights.stat().st_size
    assert memory_of(segmenter) == worker.LIBRARIES + 2 * weights + worker.PER_IMAGE


def test_settings_out_of_range_are_refused(batch, segmenter, tmp_path):
    with pytest.raises(ConfigurationError, match=r"`shard_rows` must be at least 1, not 0"):
        batch(tmp_path, rows=0)
    with pytest.raises(ConfigurationError, match=r"`workers` must be at least 1, not 0"):
        Local(segmenter, 0)


@pytest.fixture
def words(model_files, photos, expressions, tmp_path):
    """``refmask batch`` about the photos."""
    model, weights = model_files("tiny_vit32")
    (tmp_path / "expressions.txt").write_text("\n".join(expressions))
    return [
        *(
            "batch",
            str(photos),
            "--expressions",
            str(tmp_path / "expressions.txt"),
            "--shard-rows",
            "2",
        ),
        *("--model", model, "--weights", weights, "--precision", "fp32", "--limit", "4"),
    ]


def test_the_command_prints_a_summary(words, tmp_path, capsys):
    assert main([*words, "--out", str(tmp_path / "out")]) == 1  # one image is broken
    printed = capsys.readouterr()
    assert "holds 14 rows (7 images) in 7 files" in printed.out
    assert "Wrote 14 rows" in printed.out
    assert "2 rows failed; the first: " in printed.err
    assert "broken.png is damaged" in printed.err
    assert main([*words, "--out", str(tmp_path / "out")]) == 1
    assert "Wrote 0 rows" in capsys.readouterr().out
    assert (
        main([*words[:1], f"{words[1]}/broken.png", *words[2:], "--out", str(tmp_path / "b")]) == 2
    )


def test_the_command_refuses_contradictory_options(words, tmp_path, capsys):
    out = ["--out", str(tmp_path / "out")]
    assert main([*words, *out, "--engine", "local", "--address", "auto"]) == 2
    assert "--address needs a cluster" in capsys.readouterr().err
    assert main([*words, *out, "--engine", "ray", "--workers", "2"]) == 2
    assert "--workers is for this machine" in capsys.readouterr().err
    np.savez(tmp_path / "masks.npz", masks=np.ones((1, 4, 4), np.bool_))
    assert main([*words, *out, "--proposals", f"masks:{tmp_path / 'masks.npz'}"]) == 2
    assert "work with 'refmask segment' and" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


KILLED = """
import os, signal, sys
from refmask.batch import output
from refmask.cli import main
write = output.write_whole
def dying(folder, name, content):
    if name == "part-00000003.parquet":
        write(folder, ".part-00000003.parquet.half", content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    write(folder, name, content)
output.write_whole = dying
main(sys.argv[1:])
"""


def test_a_killed_process_is_resumed(words, tmp_path, rows, parts):
    whole, folder = tmp_path / "whole", tmp_path / "out"
    assert main([*words, "--out", str(whole)]) == 1
    command = [sys.executable, "-c", KILLED, *words, "--out", str(folder), "--workers", "2"]
    assert subprocess.run(command, stderr=subprocess.DEVNULL).returncode == -signal.SIGKILL
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.glob("part-*")}
    assert len(before) == 3
    assert not (folder / "_summary.json").exists()
    assert main([*words, "--out", str(folder)]) == 1
    for path, (changed, content) in before.items():
        assert path.stat().st_mtime_ns == changed
        assert path.read_bytes() == content
    assert parts(folder) == parts(whole)
    assert rows(folder) == rows(whole)


def test_without_pyarrow_the_extra_is_named(words, tmp_path, monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith(("refmask.batch", "pyarrow"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    assert 'pip install "refmask[parquet]"' in capsys.readouterr().err


def test_all_parts_read_as_one_table(batch, local, tmp_path):
    batch(tmp_path / "out").run(local)
    assert {name[0] for name in os.listdir(tmp_path / "out")} <= {"_", ".", "p"}  # noqa: PTH208
    table = parquet.read_table(tmp_path / "out", filters=[("unsure", "=", False)])
    assert table.num_rows == sum(not unsure for unsure in table["unsure"].to_pylist())
