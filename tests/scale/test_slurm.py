"""What Slurm is told: which units, when to stop, and what comes last."""

import subprocess
from pathlib import Path

import pytest

from noise2detail.errors import ClusterError, SettingError, UnwritableFileError
from noise2detail.scale.slurm import SlurmJob, SlurmWish, Submitted, any_left, count_tasks, share, submit, write_job

COMMANDS = {"array": ["n2d", "scale", "it's.json"], "last": ["n2d", "scale", "--finish"]}
WISH = SlurmWish(largest_array=4)


def job_of(folder: Path, units: list[int] | None = None, wish: SlurmWish = WISH) -> SlurmJob:
    return write_job(folder / "job", "cells", COMMANDS, [4, 5, 9] if units is None else units, wish)


def directives(script: Path) -> list[str]:
    return [line.removeprefix("#SBATCH --") for line in script.read_text().splitlines() if line.startswith("#SBATCH")]


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs, in front of all others, into which a test puts those of a Slurm."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("units", [1, 2, 3, 10, 11])
@pytest.mark.parametrize("tasks", [1, 2, 3])
def test_the_tasks_together_do_every_unit_once(units: int, tasks: int) -> None:
    missing = list(range(100, 100 + units))
    done = [unit for number in range(tasks) for unit in share(missing, f"{number}/{tasks}")]
    assert sorted(done) == missing
    lengths = [len(share(missing, f"{number}/{tasks}")) for number in range(tasks)]
    assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize("task", ["2/2", "0/0", "-1/2", "1", "", "a/b", "1/2/3", "$SLURM_ARRAY_TASK_ID/2"])
def test_a_task_that_is_none_is_refused(task: str) -> None:
    with pytest.raises(SettingError, match="expected K/N"):
        share([1, 2], task)


@pytest.mark.parametrize(("units", "wish", "tasks"), [(3, None, 3), (9, None, 4), (9, 2, 2), (1, 2, 1)])
def test_an_array_is_no_larger_than_units_wish_or_site(units: int, wish: int | None, tasks: int) -> None:
    assert count_tasks(units, SlurmWish(tasks=wish, largest_array=4)) == tasks


def test_more_tasks_than_the_site_allows_are_refused() -> None:
    with pytest.raises(SettingError, match=r"5 tasks.* up to 4"):
        count_tasks(9, SlurmWish(tasks=5, largest_array=4))


def test_the_limit_of_the_site_is_asked_of_slurm(slurm: Path) -> None:
    assert count_tasks(5000, SlurmWish(tasks=1001)) == 1001  # without Slurm, its own
    program(slurm, "scontrol", "echo 'MaxArraySize            = 301'")
    with pytest.raises(SettingError, match="up to 301"):
        count_tasks(5000, SlurmWish(tasks=1001))
    program(slurm, "scontrol", "echo 'MaxArraySize            = 51'")
    assert count_tasks(5000, SlurmWish()) == 51


def test_the_script_is_read_by_a_shell_as_it_is_meant(tmp_path: Path, slurm: Path) -> None:
    program(slurm, "n2d", 'for word in "$@"; do echo "$word"; done')
    job = job_of(tmp_path / "a folder, 10% of it", wish=SlurmWish(tasks=2, largest_array=4))
    environment = {"PATH": f"{slurm}:/usr/bin:/bin", "SLURM_ARRAY_TASK_ID": "1"}
    done = subprocess.run(["bash", job.array], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "scale",
        "it's.json",
        "--units",
        str(job.folder / "units.json"),
        "--task",
        "1/2",
    ]
    assert (job.folder / "units.json").read_text() == "[4, 5, 9]\n"
    assert directives(job.array)[0:2] == ["job-name=cells", "array=0-1"]
    assert "10%% of it" in next(line for line in directives(job.array) if line.startswith("output="))
    done = subprocess.run(["bash", job.last], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["scale", "--finish"]


def test_the_signal_before_the_wall_time_goes_to_the_program(tmp_path: Path) -> None:
    job = job_of(tmp_path, wish=SlurmWish(time="1:00:00", warning=90, largest_array=4))
    assert "signal=B:TERM@90" in directives(job.array)  # B: to the script itself, which exec has replaced by n2d
    assert job.array.read_text().splitlines()[-1].startswith("exec n2d ")
    assert not [line for line in directives(job.last) if line.startswith(("signal", "array"))]


def test_wishes_become_directives_and_options_replace_them(tmp_path: Path) -> None:
    options = ("account=imaging lab", "exclusive", "--mem=8G", "gres=gpu:1")
    wish = SlurmWish("gpu", "4:00:00", cpus=3, at_once=2, largest_array=4, options=options)
    job = job_of(tmp_path, wish=wish)
    for script in (job.array, job.last):
        said = directives(script)
        assert {"partition=gpu", "time=4:00:00", "cpus-per-task=3", "account='imaging lab'"} <= set(said)
        assert {"exclusive", "mem=8G", "gres=gpu:1"} <= set(said)
        assert "mem=2G" not in said
    assert "array=0-2%2" in directives(job.array)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"options": ("array=0-3",)}, "'array'.*set by n2d"),
        ({"options": ("dependency=afterok:1",)}, "'dependency'.*set by n2d"),
        ({"options": ("mem=1G\n#SBATCH --uid=0",)}, "more than one line"),
        ({"options": ("=3",)}, "no option of sbatch"),
        ({"options": ("rm -rf",)}, "no option of sbatch"),
        ({"partition": "a\nb"}, "more than one line"),
        ({"cpus": 0}, "slurm cpus is 0"),
        ({"tasks": 0}, "slurm tasks is 0"),
    ],
)
def test_wishes_that_cannot_be_are_refused(wish: dict[str, object], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        SlurmWish(**wish)  # type: ignore[arg-type]


def test_nothing_missing_is_nothing_to_submit(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no unit in full size is missing"):
        job_of(tmp_path, units=[])
    assert not (tmp_path / "job").exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "job").write_text("a file")
    with pytest.raises(UnwritableFileError, match=r"job: cannot be written .*shared disk"):
        job_of(tmp_path)


def test_both_jobs_are_submitted_the_last_after_the_array(tmp_path: Path, slurm: Path) -> None:
    program(slurm, "sbatch", f'echo "$@" >> {tmp_path}/said; echo "$(wc -l < {tmp_path}/said);cluster"')
    job = job_of(tmp_path)
    assert submit(job) == Submitted("1", "2")
    said = (tmp_path / "said").read_text().splitlines()
    assert said == [f"--parsable {job.array}", f"--parsable --dependency=afterany:1 {job.last}"]


def test_without_its_last_job_the_array_is_taken_back(tmp_path: Path, slurm: Path) -> None:
    program(slurm, "sbatch", 'case "$*" in *dependency*) echo "sbatch: error: no such QOS" >&2; exit 1;; esac; echo 7')
    program(slurm, "scancel", f'echo "$@" > {tmp_path}/cancelled')
    with pytest.raises(ClusterError, match=r"sbatch refuses .*last.sh \(sbatch: error: no such QOS\); change"):
        submit(job_of(tmp_path))
    assert (tmp_path / "cancelled").read_text() == "7\n"


def test_a_machine_without_slurm_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ClusterError, match="no sbatch on this machine; submit from a login node"):
        submit(job_of(tmp_path))
    assert any_left(["7", "8"]) is None


@pytest.mark.parametrize(
    ("says", "answer"),
    [
        ("echo 7_1; echo '7_[2-9]'", True),
        ("true", False),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1", False),
        ("echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1", None),
    ],
)
def test_whether_a_job_is_still_there(says: str, answer: bool | None, slurm: Path) -> None:
    program(slurm, "squeue", says)
    assert any_left(["7", "8"]) is answer
