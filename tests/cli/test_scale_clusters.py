"""``n2d scale --slurm`` and ``--dask`` as they are typed; the programs of Slurm are stand-ins that do what it would."""

import json
import sys
from pathlib import Path

import pytest

from noise2detail.cli import scale_clusters
from noise2detail.errors import ClusterError
from noise2detail.scale.markers import done_units
from noise2detail.scale.tasks import plan_of
from tests.cli.running import QUICK_SETTINGS, n2d
from tests.scale.material import series, tree, write_store

SBATCH = """#!/bin/bash
# takes a script as sbatch does, and runs it once for each task of its array
script="${@: -1}"
echo "$@" >> "$SAID"
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$script")
for task in $(seq 0 "${last:-0}"); do SLURM_ARRAY_TASK_ID=$task bash "$script" || exit 1; done
wc -l < "$SAID"
"""
PYTHON = """#!/bin/bash
# instead of starting a Python that needs seconds, keep what it was called with
printf '%s\\n' "$@" > "$CALLS/$(ls "$CALLS" | wc -l)"
"""


class Cluster:
    """Calls that the scripts made, run within this process as the nodes would run them."""

    def __init__(self, folder: Path) -> None:
        self.calls, self.said = folder / "calls", folder / "said"

    def run(self, *numbers: int) -> list[int]:
        """Exit codes of some of the calls."""
        found = [(self.calls / f"{number}").read_text().splitlines() for number in numbers]
        assert all(words[:2] == ["-m", "noise2detail"] for words in found)
        return [n2d(*words[2:]).exit_code for words in found]


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    folder = tmp_path / "slurm_programs"
    (folder / "calls").mkdir(parents=True)
    queue = f"#!/bin/bash\n[ -e {folder}/gone ] || echo 1_0\n"
    for name, text in (("sbatch", SBATCH), ("python", PYTHON), ("squeue", queue)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("SAID", str(folder / "said"))
    monkeypatch.setenv("CALLS", str(folder / "calls"))
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    return Cluster(folder)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Of eight units and two of the half size."""
    return write_store(tmp_path / "it's big.ome.zarr", series(2, 64, 64))


def words(store: Path, out: Path, *more: str | Path) -> list[str]:
    how = ("--unit-pixels", "1024", "--threads", "1", "--device", "cpu", "--precision", "float32")
    return ["scale", str(store), "-o", str(out), *QUICK_SETTINGS, *how, *map(str, more)]


def test_an_array_of_slurm_makes_what_one_process_makes(store: Path, tmp_path: Path, cluster: Cluster) -> None:
    alone, out = tmp_path / "alone.ome.zarr", tmp_path / "out.ome.zarr"
    assert n2d(*words(store, alone, "--workers", "0")).exit_code == 0
    done = n2d(*words(store, out, "--slurm", "--slurm-tasks", "3", "--json"))
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert (said["units"], said["tasks"], said["array"], said["last"]) == (8, 3, "1", "2")
    assert "--dependency=afterany:1" in cluster.said.read_text()

    # one task dies before it has begun; nobody else may work on the output while Slurm has jobs for it
    assert cluster.run(0, 2) == [0, 0]
    refused = n2d(*words(store, out, "--workers", "0"))
    assert refused.exit_code == 1
    assert "it gave the work to Slurm, jobs 1 2" in refused.stderr
    assert "Slurm jobs 1 and 2" in n2d("scale", store, "-o", out, "--status").stdout
    assert done_units(plan_of(str(out), {})) == {0, 2, 3, 5, 6}

    assert cluster.run(3) == [0]  # the last job: checks, does what is missing, gives the claim back
    assert tree(out) == tree(alone)
    assert not (tmp_path / "out.ome.zarr.n2d" / "claim.json").exists()
    assert cluster.run(1) == [0]  # a task that comes too late has nothing to do


def test_what_slurm_left_is_submitted_again_or_done_here(store: Path, tmp_path: Path, cluster: Cluster) -> None:
    out = tmp_path / "out.ome.zarr"
    assert n2d(*words(store, out, "--slurm", "--slurm-tasks", "2")).exit_code == 0
    assert cluster.run(0) == [0]
    (cluster.said.parent / "gone").touch()  # cancelled
    again = n2d(*words(store, out, "--slurm", "--slurm-tasks", "2", "--json"))
    assert json.loads(again.stdout)["units"] == 4
    assert json.loads((out.with_name("out.ome.zarr.n2d") / "slurm" / "units.json").read_text()) == [1, 3, 5, 7]
    assert cluster.run(1) == [1]  # of the first submission, whose claim is gone
    finished = n2d(*words(store, out, "--workers", "0"))
    assert finished.exit_code == 0, finished.output
    assert "4 were there already" in finished.stdout


def test_scripts_that_are_only_written_are_for_any_batch_system(store: Path, tmp_path: Path, cluster: Cluster) -> None:
    out = tmp_path / "out.ome.zarr"
    written = n2d(*words(store, out, "--slurm-write", "--slurm-tasks", "2", "--slurm-folder", tmp_path / "job"))
    assert written.exit_code == 0, written.output
    assert f"sbatch {tmp_path}/job/array.sh" in written.stdout
    assert not cluster.said.exists()
    assert n2d("scale-task", out, "--task", "0/2").exit_code == 0
    assert n2d("scale-task", out, "--task", "1/2").exit_code == 0
    last = n2d("scale-task", out, "--last")
    assert last.exit_code == 0
    assert "8 were there already" in last.stdout


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("--dask", "local:2", "--slurm"), "two places for the same units"),
        (("--dask", "local:2", "--workers", "3"), "a Dask cluster has workers of its own"),
        (("--slurm", "--workers", "3"), "give --slurm-tasks N"),
        (("--dask", "here"), "expected local:N"),
        (("--slurm", "--slurm-option", "array=1-3"), "set by n2d itself"),
    ],
)
def test_what_does_not_go_together_is_refused(typed: tuple[str, ...], said: str, store: Path, tmp_path: Path) -> None:
    done = n2d(*words(store, tmp_path / "out.ome.zarr", *typed))
    assert done.exit_code == 2
    assert said in done.stderr
    assert not (tmp_path / "out.ome.zarr.n2d").exists()


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        ((), 2, "expected either --task K/N, or --last"),
        (("--task", "0/2", "--last"), 2, "expected either"),
        (("--task", "2/2"), 1, "there is no plan"),
    ],
)
def test_a_task_needs_a_share_and_a_plan(typed: tuple[str, ...], code: int, said: str, tmp_path: Path) -> None:
    done = n2d("scale-task", tmp_path / "out.ome.zarr", *typed)
    assert done.exit_code == code
    assert said in done.stderr


def test_a_dask_cluster_that_refuses_is_one_line(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def connected(address: str) -> None:
        raise ClusterError(f"no Dask scheduler answers at {address}", "check the address")

    monkeypatch.setattr(scale_clusters, "connected", connected)
    done = n2d(*words(store, tmp_path / "out.ome.zarr", "--dask", "tcp://head:8786"))
    assert done.exit_code == 1
    assert done.stderr.strip() == "error: no Dask scheduler answers at tcp://head:8786; check the address"
