"""A run in parts that other programs start: tasks of a batch system, each with its share of the units."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from noise2detail.errors import UnreadableFileError
from noise2detail.scale.beginning import PLAN, begun
from noise2detail.scale.claim import Holder, give_back, hand_over, shared_claim
from noise2detail.scale.driving import drive
from noise2detail.scale.loop import loop
from noise2detail.scale.markers import pending, work_place
from noise2detail.scale.outcome import Executor, Hearing, Outcome, Results, Silent, Stop
from noise2detail.scale.plan import ScalePlan, check_versions
from noise2detail.scale.slurm import SlurmJob, SlurmWish, Submitted, share, submit, write_job
from noise2detail.scale.unit import run_unit


@dataclass(frozen=True)
class Share:
    """What one task does."""

    task: str
    """K/N: of the units in their order every N-th, from the K-th on."""
    listed: Path | None = None
    """File with the numbers of the units that are shared out; None: all units in full size."""
    claim: str = ""
    """Token of the claim under which all tasks work; empty: there is none."""


def plan_of(target: str, storage: Mapping[str, Any]) -> ScalePlan:
    """The plan of an output that was begun.

    Raises
    ------
    UnreadableFileError
        None was.
    """
    plan = begun(target, storage)
    if plan is None:
        raise UnreadableFileError(f"{target}.n2d/{PLAN}", "there is no plan", "begin the output with n2d scale")
    return plan


def run_share(
    plan: ScalePlan, own: Share, hearing: Hearing | None = None, stop: Stop | None = None, execute: Executor = loop
) -> Outcome:
    """How the units of one task ended: those of its share that are missing, in full size only.

    Raises
    ------
    ClaimedError
        Somebody else works on the output.
    OtherWorkError
        This process runs another version than the plan was made with.
    SettingError, UnreadableFileError
        There is no such task, or its list of units cannot be read.
    """
    check_versions(plan)
    stop = stop or Stop()
    units = share(_listed(plan, own.listed), own.task)
    results = Results(hearing or Silent())
    with shared_claim(work_place(plan), plan.target, own.claim, stop.ask):
        todo = pending(plan, units)
        results.hearing.begin("denoising", len(todo), len(units))
        execute(run_unit, plan, todo, results, stop)
    left = len(todo) > len(results.done)
    failed = tuple(sorted(results.failed, key=lambda unit: unit.index))
    return Outcome(len(results.done), 0, failed, stop.asked and left)


def run_last(
    plan: ScalePlan, claim: str, execute: Executor, hearing: Hearing | None = None, stop: Stop | None = None
) -> Outcome:
    """How finishing an output ended: its units are checked, those that are missing are done, and the smaller sizes.

    The claim is given back.

    Raises
    ------
    ClaimedError
        Somebody else works on the output.
    OtherWorkError
        This process runs another version than the plan was made with.
    """
    stop = stop or Stop()
    with shared_claim(work_place(plan), plan.target, claim, stop.ask):
        try:
            return drive(plan, execute, hearing, stop)
        finally:
            give_back(work_place(plan), claim)


def hand_to_slurm(
    plan: ScalePlan, mine: Holder | None, folder: Path, command: Sequence[str], wish: SlurmWish
) -> tuple[SlurmJob, Submitted | None]:
    """What was written, and the numbers of the jobs, which hold the claim from now on.

    Parameters
    ----------
    plan
        Whose output is claimed by this process.
    mine
        The claim; None: nothing is submitted, and the scripts work without one.
    folder
        For the scripts and what the tasks say.
    command
        That does a share of the units with ``--units FILE --task K/N``, and finishes with ``--last``.
    wish
        What is asked of Slurm.

    Raises
    ------
    ClusterError
        Slurm refuses; nothing was submitted.
    SettingError
        No unit is missing in full size.
    UnwritableFileError
        The folder cannot be written.
    """
    token = ["--claim", mine.token] if mine is not None else []
    name = f"n2d-{Path(plan.target).name.partition('.')[0]}"
    commands = {"array": [*command, *token], "last": [*command, *token, "--last"]}
    job = write_job(folder, name, commands, pending(plan, plan.stages[0]), wish)
    if mine is None:
        return job, None
    submitted = submit(job)
    hand_over(work_place(plan), mine, (submitted.array, submitted.last))
    return job, submitted


def _listed(plan: ScalePlan, file: Path | None) -> Sequence[int]:
    """Numbers of the units that are shared out."""
    if file is None:
        return plan.stages[0]
    expected = "expected a list of numbers of units, as n2d scale --slurm writes it"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableFileError(file, f"cannot be read ({error.strerror})", expected) from error
    except ValueError as error:
        raise UnreadableFileError(file, f"is no JSON ({error})", expected) from error
    if not isinstance(found, list) or not all(type(one) is int and one in plan.stages[0] for one in found):
        raise UnreadableFileError(file, "lists what is no unit of this plan in full size", expected)
    return found
