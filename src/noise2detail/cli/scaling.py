"""A store, denoised in units: plan, run, and what is said about it."""

import json as json_format
import re
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from noise2detail.cli.exit_codes import ExitCode
from noise2detail.cli.scale_progress import unit_progress
from noise2detail.cli.stopping import stopping
from noise2detail.cli.voice import Voice
from noise2detail.cli.wishes import Wishes, imitation, settle
from noise2detail.errors import Cancelled, SettingError
from noise2detail.io import write_bytes
from noise2detail.io.names import refuse_place
from noise2detail.pipeline.threads import cores
from noise2detail.scale.beginning import begun, denoiser_beside, read_prepared
from noise2detail.scale.markers import pending
from noise2detail.scale.outcome import Executor, Outcome, Stop
from noise2detail.scale.place import default_target, place_of
from noise2detail.scale.plan import ScalePlan, plan_text
from noise2detail.scale.preparing import Asked, Prepared, prepare
from noise2detail.scale.running import Opening, processes, run
from noise2detail.scale.status import status_of


@dataclass(frozen=True)
class Request:
    """The command line as it was typed."""

    source: str
    """Path or address."""
    output: str | None
    """None: beside the input."""
    wishes: Wishes
    """What is computed, and how."""
    storage: tuple[str, ...] = ()
    """``NAME=VALUE`` each."""
    workers: int | None = None
    """None: one for each core."""
    plan: str | None = None
    """A file; None: a plan is made."""
    overwrite: bool = False
    """Replace what is there already."""
    unit_pixels: int | None = None
    """Up to which small files are put together to one unit; None: the usual number."""

    @property
    def target(self) -> str:
        """Path or address of the output."""
        return self.output or default_target(self.source)

    def processes(self, device: str) -> int:
        """Units at work at once on a device; 0: in this process."""
        most = cores() if device == "cpu" else 1  # several processes would share the memory of one GPU
        return most if self.workers is None else self.workers


def scale_store(request: Request, voice: Voice, executor: Opening | None = None) -> ExitCode:
    """Denoise a store.

    Parameters
    ----------
    request, voice
        What to do, and what to say.
    executor
        Of the units; None: processes of this machine.

    Raises
    ------
    Noise2DetailError
        Nothing can be begun.
    """
    start, stop = time.perf_counter(), Stop()
    wanted = wanted_of(request, voice)
    device = wanted.run.device if isinstance(wanted, Asked) else wanted.plan.fit.device
    opening = executor or processes(request.processes(device))
    with (
        voice.warnings_shown(),
        stopping(stop, voice),
        unit_progress(Path(request.source).name, voice) as (hearing, on_step),
    ):
        try:
            outcome = run(
                wanted,
                executor=lambda plan: shown(plan, opening, voice),
                overwrite=request.overwrite,
                hearing=hearing,
                stop=stop,
                on_step=on_step,
            )
        except Cancelled as stopped:
            voice.note(str(stopped))
            return ExitCode.UNFINISHED
    where = wanted.target if isinstance(wanted, Asked) else wanted.plan.target
    plan = begun(where, storage_options(request.storage))
    assert plan is not None  # noqa: S101 - it has just been run
    return told(plan, outcome, time.perf_counter() - start, voice)


def shown(plan: ScalePlan, opening: Opening, voice: Voice) -> AbstractContextManager[Executor]:
    """What executes the units of a plan, after the plan was told as far as people want to know."""
    voice.detail(str(plan))
    for warning in plan.warnings:
        voice.warning(warning)
    return opening(plan)


def wanted_of(request: Request, voice: Voice) -> Asked | Prepared:
    """What is to be run: wishes, or a plan from a file.

    Raises
    ------
    SettingError, UnreadableFileError
        A wish that cannot be met, or a plan that cannot be read.
    """
    storage = storage_options(request.storage)
    if request.plan is not None:
        found = read_prepared(request.plan, storage)
        target = place_of(request.output or found.plan.target, storage).url
        return replace(found, plan=replace(found.plan, source=place_of(request.source, storage).url, target=target))
    settled = settle(request.wishes)
    voice.warning(imitation(settled.run))
    return Asked(
        source=request.source,
        target=request.target,
        method=settled.method,
        recipe=settled.recipe,
        seed=settled.seed,
        run=settled.run,
        workers=max(1, request.processes(settled.run.device)),
        axes=settled.axes,
        image=settled.image,
        storage=storage,
        most=request.unit_pixels,
    )


def told(plan: ScalePlan, outcome: Outcome, seconds: float, voice: Voice) -> ExitCode:
    """The exit code of a run, after it was said how it ended."""
    tell_failed(plan, outcome, voice)
    left = 0 if outcome.finished else len(pending(plan))
    record = {
        "file": plan.source,
        "output": plan.target,
        "finished": outcome.finished,
        "units": plan.count,
        "done": outcome.done,
        "checked": outcome.checked,
        "failed": [{"unit": unit.index, "reason": unit.reason, "attempts": unit.attempts} for unit in outcome.failed],
        "seconds_total": round(seconds, 3),
        "fingerprint": plan.fingerprint,
    }
    if outcome.finished:
        before = f", {outcome.checked} were there already" if outcome.checked else ""
        voice.result(record, f"{plan.target}: {outcome.done} units in {seconds:.1f} s{before}")
        return ExitCode.DONE
    voice.result(record, f"{plan.target}: unfinished, {left} of {plan.count} units are left; the same command goes on")
    if outcome.failed:
        return ExitCode.SOME_FAILED if outcome.done + outcome.checked else ExitCode.FAILED
    return ExitCode.UNFINISHED


def tell_failed(plan: ScalePlan, outcome: Outcome, voice: Voice) -> None:
    """Name the units that could not be done."""
    for unit in outcome.failed:
        level, box = plan.place(unit.index)
        at = ", ".join(f"{axis} {one.start}-{one.stop}" for axis, one in zip(plan.axes.lower(), box, strict=True))
        tries = f" after {unit.attempts} tries" if unit.attempts > 1 else ""
        where = f"unit {unit.index} ({at}{f', size {level + 1}' if level else ''})"
        voice.error_line(f"{where} failed{tries}: {unit.reason}")


def tell_status(request: Request, voice: Voice) -> ExitCode:
    """Tell how far an output is.

    Raises
    ------
    UnreadableFileError
        Nothing was begun there.
    """
    found = status_of(request.target, storage_options(request.storage))
    holder = found.holder
    record = {
        "output": found.plan.target,
        "finished": found.finished,
        "units": [level.count for level in found.plan.levels],
        "done": list(found.done),
        "mpx_per_s": found.mpx_per_s,
        "driver": None if holder is None else {"host": holder.host, "process": holder.process, "since": holder.started},
        "fingerprint": found.plan.fingerprint,
    }
    voice.result(record, str(found))
    return ExitCode.DONE


def unit_request(
    files: Sequence[Path],
    output: Path | None,
    wishes: Wishes,
    storage: tuple[str, ...],
    refused: Sequence[str],
    *,
    overwrite: bool,
) -> Request:
    """What ``n2d plan --units`` asks for.

    Raises
    ------
    SettingError
        Several inputs, or an option that has no place in a plan of units.
    """
    if len(files) > 1:
        raise SettingError(f"--units is for one store, and {len(files)} are named; expected one")
    if refused:
        names = ", ".join("--" + name.replace("_", "-") for name in refused)
        raise SettingError(f"{names} cannot be planned in units; expected --units without it")
    own = replace(wishes, method=wishes.method or "noise2detail", fit="shared")
    return Request(address(files[0]), address(output) if output else None, own, storage, overwrite=overwrite)


def address(path: Path) -> str:
    """A path as it was typed: of an address, which is none, a slash was lost.

    >>> address(Path("s3://bucket/a.ome.zarr")), address(Path("a/b.ome.zarr"))
    ('s3://bucket/a.ome.zarr', 'a/b.ome.zarr')
    """
    return re.sub(r"^([a-z][a-z0-9+.-]+):/(?=[^/])", r"\1://", path.as_posix())


def plan_units(request: Request, file: Path, voice: Voice) -> ExitCode:
    """Print the plan of units for a store; keep it and its denoiser in files.

    Raises
    ------
    Noise2DetailError
        It cannot be made, or the files must not be written.
    """
    beside = file.with_name(denoiser_beside(file.name))
    for place in (file, beside):
        refuse_place(place, None, request.overwrite)
    wanted = wanted_of(request, voice)
    assert isinstance(wanted, Asked)  # noqa: S101 - there is no plan yet
    with voice.warnings_shown(), unit_progress(Path(request.source).name, voice) as (_, on_step):
        made = prepare(wanted, on_step)
    write_bytes(beside, made.denoiser, overwrite=request.overwrite)
    write_bytes(file, plan_text(made.plan), overwrite=request.overwrite)
    voice.result({"file": str(file), **json_format.loads(plan_text(made.plan))}, str(made.plan))
    return ExitCode.DONE


def storage_options(typed: Sequence[str]) -> dict[str, Any]:
    """Options of the storage; whole numbers, true and false, and JSON are what they look like.

    Raises
    ------
    SettingError
        Not NAME=VALUE.

    >>> storage_options(["anon=true", "endpoint_url=http://localhost:9000", 'client_kwargs={"region_name": "x"}'])
    {'anon': True, 'endpoint_url': 'http://localhost:9000', 'client_kwargs': {'region_name': 'x'}}
    """
    found: dict[str, Any] = {}
    for option in typed:
        name, equals, value = option.partition("=")
        if not name or not equals:
            raise SettingError(
                f"--storage-option {option} is no option; expected NAME=VALUE, as in --storage-option anon=true"
            )
        try:
            found[name.strip()] = json_format.loads(value)
        except ValueError:
            found[name.strip()] = value
    return found
