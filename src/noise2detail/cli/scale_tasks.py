"""Tasks of a batch system: a share of the units, or the end of a run, and what is said about them."""

import time
from pathlib import Path

from noise2detail.cli.exit_codes import ExitCode
from noise2detail.cli.scale_progress import unit_progress
from noise2detail.cli.scaling import tell_failed, told
from noise2detail.cli.stopping import stopping
from noise2detail.cli.voice import Voice
from noise2detail.scale.outcome import Stop
from noise2detail.scale.plan import ScalePlan
from noise2detail.scale.running import processes
from noise2detail.scale.tasks import Share, run_last, run_share


def do_share(plan: ScalePlan, own: Share, voice: Voice) -> ExitCode:
    """Do what is missing of a share.

    Raises
    ------
    Noise2DetailError
        Nothing can be begun.
    """
    start, stop = time.perf_counter(), Stop()
    with voice.warnings_shown(), stopping(stop, voice), unit_progress(Path(plan.source).name, voice) as (hearing, _):
        outcome = run_share(plan, own, hearing, stop)
    seconds = time.perf_counter() - start
    tell_failed(plan, outcome, voice)
    record = {
        "output": plan.target,
        "task": own.task,
        "done": outcome.done,
        "failed": [{"unit": unit.index, "reason": unit.reason, "attempts": unit.attempts} for unit in outcome.failed],
        "stopped": outcome.stopped,
        "seconds_total": round(seconds, 3),
    }
    ended = ", stopped before its end" if outcome.stopped else ""
    voice.result(record, f"{plan.target}: task {own.task} did {outcome.done} units in {seconds:.1f} s{ended}")
    if outcome.failed:
        return ExitCode.SOME_FAILED if outcome.done else ExitCode.FAILED
    return ExitCode.UNFINISHED if outcome.stopped else ExitCode.DONE


def do_last(plan: ScalePlan, claim: str, workers: int, voice: Voice) -> ExitCode:
    """Finish the output.

    Raises
    ------
    Noise2DetailError
        Nothing can be begun.
    """
    start, stop = time.perf_counter(), Stop()
    with (
        voice.warnings_shown(),
        stopping(stop, voice),
        unit_progress(Path(plan.source).name, voice) as (hearing, _),
        processes(workers)(plan) as execute,
    ):
        outcome = run_last(plan, claim, execute, hearing, stop)
    return told(plan, outcome, time.perf_counter() - start, voice)
