"""What the engine does for each kind of request: the only part of the plugin that needs PyTorch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail import fitted
from noise2detail.errors import SettingError
from noise2detail.image import Image
from noise2detail.io import write_bytes
from noise2detail.io.sidecar import plain
from noise2detail.machine_cache import machine_for
from noise2detail.method import Method
from noise2detail.metrics.bootstrap import DRAWS
from noise2detail.napari.growing import PlanePixels, put_plane
from noise2detail.napari.handover import new_array
from noise2detail.napari.jobs import (
    DenoiserWritten,
    FitRequest,
    Judged,
    NoiseMeasured,
    Picture,
    Planned,
    PreviewRequest,
    ReportRequest,
    ReportWritten,
    Request,
    RunRequest,
    Settings,
    UncertaintyDone,
)
from noise2detail.napari.noise import noise_of_channels
from noise2detail.napari.telling import Teller
from noise2detail.pipeline.denoise import apply_by_plane, execute, execute_planes
from noise2detail.pipeline.layout import lay_out
from noise2detail.pipeline.noise import ChannelNoise, channel_noise
from noise2detail.pipeline.planning import choose_method, planned
from noise2detail.pipeline.progress import Listener, share
from noise2detail.pipeline.replaying import plan_from_data
from noise2detail.pipeline.run import Run, find_device
from noise2detail.plans import Plan
from noise2detail.report.composing import compose
from noise2detail.report.examining import examine
from noise2detail.report.pairing import pair
from noise2detail.report.render import render
from noise2detail.report.repeats import image_again, target_of
from noise2detail.report.subject import Subject
from noise2detail.report.uncertainty import image_uncertainty, noise_of
from noise2detail.settings import changed
from noise2detail.types import Pixels

OF_A_MACHINE = ("device", "precision", "threads", "max_memory")
"""Fields of ``Run`` that do not concern a fit."""

Tell = Callable[[Any], None]
Check = Callable[[], None]
"""Raises ``Cancelled`` where that is wished."""


@dataclass(frozen=True, eq=False)
class Settled:
    """Settings as the pipeline takes them."""

    method: Method
    recipe: str
    seed: int
    run: Run


def settled(settings: Settings) -> Settled:
    """What settings mean on this machine.

    Raises
    ------
    SettingError
        A method, recipe, setting, device or mode that does not exist or does not fit.
    """
    _, recipe, method = choose_method(settings.method, settings.recipe)
    for one in settings.set:
        method = changed(method, one)
    try:
        run = Run(**settings.run)
    except TypeError as error:
        raise SettingError(f"run holds {sorted(settings.run)}; expected fields of noise2detail.Run") from error
    if run.machine is None:
        run = replace(run, machine=machine_for(find_device(run.device), run.threads))
    return Settled(method, recipe, settings.seed, run)


def worked(request: Request, tell: Tell, check: Check) -> dict[str, Any]:
    """The plan of what was done, as plain data; everything else is told on the way."""
    if isinstance(request, PreviewRequest):
        return _previewed(request, tell, check)
    if isinstance(request, RunRequest):
        return _ran(request, tell, check)
    if isinstance(request, FitRequest):
        return _fitted(request, tell, check)
    return _reported(request, tell, check)


def _previewed(request: PreviewRequest, tell: Tell, check: Check) -> dict[str, Any]:
    array, axes, own = np.asarray(request.image.array), request.image.axes, settled(request.settings)
    check()
    found = planned(array, axes, own.method, own.recipe, own.seed, own.run)
    check()
    _tell_plan(found.plan, tell)
    _tell_noise(found.seen, request.image, tell)
    teller = Teller(tell, check, found.plan.expected_seconds)
    teller.show(array, found.plan, found.layout)
    result = execute(array, found.plan, found.method, found.layout, teller.step)
    tell(Picture(result, "final", f"denoised with {found.plan.method}, recipe {found.plan.recipe}"))
    check()
    seen = found.seen
    if not seen:
        seen = channel_noise(request.image)
        _tell_noise(seen, request.image, tell)
    check()
    if request.judge:
        _tell_verdict(request.image, result, found.plan, seen, tell)
    return dict(plain(found.plan))


def _ran(request: RunRequest, tell: Tell, check: Check) -> dict[str, Any]:
    array, axes = np.asarray(request.image.array), request.image.axes
    repeats = _repeats(request, array)
    listening = Teller(tell, check, None)
    first: Listener = share(listening.step, 0.0, 1 / (1 + repeats))
    seen: tuple[ChannelNoise, ...] = ()
    if request.denoiser is None:
        own = settled(request.settings)
        check()
        found = planned(array, axes, own.method, own.recipe, own.seed, own.run)
        plan, layout, seen = found.plan, found.layout, found.seen
        planes = execute_planes(array, plan, found.method, layout, first)
    else:
        learnt = fitted.load(request.denoiser, run=Run(**_of_a_denoiser(request.settings)))
        plan, layout = fitted.plan_application(learnt, array, axes)
        planes = apply_by_plane(array, plan, layout, learnt.denoisers, first)
    check()
    seconds = plan.expected_seconds
    listening.expect(None if seconds is None else seconds * (1 + repeats))
    _tell_plan(replace(plan, expected_seconds=listening.expected), tell)
    _tell_noise(seen, request.image, tell)
    result = new_array(array.shape, array.dtype) if request.judge or request.uncertainty else None
    for index, pixels in planes:
        tell(PlanePixels("result", index, pixels))
        if result is not None:
            put_plane(result, layout, index, pixels)
        check()
    if request.judge and result is not None:
        listening.say("judging", 1 / (1 + repeats))
        _tell_verdict(request.image, result, plan, seen, tell)
    if request.uncertainty and result is not None:
        check()
        _tell_uncertainty(request, result, plan, share(listening.step, 1 / (1 + repeats), 1.0), tell)
    return dict(plain(plan))


def _repeats(request: RunRequest, array: Pixels) -> int:
    """How often the image is denoised again."""
    if not request.uncertainty:
        return 0
    if request.denoiser is not None:
        raise SettingError(
            "the uncertainty is found by denoising again from scratch, and this image is denoised by what was learnt "
            "from another; expected one of both: untick the uncertainty, or run on the layer by itself"
        )
    return (request.draws or DRAWS) + _is_rounded(array)


def _is_rounded(array: Pixels) -> bool:
    """Whether a result of the type of an array must be computed once more to be had as it was before it was rounded."""
    return not (array.dtype.kind == "f" and array.dtype.itemsize >= 4)


def _of_a_denoiser(settings: Settings) -> Mapping[str, Any]:
    """What of the settings does not concern the fit."""
    return {
        name: settings.run[name] for name in ("device", "precision", "threads", "max_memory") if name in settings.run
    }


def _fitted(request: FitRequest, tell: Tell, check: Check) -> dict[str, Any]:
    own, teller = settled(request.settings), Teller(tell, check, None)
    check()
    learnt = fitted.fit(
        np.asarray(request.image.array),
        axes=request.image.axes,
        method=own.method,
        recipe=own.recipe,
        seed=own.seed,
        run=own.run,
        on_step=teller.step,
    )
    _tell_plan(learnt.plan, tell)
    path = learnt.save(request.denoiser, overwrite=True)
    tell(DenoiserWritten(path, learnt.plan.channels))
    return dict(plain(learnt.plan))


def _reported(request: ReportRequest, tell: Tell, check: Check) -> dict[str, Any]:
    teller = Teller(tell, check, None)
    teller.say("looking at both images", 0.0)
    plan = plan_from_data(dict(request.plan)) if request.plan else None
    both = pair(request.noisy, request.denoised)
    check()
    examined = examine(both, "captured" if plan is None else target_of(plan))
    check()
    teller.say("writing the page", 0.9)
    subject = Subject(both, Path(request.name), request.command, plan, uncertainty=request.uncertainty)
    tell(ReportWritten(write_bytes(request.path, render(compose(subject, examined)), overwrite=True)))
    return dict(request.plan)


def _tell_plan(plan: Plan, tell: Tell) -> None:
    tell(Planned(str(plan), plan.why, plan.expected_seconds, plan.planes))


def _tell_noise(seen: tuple[ChannelNoise, ...], image: Image, tell: Tell) -> None:
    if seen:
        tell(NoiseMeasured(noise_of_channels(seen, image)))


def _tell_verdict(image: Image, result: Pixels, plan: Plan, seen: tuple[ChannelNoise, ...], tell: Tell) -> None:
    both = pair(image, replace(image, array=result))
    found = examine(both, target_of(plan), seen).verdict
    tell(Judged(found.level, tuple(reason.sentence for reason in found.reasons), found.untested))


def _tell_uncertainty(request: RunRequest, denoised: Pixels, plan: Plan, on_step: Listener, tell: Tell) -> None:
    array, draws = np.asarray(request.image.array), request.draws or DRAWS
    noises, exact = noise_of(array, plan), 0.0
    if _is_rounded(array):
        exact = 1 / (1 + draws)
        denoised = image_again(plan, on_step=share(on_step, 0.0, exact))(array)
    stated = image_uncertainty(array, denoised, plan, noises, draws=draws, on_step=share(on_step, exact, 1.0))
    layout = lay_out(array, request.image.axes)
    for index in layout.planes:
        pixels = np.stack(layout.channels_of(layout.view(stated.image), index))
        tell(PlanePixels("uncertainty", index, pixels))
    tell(UncertaintyDone(stated.rms, draws))
