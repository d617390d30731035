"""Units as tasks of a Slurm array: a batch script, and the submission of it. No scheduler of ours runs anywhere.

Two jobs go to Slurm. The tasks of the first, an array, take turns: task K of N does units K, K + N, ... of those that
were missing when the job was written, so that a second submission spreads what is left over all its tasks. The second
job waits until the array has ended in whatever way, and then makes the smaller sizes, if nothing is missing.
"""

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from noise2detail.errors import ClusterError, SettingError, UnwritableFileError, check_setting

OWNED = ("array", "a", "dependency", "d", "signal", "parsable", "wrap", "test-only", "hold", "H")
"""Options of sbatch that decide which units are done, and in what order."""

LARGEST_ARRAY = 1001
"""Slurm's own ``MaxArraySize`` where a site has set none; indices are below it."""

USUAL = 100
"""Tasks of an array: each takes some seconds to start, and is a job for Slurm to count."""

WARNING = 120
"""Seconds before the wall time at which a task is asked to end; Slurm may be another minute early."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


@dataclass(frozen=True)
class SlurmWish:
    """What is asked of Slurm."""

    partition: str | None = None
    """None: the site's own choice."""
    time: str | None = None
    """Wall time of a task, as Slurm writes it: 30, 4:00:00 or 2-12; None: the partition's."""
    cpus: int = 1
    """Processor cores of a task: the threads of a unit."""
    memory: str = "2G"
    """Of a task."""
    tasks: int | None = None
    """Of the array, at most; None: 100, or as many as there are units, or as Slurm lets in one."""
    at_once: int | None = None
    """Tasks that run at the same time, at most; None: as many as Slurm likes."""
    largest_array: int | None = None
    """Slurm's MaxArraySize; None: Slurm is asked."""
    warning: int = WARNING
    """Seconds before the wall time at which a task finishes its unit and ends."""
    options: tuple[str, ...] = field(default=())
    """More for sbatch, ``NAME=VALUE`` or ``NAME``: account=imaging, gres=gpu:1, exclusive."""

    def __post_init__(self) -> None:
        for name in ("cpus", "tasks", "at_once", "largest_array", "warning"):
            value = getattr(self, name)
            if value is not None:
                check_setting(f"slurm {name.replace('_', ' ')}", value)
        for text in (*self.options, self.partition or "", self.time or "", self.memory):
            if "\n" in text or "\r" in text:
                raise SettingError(f"{text!r} for Slurm has more than one line; expected NAME=VALUE")
        for option in self.options:
            _checked_name(option)


@dataclass(frozen=True)
class SlurmJob:
    """Files of a submission, written and not yet handed to Slurm."""

    folder: Path
    """Holds them, and what the tasks will say."""
    array: Path
    """Script of the array."""
    last: Path
    """Script of the job that finishes the output."""
    units: int
    """That the array does."""
    tasks: int
    """Of the array, which share them."""


@dataclass(frozen=True)
class Submitted:
    """Numbers that Slurm gave to the two jobs."""

    array: str
    """Of the array."""
    last: str
    """Of the job that finishes the output."""


def write_job(
    folder: Path, name: str, commands: Mapping[str, Sequence[str]], units: Sequence[int], wish: SlurmWish
) -> SlurmJob:
    """The files of a submission, which Slurm has not seen yet.

    Parameters
    ----------
    folder
        On a disk that the nodes see under the same path; created if absent.
    name
        That ``squeue`` shows.
    commands
        ``array``: does units; gets ``--units FILE --task K/N`` besides. ``last``: finishes the output.
    units
        Those that are missing.
    wish
        What is asked of Slurm.

    Raises
    ------
    SettingError
        No unit is missing.
    UnwritableFileError
        The folder cannot be written.
    """
    if not units:
        raise SettingError("no unit in full size is missing: without --slurm, the rest is done here")
    folder = folder.absolute()
    tasks = count_tasks(len(units), wish)
    listed = folder / "units.json"
    throttle = f"%{wish.at_once}" if wish.at_once else ""
    first = {"array": f"0-{tasks - 1}{throttle}", "signal": f"B:TERM@{wish.warning}"}
    array = _script(
        {"job-name": name, **first, "output": f"{_pattern(folder)}/%A_%a.log"}, wish,
        [*commands["array"], "--units", str(listed), "--task"], f' "$SLURM_ARRAY_TASK_ID/{tasks}"',
    )  # fmt: skip
    last = _script({"job-name": f"{name}-last", "output": f"{_pattern(folder)}/%j_last.log"}, wish, commands["last"])
    job = SlurmJob(folder, folder / "array.sh", folder / "last.sh", len(units), tasks)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        listed.write_text(json.dumps(list(units)) + "\n", encoding="utf-8")
        job.array.write_text(array, encoding="utf-8")
        job.last.write_text(last, encoding="utf-8")
    except OSError as error:
        found = f"cannot be written ({error.strerror})"
        raise UnwritableFileError(folder, found, "choose another folder for the job, on a shared disk") from error
    return job


def submit(job: SlurmJob) -> Submitted:
    """The numbers of both jobs, once Slurm has taken them; it takes both or none.

    Raises
    ------
    ClusterError
        There is no sbatch here, or it refuses.
    """
    array = _sbatch("--parsable", str(job.array))
    try:
        last = _sbatch("--parsable", f"--dependency=afterany:{array}", str(job.last))
    except ClusterError:
        _run("scancel", array)
        raise
    return Submitted(array, last)


def any_left(jobs: Sequence[str]) -> bool | None:
    """Whether one of the jobs waits or runs; None where Slurm cannot be asked."""
    if shutil.which("squeue") is None:
        return None
    done = _run("squeue", "--noheader", f"--jobs={','.join(jobs)}", "--format=%i")
    # numbers that Slurm has forgotten are an error for it, and an answer for us
    if done.returncode and "Invalid job id" not in done.stderr:
        return None
    return bool(done.stdout.strip())


def share(units: Sequence[int], task: str) -> list[int]:
    """Units of one task of an array.

    >>> share([3, 5, 6, 9, 10], "1/2")
    [5, 9]

    Raises
    ------
    SettingError
        ``task`` is not ``K/N`` with K below N.
    """
    found = re.fullmatch(r"(\d+)/(\d+)", task)
    number, of = (int(found[1]), int(found[2])) if found else (0, 0)
    if number >= of:
        raise SettingError(f"task is {task!r}; expected K/N, with K from 0 to N - 1, such as 0/8")
    return list(units[number::of])


def count_tasks(units: int, wish: SlurmWish) -> int:
    """Tasks of the array: never more than units, nor than Slurm allows.

    Raises
    ------
    SettingError
        More were asked for than Slurm allows.
    """
    largest = wish.largest_array or _largest_array()
    if wish.tasks is not None and wish.tasks > largest:
        raise SettingError(f"{wish.tasks} tasks were asked for; this Slurm takes up to {largest} in one array")
    return min(units, largest, wish.tasks or USUAL)


def _script(options: dict[str, str], wish: SlurmWish, command: Sequence[str], more: str = "") -> str:
    """Text of a batch script."""
    options |= {"cpus-per-task": str(wish.cpus), "mem": wish.memory}
    options |= {name: value for name, value in (("partition", wish.partition), ("time", wish.time)) if value}
    lines = [f"#SBATCH --{name}={shlex.quote(value)}" for name, value in options.items()]
    for option in wish.options:
        name, equals, value = option.removeprefix("--").partition("=")
        lines = [line for line in lines if not line.startswith(f"#SBATCH --{name}=")]
        lines.append(f"#SBATCH --{name}" + (f"={shlex.quote(value)}" if equals else ""))
    why = (
        "# exec: the signal that Slurm sends before the wall time reaches n2d itself, which finishes its unit and ends"
    )
    return "\n".join(["#!/bin/bash", *lines, why, f"exec {shlex.join(command)}{more}", ""])


def _checked_name(option: str) -> None:
    name = option.removeprefix("--").partition("=")[0]
    if not _NAME.fullmatch(name):
        raise SettingError(f"{option!r} is no option of sbatch; expected NAME=VALUE or NAME, such as account=imaging")
    if name in OWNED:
        raise SettingError(f"the option {name!r} of sbatch is set by n2d itself; leave it out")


def _pattern(folder: Path) -> str:
    """A folder in a file pattern of Slurm, in which % has a meaning."""
    return str(folder).replace("%", "%%")


def _largest_array() -> int:
    if shutil.which("scontrol") is not None:
        found = re.search(r"^MaxArraySize\s*=\s*(\d+)", _run("scontrol", "show", "config").stdout, re.MULTILINE)
        if found and int(found[1]) > 0:
            return int(found[1])
    return LARGEST_ARRAY


def _sbatch(*words: str) -> str:
    """The number of a job that was submitted."""
    if shutil.which("sbatch") is None:
        raise ClusterError("there is no sbatch on this machine", "submit from a login node of the cluster")
    done = _run("sbatch", *words)
    number = done.stdout.strip().partition(";")[0]  # a cluster's name may follow
    if done.returncode or not number.isdigit():
        said = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
        remedy = f"change the options for Slurm, or submit {words[-1]} by hand"
        raise ClusterError(f"sbatch refuses {words[-1]} ({said[-1]})", remedy)
    return number


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    """A finished program of Slurm."""
    return subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - no shell reads them
