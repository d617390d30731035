"""A store, denoised in units somewhere else than in processes of this machine: on Dask workers, or by Slurm."""

import sys
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from noise2detail.cli.exit_codes import ExitCode
from noise2detail.cli.scale_progress import unit_progress
from noise2detail.cli.scaling import Request, scale_store, storage_options, wanted_of
from noise2detail.cli.voice import Voice
from noise2detail.errors import SettingError
from noise2detail.scale.dask_driver import DaskExecutor, check_workers, connected
from noise2detail.scale.outcome import Stop
from noise2detail.scale.place import Folder, Place, apart, place_of, sayable
from noise2detail.scale.plan import WORK, ScalePlan
from noise2detail.scale.running import begin_wanted, output_claimed
from noise2detail.scale.slurm import SlurmJob, SlurmWish, Submitted
from noise2detail.scale.tasks import hand_to_slurm

FOLDER = "slurm"
"""Name of the folder for scripts and logs, beside the markers."""


@dataclass(frozen=True)
class Elsewhere:
    """Where units are computed, as it was typed."""

    dask: str | None = None
    """Address; None: not on Dask."""
    slurm: bool = False
    """Submit jobs."""
    slurm_write: bool = False
    """Write their scripts only."""
    folder: Path | None = None
    """For the scripts."""
    wish: SlurmWish = field(default_factory=SlurmWish)
    """What is asked of Slurm."""

    @property
    def is_here(self) -> bool:
        """Nothing else was typed."""
        return self.dask is None and not self.slurm and not self.slurm_write


def scale_elsewhere(request: Request, elsewhere: Elsewhere, voice: Voice) -> ExitCode:
    """Denoise a store on Dask workers, or hand it to Slurm.

    Raises
    ------
    SettingError
        Two places at once, or an option of the other.
    Noise2DetailError
        Nothing can be begun.
    """
    by_slurm = elsewhere.slurm or elsewhere.slurm_write
    if elsewhere.dask is not None and by_slurm:
        raise SettingError("--dask and --slurm are two places for the same units; expected one of them")
    if request.workers is not None:
        other = "a Dask cluster has workers of its own: --dask local:N" if elsewhere.dask else "give --slurm-tasks N"
        raise SettingError(f"--workers is for processes of this machine; {other}")
    if by_slurm:
        return _on_slurm(request, elsewhere, voice)
    return _on_dask(request, str(elsewhere.dask), voice)


def _on_dask(request: Request, address: str, voice: Voice) -> ExitCode:
    with connected(address) as client:
        check_workers(client, {})  # before the training, and again before units
        return scale_store(request, voice, lambda _: nullcontext(DaskExecutor(client)))


def _on_slurm(request: Request, elsewhere: Elsewhere, voice: Voice) -> ExitCode:
    wanted, stop = wanted_of(request, voice), Stop()
    with (
        voice.warnings_shown(),
        unit_progress(Path(request.source).name, voice) as (_, on_step),
        output_claimed(wanted, stop) as mine,
    ):
        plan = begin_wanted(wanted, overwrite=request.overwrite, on_step=on_step)
        wish = replace(elsewhere.wish, cpus=plan.fit.threads)
        folder = elsewhere.folder or _default_folder(plan)
        command = _task_command(plan, request)
        job, submitted = hand_to_slurm(plan, mine if elsewhere.slurm else None, folder, command, wish)
    _tell(plan, job, submitted, voice)
    return ExitCode.DONE


def _task_command(plan: ScalePlan, request: Request) -> list[str]:
    """What a job runs: this Python, wherever the PATH of a node leads."""
    words = [sys.executable, "-m", "noise2detail", "scale-task", plan.target]
    said = sayable(storage_options(request.storage))
    for option in request.storage:
        if option.partition("=")[0].strip() in said:
            words += ["--storage-option", option]
    return words


def _default_folder(plan: ScalePlan) -> Path:
    work: Place = place_of(plan.work, plan.storage)
    return work.path / FOLDER if isinstance(work, Folder) else Path(apart(plan.target)[1] + WORK) / FOLDER


def _tell(plan: ScalePlan, job: SlurmJob, submitted: Submitted | None, voice: Voice) -> None:
    record = {
        "output": plan.target,
        "units": job.units,
        "tasks": job.tasks,
        "array": None if submitted is None else submitted.array,
        "last": None if submitted is None else submitted.last,
        "folder": str(job.folder),
    }
    said = f"{plan.target}: {job.units} unit{'s' * (job.units != 1)} for {job.tasks} task{'s' * (job.tasks != 1)}"
    if submitted is None:
        told = (
            f"{said} are written, not submitted:\nsbatch {job.array}\nsbatch --dependency=afterany:JOB {job.last}\n"
            "where JOB is the number that the first one prints"
        )
    else:
        told = (
            f"{said} are submitted: job {submitted.array}, and job {submitted.last} to finish the output; what they "
            f"say comes to {job.folder}"
        )
    voice.result(record, told)
