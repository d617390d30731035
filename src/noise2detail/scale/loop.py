"""One unit after the other in this process: the reference for every other driver."""

from collections.abc import Sequence

from noise2detail.scale.outcome import ATTEMPTS, Results, Stop, Task, UnitFailed, ends_all, in_words, passes
from noise2detail.scale.plan import ScalePlan


def loop(task: Task, plan: ScalePlan, units: Sequence[int], results: Results, stop: Stop) -> None:
    """Every unit in order; one that fails does not stop the others."""
    for index in units:
        if stop.asked or results.ended:
            return
        attempt(task, plan, index, results)


def attempt(task: Task, plan: ScalePlan, index: int, results: Results) -> None:
    """A unit, tried again where that may help."""
    for number in range(1, ATTEMPTS + 1):
        try:
            results.take(index, task(plan, index))
        except Exception as error:  # noqa: BLE001 - whatever it is, the other units go on
            if number == ATTEMPTS or not passes(error):
                results.fail(UnitFailed(index, in_words(error), number, ends_all(error)))
                return
        else:
            return
