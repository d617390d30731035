"""One file: read, plan, denoise, write."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.cli.batch import run_jobs
from noise2detail.cli.exit_codes import ExitCode
from noise2detail.cli.frames import with_frames
from noise2detail.cli.jobs import Job, plan_jobs
from noise2detail.cli.pixel_type import as_planned, check_holdable, convert, loss, working_type
from noise2detail.cli.progress import progress_bar
from noise2detail.cli.provenance import provenance
from noise2detail.cli.reporting import Made, Reporting, report_on
from noise2detail.cli.uncertainty import Repeating, Repeats
from noise2detail.cli.voice import Voice
from noise2detail.cli.wishes import Settled, imitation
from noise2detail.errors import SettingError
from noise2detail.image import Image
from noise2detail.io import save_image
from noise2detail.io.names import split_suffix
from noise2detail.io.wish import wishing
from noise2detail.method import Step
from noise2detail.pipeline.denoise import execute, execute_stages
from noise2detail.pipeline.input import pixels_of
from noise2detail.pipeline.noise import ChannelNoise
from noise2detail.pipeline.planning import planned
from noise2detail.plans import Plan, Provenance
from noise2detail.types import Pixels


@dataclass(frozen=True)
class Writing:
    """What is written for each file."""

    overwrite: bool = False
    """Replace what is there already."""
    stages: bool = False
    """Also every image on the way."""
    repeating: Repeating = field(default_factory=Repeating)
    """Also what repeats say of the result."""
    reporting: Reporting = field(default_factory=Reporting)
    """Also a page about each."""


def denoise_files(inputs: list[Path], output: str | None, settled: Settled, writing: Writing, voice: Voice) -> ExitCode:
    """Denoise files and folders.

    Parameters
    ----------
    inputs, output
        As they were typed.
    settled, writing, voice
        What to do, what to write and what to say.

    Raises
    ------
    Noise2DetailError
        Nothing can be begun.
    """
    jobs = plan_jobs(
        inputs,
        output,
        overwrite=writing.overwrite,
        pixel_type=settled.pixel_type,
        image=settled.image,
        further=writing.repeating.further,
    )
    if settled.frames and jobs.several:
        raise SettingError("--frames gives further recordings of one image; expected one input file, not several")
    writing.reporting.check(several=jobs.several)

    def work(job: Job, label: str) -> Mapping[str, Any]:
        return denoise_file(job, label, settled, writing, voice)

    code = run_jobs(jobs, work, voice)
    return ExitCode.SOME_FAILED if code == ExitCode.DONE and writing.reporting.failed else code


def denoise_file(job: Job, label: str, settled: Settled, writing: Writing, voice: Voice) -> Mapping[str, Any]:
    """What is to be told about one file, which has been denoised and written."""
    return denoise_image(job.open(settled.axes), job, label, settled, writing, voice)


def denoise_image(
    opened: Image, job: Job, label: str, settled: Settled, writing: Writing, voice: Voice
) -> Mapping[str, Any]:
    """As :func:`denoise_file`, of a file that is open."""
    image = wishing(opened.in_memory(), settled.pixel_type)
    scene = with_frames(image, settled.frames, settled.axes) if settled.frames else None
    array, axes = (pixels_of(image), image.axes) if scene is None else (scene.array, scene.axes)
    target = array.dtype if settled.pixel_type is None else settled.pixel_type
    check_holdable(image, target, job.output)
    repeats = Repeats(array, target, writing.repeating)
    repeats.check(image, job.output)
    with progress_bar(label, shown=not voice.quiet) as on_step:
        denoising, repeating = repeats.listeners(on_step)
        start = time.perf_counter()
        plan, images, seen = _compute(array, axes, target, settled, writing.stages, denoising, voice)
        seconds = time.perf_counter() - start
        repeated = repeats.run(plan, [*images.values()][-1][1], repeating)
    if scene is not None:
        repeated = repeated.of(scene.of_image)
        images = {name: (clipped, scene.of_image(pixels)) for name, (clipped, pixels) in images.items()}
    clipped, denoised = images.popitem()[1]
    voice.warning(loss(clipped, job.source, target))
    history = provenance(plan, job.image, seconds)
    save_image(
        replace(image, array=denoised), job.output, overwrite=writing.overwrite, source=job.source, provenance=history
    )
    saved = _save_stages(image, {name: pixels for name, (_, pixels) in images.items()}, job, writing, history)
    told = facts(plan, seconds) | repeated.save(image, job.output, overwrite=writing.overwrite, history=history)
    told |= {"stages": [str(path) for path in saved]} if writing.stages else {}
    if writing.reporting.wanted is None:
        return told
    made = Made(image, denoised, job.image, job.output, history, seen, repeated.uncertainty)
    return told | report_on(made, writing.reporting, voice)


def facts(plan: Plan, seconds: float) -> dict[str, Any]:
    """What a program may want to know about a run."""
    return {
        "method": plan.method,
        "recipe": plan.recipe,
        "seconds_denoise": round(seconds, 3),
        "device": plan.device,
        "precision": plan.precision,
        "threads": plan.threads,
        "seed": plan.seed,
        "axes": plan.axes,
        "shape": list(plan.shape),
        "dtype": plan.dtype,
    }


def _compute(
    array: Pixels,
    axes: str,
    target: np.dtype[np.generic],
    settled: Settled,
    every_stage: bool,
    on_step: Callable[[Step], None],
    voice: Voice,
) -> tuple[Plan, dict[str, tuple[float, Pixels]], tuple[ChannelNoise, ...]]:
    """The plan; by name, the result last, each image in the type that was asked for with the share clipped; the noise
    of each channel, if it was looked at.
    """
    working = working_type(array.dtype, target)
    found = planned(array, axes, settled.method, settled.recipe, settled.seed, settled.run, working)
    made, method, layout = found.plan, found.method, found.layout
    plan = as_planned(made, target, settled.notes)
    voice.detail(str(plan))
    voice.warning(imitation(settled.run))
    if every_stage:
        results = execute_stages(array, made, method, layout, on_step, working)
    else:
        results = {"result": execute(array, made, method, layout, on_step, working)}
    converted = {name: convert(pixels, target) for name, pixels in results.items()}
    return plan, {name: (image.clipped, image.array) for name, image in converted.items()}, found.seen


def _save_stages(
    image: Image, images: Mapping[str, Pixels], job: Job, writing: Writing, history: Provenance
) -> list[Path]:
    stem, suffix = split_suffix(job.output)
    return [
        save_image(
            replace(image, array=pixels),
            job.output.with_name(f"{stem}_{name}{suffix}"),
            overwrite=writing.overwrite,
            source=job.source,
            provenance=history,
        )
        for name, pixels in images.items()
    ]
