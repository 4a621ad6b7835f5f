"""A Ray cluster of several raylets on this machine: the same rows, whichever is killed."""

import os
import signal
import sys
from functools import partial
from pathlib import Path

import pytest

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
ray = pytest.importorskip("ray")

from ray.cluster_utils import Cluster as Raylets  # noqa: E402

from refmask.batch import cluster as module  # noqa: E402
from refmask.batch.batch import Local  # noqa: E402
from refmask.batch.cluster import Cluster, spread  # noqa: E402
from refmask.batch.on_ray import OnRay  # noqa: E402
from refmask.cli import main  # noqa: E402
from refmask.errors import ConfigurationError, ImageError, RefmaskWarning  # noqa: E402
from refmask.search import Collection  # noqa: E402

# Ray warns of settings that it makes itself.
pytestmark = pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\.")


@pytest.fixture(scope="module")
def raylets():
    """Two machines of one core each."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    cluster = Raylets(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    cluster.add_node(num_cpus=1)
    yield cluster.address
    ray.shutdown()
    cluster.shutdown()
    ray.cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def doubled(item):
    return item + item


def double():
    return doubled


def test_results_can_come_in_order(raylets):
    items = [str(number).encode() for number in range(12)]
    found = list(spread(double, items, Cluster(raylets), ordered=True))
    assert found == [item + item for item in items]
    assert list(spread(double, [], Cluster("nowhere:1"))) == []


def refuse():
    raise ConfigurationError("no such model")


def test_an_error_of_building_a_worker_is_raised(raylets):
    with pytest.raises(ConfigurationError, match=r"no such model"):
        list(spread(refuse, [b"1"], Cluster(raylets)))


def fail(item):
    raise ImageError(f"{item.decode()} is no image")


def failing():
    return fail


def test_an_error_of_a_worker_is_raised(raylets):
    with pytest.raises(ImageError, match=r"1 is no image"):
        list(spread(failing, [b"1"], Cluster(raylets)))


def children():
    """Processes that were started by this one, or by one that was."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue
        parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    found, more = set(), {os.getpid()}
    while more:
        found |= more
        more = {process for process, parent in parents.items() if parent in more} - found
    return found


def workers():
    """Processes of the pool's actors that are ours."""
    titles = {}
    for process in children():
        try:
            titles[process] = Path(f"/proc/{process}/cmdline").read_bytes()
        except OSError:
            continue
    return [process for process, title in titles.items() if b"MapWorker" in title]


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs Linux's /proc")
def test_rows_are_those_of_one_machine_though_a_worker_is_killed(
    raylets, batch, photos, rows, parts, build, tmp_path
):
    build = partial(build, refinement=None)  # of all masks, to take long enough
    thorough = {"source": f"{photos}/*.png", "by": build(), "rows": 1}
    batch(tmp_path / "local", **thorough).run(Local(thorough["by"], 2))
    killed = []

    def kill(*_):
        if not killed:
            killed.extend(workers())
            os.kill(killed[0], signal.SIGKILL)

    summary = batch(tmp_path / "ray", **thorough).run(OnRay(build, Cluster(raylets)), kill)
    assert len(killed) == 2
    assert not Path(f"/proc/{killed[0]}").exists()
    assert summary["errors"] == 2
    assert parts(tmp_path / "ray") == parts(tmp_path / "local")
    assert rows(tmp_path / "ray") == rows(tmp_path / "local")


def test_the_command_resumes_a_local_batch_on_a_cluster(
    raylets, model_files, photos, parts, tmp_path, monkeypatch, capsys
):
    model, weights = model_files("tiny_vit32")
    monkeypatch.chdir(tmp_path)
    Path("phrases.txt").write_text("the red car\n")
    words = ["batch", os.path.relpath(photos), "--expressions", "phrases.txt", "--shard-rows", "2"]
    words += ["--model", model, "--weights", weights, "--precision", "fp32", "--out", "out"]
    assert main(words) == 1
    whole = parts("out")
    sorted(Path("out").glob("part-*"))[1].unlink()
    capsys.readouterr()
    assert main([*words, "--address", raylets, "--worker-memory", "100MB"]) == 1
    assert "Wrote 2 rows" in capsys.readouterr().out
    assert parts("out") == whole


def test_records_of_an_evaluation_are_those_of_one_machine(raylets, model_files, tmp_path):
    model, weights = model_files("tiny_vit32")
    words = ["evaluate", "scenes", "--split", "val", "--first", "1", "--proposals", "instances"]
    words += ["--model", model, "--weights", weights, "--precision", "fp32", "--out"]
    assert main([*words, str(tmp_path / "local")]) == 0
    far = ["--address", raylets, "--worker-memory", "100MB"]
    assert main([*words, str(tmp_path / "ray"), *far]) == 0
    for name in ("samples.jsonl", "summary.json"):
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()


def test_an_index_equals_that_of_one_machine(raylets, model_files, photos, tmp_path, capsys):
    pytest.importorskip("lancedb")
    model, weights = model_files("tiny_vit32")
    words = ["index", "add", f"{photos}/[01b]*.png", "--model", model, "--weights", weights]
    words += ["--precision", "fp32", "--limit", "4", "--index"]
    assert main([*words, str(tmp_path / "local")]) == 1  # one image is broken
    far = ["--address", raylets, "--worker-memory", "100MB"]
    assert main([*words, str(tmp_path / "ray"), *far]) == 1
    printed = capsys.readouterr()
    assert printed.out.count("2 added, 1 failed") == 2
    assert printed.err.count("broken.png is damaged") == 2
    local, remote = (Collection(tmp_path / name) for name in ("local", "ray"))
    assert local.images() == remote.images()
    for image in local.images():
        assert local.rows(image.path).equals(remote.rows(image.path))


def test_a_worker_that_fits_nowhere_is_warned_about(raylets, monkeypatch):
    class Enough(Exception):
        pass

    def stop(*_, **__):
        raise Enough

    monkeypatch.setattr(module.ray.data, "from_items", stop)
    warned = pytest.warns(RefmaskWarning, match=r"no machine of the cluster has 64 cores")
    with warned, pytest.raises(Enough):
        list(spread(double, [b"1"], Cluster(raylets, cores=64)))


def test_machines_hold_as_many_workers_as_fit():
    machine = {"CPU": 8.0, "memory": 10e9}
    assert Cluster(cores=2).fits(machine) == 4
    assert Cluster(memory=int(3e9)).fits(machine) == 3
    assert Cluster(gpus=0.5).fits(machine) == 0
    assert Cluster(gpus=0.5).fits(machine | {"GPU": 1.0}) == 2
    with pytest.raises(ConfigurationError, match=r"needs at least one core"):
        Cluster(cores=0)


def test_a_missing_cluster_is_reported(monkeypatch):
    monkeypatch.setattr(module.ray, "is_initialized", lambda: False)

    def absent(**_):
        raise ConnectionError("Could not find any running Ray instance.\nmore")

    monkeypatch.setattr(module.ray, "init", absent)
    with pytest.raises(ConfigurationError, match=r"no Ray cluster answers at auto \(Could"):
        list(spread(double, [b"1"], Cluster("auto")))


def test_without_ray_the_extra_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.delitem(sys.modules, "refmask.batch.cluster")
    monkeypatch.delitem(sys.modules, "refmask.batch.on_ray")
    monkeypatch.setitem(sys.modules, "ray", None)
    (tmp_path / "phrases.txt").write_text("the dog")
    words = ["batch", str(tmp_path), "--expressions", str(tmp_path / "phrases.txt")]
    words += ["--engine", "ray", "--model", "embedded"]
    (tmp_path / "a.png").write_bytes(b"")
    assert main([*words, "--out", str(tmp_path / "out")]) == 2
    assert 'pip install "refmask[ray]"' in capsys.readouterr().err
