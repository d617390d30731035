"""From a begun plan to a finished output, whatever executes the units."""

import time

from noise2detail.scale.finishing import finish, is_finished
from noise2detail.scale.loop import loop
from noise2detail.scale.markers import done_units, pending
from noise2detail.scale.outcome import Executor, Hearing, Outcome, Results, Silent, Stop, UnitFailed
from noise2detail.scale.plan import ScalePlan, check_versions
from noise2detail.scale.unit import check_unit, run_unit


def drive(
    plan: ScalePlan, execute: Executor = loop, hearing: Hearing | None = None, stop: Stop | None = None
) -> Outcome:
    """How the run ended: units that were done before are checked, those that are missing are done, size by size.

    A unit that fails does not stop the others; those of smaller sizes that would be made of it are left out.

    Parameters
    ----------
    plan
        Whose output has been begun, and is claimed.
    execute
        Runs units.
    hearing
        Hears of each unit.
    stop
        Asks to stop after the units in flight.

    Raises
    ------
    OtherWorkError
        This process runs another version than the plan was made with.
    """
    check_versions(plan)
    hearing, stop = hearing or Silent(), stop or Stop()
    start = time.perf_counter()
    before = sorted(done_units(plan) & frozenset(range(plan.count)))
    checks = Results(Silent())
    if before:
        hearing.begin("checking", len(before), len(before))
        execute(check_unit, plan, before, checks, stop)
    failed, done = list(checks.failed), 0
    for level, stage in enumerate(plan.stages):
        if stop.asked or any(unit.ends for unit in failed):
            break
        todo = pending(plan, stage)
        results = Results(hearing)
        hearing.begin("denoising" if level == 0 else f"size {level + 1}", len(todo), len(stage))
        execute(run_unit, plan, todo, results, stop)
        failed += results.failed
        done += len(results.done)
    whole = not failed and not pending(plan)
    if whole and (done or not is_finished(plan)):
        finish(plan, time.perf_counter() - start)
    return Outcome(done, len(checks.done), _named(failed), stop.asked and not whole, whole)


def _named(failed: list[UnitFailed]) -> tuple[UnitFailed, ...]:
    return tuple(sorted(failed, key=lambda unit: unit.index))
