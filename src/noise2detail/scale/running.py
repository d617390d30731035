"""A whole run: claim the output, begin it or go on with it, drive its units."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from noise2detail.errors import Cancelled
from noise2detail.method import Step, ignore
from noise2detail.scale.beginning import begin, begin_planned
from noise2detail.scale.claim import Holder, claimed
from noise2detail.scale.driving import drive
from noise2detail.scale.loop import loop
from noise2detail.scale.outcome import Executor, Hearing, Outcome, Stop
from noise2detail.scale.place import beside, place_of
from noise2detail.scale.plan import WORK, ScalePlan
from noise2detail.scale.pool import pool
from noise2detail.scale.preparing import Asked, Prepared

Opening = Callable[[ScalePlan], AbstractContextManager[Executor]]
"""Opens what executes the units of a plan, for as long as a block runs."""


def run(
    wanted: Asked | Prepared,
    *,
    executor: Opening | None = None,
    workers: int = 1,
    overwrite: bool = False,
    hearing: Hearing | None = None,
    stop: Stop | None = None,
    on_step: Callable[[Step], None] = ignore,
) -> Outcome:
    """How denoising a store in units ended; begun, gone on with, or found complete.

    Parameters
    ----------
    wanted
        What is asked for, or a plan that was made before.
    executor
        Of the units; None: as many processes of this machine as ``workers``.
    workers
        0: this process itself.
    overwrite
        Remove what is there and begin anew.
    hearing, stop, on_step
        Hear of units, ask to stop after those in flight, hear of the training.

    Raises
    ------
    ClaimedError
        Somebody else works on the output.
    OtherWorkError, OutputExistsError
        Something else is there.
    SettingError, InputError, FileError
        As ``prepare``.
    Cancelled
        Asked to stop while the denoiser was trained: no unit was begun.
    """
    stop = stop or Stop()
    opening = executor or processes(workers)
    with output_claimed(wanted, stop):
        plan = begin_wanted(wanted, overwrite=overwrite, on_step=until_stopped(stop, on_step))
        with opening(plan) as execute:
            return drive(plan, execute, hearing, stop)


def begin_wanted(wanted: Asked | Prepared, *, overwrite: bool, on_step: Callable[[Step], None]) -> ScalePlan:
    """The plan of an output that is begun, or was begun before by the same wishes or the same plan.

    Raises
    ------
    OtherWorkError, OutputExistsError, SettingError, InputError, FileError
        As ``begin`` and ``begin_planned``.
    """
    if isinstance(wanted, Asked):
        return begin(wanted, overwrite=overwrite, on_step=on_step)
    return begin_planned(wanted, overwrite=overwrite)


def until_stopped(stop: Stop, on_step: Callable[[Step], None]) -> Callable[[Step], None]:
    """Hears of a training, and ends it where the run is asked to stop: a training cannot be gone on with."""

    def heard(step: Step) -> None:
        if stop.asked:
            raise Cancelled("stopped while the denoiser was trained: no unit was begun; the same command begins anew")
        on_step(step)

    return heard


def processes(workers: int) -> Opening:
    """Opens a pool of processes; 0: units run one after the other in this process."""
    if workers == 0:
        return lambda _: nullcontext(loop)
    return lambda plan: pool(plan, workers)


@contextmanager
def output_claimed(wanted: Asked | Prepared, stop: Stop) -> Iterator[Holder]:
    """Block in which this process alone works on an output; whoever loses the claim is asked to stop."""
    named = wanted if isinstance(wanted, Asked) else wanted.plan
    target = place_of(named.target, named.storage)
    with claimed(place_of(beside(target.url, WORK), named.storage), target.url, stop.ask) as mine:
        yield mine
