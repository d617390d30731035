"""Many files, one after the other: a failure is reported, and the rest is done."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from noise2detail.cli.exit_codes import ExitCode
from noise2detail.cli.guard import interrupted_code, tell
from noise2detail.cli.jobs import Job, Jobs
from noise2detail.cli.voice import Voice
from noise2detail.errors import SettingError
from noise2detail.host.usage import peak_mib, seconds_since_start

ASKED = ("input", "output", "method", "recipe", "seconds_total", "seconds_denoise", "peak_mib")
"""Keys of a record that come first."""


@dataclass(frozen=True)
class Place:
    """Which file of how many."""

    number: int
    """From 1."""
    count: int

    def label(self, job: Job) -> str:
        """Name of the file, with its place where there are several."""
        return f"[{self.number}/{self.count}] {job.source.name}" if self.count > 1 else job.source.name


Work = Callable[[Job, str], Mapping[str, Any]]
"""A job and what to call it; gives what is to be told about it."""


def run_jobs(jobs: Jobs, work: Work, voice: Voice) -> ExitCode:
    """Do all jobs and report each.

    Parameters
    ----------
    jobs
        What to do.
    work
        Does one of them.
    voice
        Hears of results and failures.

    Raises
    ------
    typer.Exit
        The user interrupted.
    SettingError
        What was asked for fits no file.
    """
    tell_left_out(jobs.skipped, jobs.told, voice)
    for error in jobs.absent:
        report_failure(error.path, error, voice)
    done, failed, last = 0, len(jobs.absent), time.perf_counter() - seconds_since_start()
    for number, job in enumerate(jobs.jobs, 1):
        before = _state(job)
        try:
            with voice.warnings_shown():
                told = work(job, Place(number, len(jobs.jobs)).label(job))
        except KeyboardInterrupt as error:
            written = "the result" if _state(job) != before else "nothing"
            others = f"; {done} of {len(jobs.jobs)} files were done before" if len(jobs.jobs) > 1 else ""
            tell(f"interrupted: {written} was written for {job.source}{others}")
            raise typer.Exit(interrupted_code(error)) from error
        except SettingError:
            raise
        except Exception as error:  # noqa: BLE001 - reported, and the exit code says so
            report_failure(job.source, error, voice)
            failed += 1
        else:
            now = time.perf_counter()
            report_done(job, told, now - last, voice)
            done, last = done + 1, now
    if jobs.several:
        voice.note(f"{done} done, {failed} failed, {len(jobs.skipped)} skipped")
    return _exit_code(done, failed)


def tell_left_out(skipped: Sequence[tuple[Path, str]], told: Sequence[tuple[Path, str]], voice: Voice) -> None:
    """Print in one line what was left out: by name where it is one file, else counted by the reason.

    Parameters
    ----------
    skipped
        Files, each with the reason.
    told
        Folders, and what people should know about their images; a line each.
    voice
        Hears of it, and of every file if it wants to know more.
    """
    if len(skipped) == 1:
        ((path, reason),) = skipped
        voice.note(f"skipped {path}: {reason}")
    elif skipped:
        counts = Counter(reason for _, reason in skipped)
        first = {reason: path.name for path, reason in reversed(skipped)}
        parts = [f"{count} {reason}, such as {first[reason]}" for reason, count in counts.most_common()]
        voice.note(f"skipped {len(skipped)} files: {'; '.join(parts)}")
        for path, reason in skipped:
            voice.detail(f"skipped {path}: {reason}")
    for folder, about in told:
        voice.note(f"{folder}: {about}")


def _state(job: Job) -> tuple[int, int] | None:
    """What tells one version of an output from the next; it appears whole or not at all."""
    try:
        found = job.output.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino


def _exit_code(done: int, failed: int) -> ExitCode:
    if not failed:
        return ExitCode.DONE
    return ExitCode.SOME_FAILED if done else ExitCode.FAILED


def report_done(job: Job, told: Mapping[str, Any], seconds: float, voice: Voice) -> None:
    """Print what came of a file."""
    record = {
        "input": str(job.source),
        "output": str(job.output),
        "seconds_total": round(seconds, 3),
        "peak_mib": round(peak_mib(), 1),
    } | dict(told)
    record |= {} if job.image.image is None else {"image": job.image.image}
    ordered = {key: record[key] for key in ASKED if key in record} | record
    voice.result(ordered, f"{job.source} -> {job.output}  ({seconds:.1f} s)")


def report_failure(source: Any, error: Exception, voice: Voice) -> None:
    """Print why a file was not done."""
    said = voice.error(error, str(source))
    if voice.json:
        voice.result({"input": str(source), "output": None, "error": said}, "")
