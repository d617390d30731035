"""One denoiser for a whole experiment: fitted to a control, kept in a file, applied to every image."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.cli.batch import run_jobs
from noise2detail.cli.denoising import facts
from noise2detail.cli.exit_codes import ExitCode
from noise2detail.cli.jobs import Job, Jobs, plan_jobs
from noise2detail.cli.pixel_type import as_planned, check_holdable, convert, working_type
from noise2detail.cli.progress import progress_bar
from noise2detail.cli.provenance import provenance
from noise2detail.cli.voice import Voice
from noise2detail.cli.wishes import Settled, imitation
from noise2detail.errors import SettingError, UnreadableFileError
from noise2detail.fitted import Fitted, fit, load, plan_application
from noise2detail.image import Image
from noise2detail.io import save_image
from noise2detail.io.names import refuse_place
from noise2detail.io.source import Source
from noise2detail.io.wish import wishing
from noise2detail.pipeline.denoise import apply_planes
from noise2detail.pipeline.input import pixels_of
from noise2detail.pipeline.run import Run
from noise2detail.plans import Plan

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Application:
    """How a denoiser from a file is applied."""

    run: Run
    """Device, precision, threads and memory."""
    axes: str | None = None
    """None: as the files say."""
    pixel_type: np.dtype[np.generic] | None = None
    """None: that of the input."""
    overwrite: bool = False
    """Replace outputs that are there already."""


def fit_file(control: Path, output: Path, settled: Settled, overwrite: bool, voice: Voice) -> ExitCode:
    """Fit a denoiser to one file and keep it.

    Parameters
    ----------
    control
        Image or series.
    output
        A ``.safetensors`` file.
    settled, overwrite, voice
        What to do, whether to replace the output, what to say.

    Raises
    ------
    SettingError, FileError
        Nothing can be begun.
    """
    refuse_denoiser(output, control, overwrite)
    if not control.exists():
        raise UnreadableFileError(control, "there is no such file", "check the name")
    if control.is_dir():
        raise SettingError(f"{control} is a folder; expected one image or series to fit to")

    def work(job: Job, label: str) -> Mapping[str, Any]:
        image = job.open(settled.axes).in_memory()
        voice.warning(imitation(settled.run))
        with progress_bar(label, shown=not voice.quiet) as on_step:
            start = time.perf_counter()
            fitted = fit(
                image, method=settled.method, recipe=settled.recipe, seed=settled.seed, run=settled.run, on_step=on_step
            )
            seconds = time.perf_counter() - start
        voice.detail(str(fitted.plan))
        fitted.save(job.output, overwrite=overwrite)
        return facts(fitted.plan, seconds)

    return run_jobs(Jobs((Job(Source(control), output),), (), (), several=False), work, voice)


def refuse_denoiser(output: Path, control: Path, overwrite: bool) -> None:
    """Raise where a denoiser must not or cannot be written, before any work is done.

    Raises
    ------
    SettingError
        Not named as such a file.
    OutputExistsError, UnwritableFileError
        As for an image.
    """
    if output.suffix != SUFFIX:
        raise SettingError(f"{output} is no name for a denoiser; expected one that ends in {SUFFIX}")
    refuse_place(output, control, overwrite)


def apply_files(
    model: Path, inputs: list[Path], output: str | None, application: Application, voice: Voice
) -> ExitCode:
    """Apply a denoiser to files and folders.

    Parameters
    ----------
    model
        What ``fit_file`` wrote.
    inputs, output
        As they were typed.
    application, voice
        How, and what to say.

    Raises
    ------
    Noise2DetailError
        Nothing can be begun.
    """
    voice.warning(imitation(application.run))
    with voice.warnings_shown():
        fitted = load(model, run=application.run)
    jobs = plan_jobs(inputs, output, overwrite=application.overwrite, pixel_type=application.pixel_type)

    def work(job: Job, label: str) -> Mapping[str, Any]:
        return apply_to_file(job, label, fitted, model, application, voice)

    return run_jobs(jobs, work, voice)


def apply_to_file(
    job: Job, label: str, fitted: Fitted, model: Path, application: Application, voice: Voice
) -> Mapping[str, Any]:
    """What is to be told about one file, which has been denoised and written."""
    return apply_to_image(job.open(application.axes), job, label, fitted, model, application, voice)


def apply_to_image(
    opened: Image, job: Job, label: str, fitted: Fitted, model: Path, application: Application, voice: Voice
) -> Mapping[str, Any]:
    """As :func:`apply_to_file`, of a file that is open."""
    image = wishing(opened.in_memory(), application.pixel_type)
    array = pixels_of(image)
    target = array.dtype if application.pixel_type is None else application.pixel_type
    check_holdable(image, target, job.output)
    working = working_type(array.dtype, target)
    made, layout = plan_application(fitted, array, image.axes, working)
    plan = as_planned(made, target, (_origin(fitted.plan, model),))
    voice.detail(str(plan))
    with progress_bar(label, shown=not voice.quiet) as on_step:
        start = time.perf_counter()
        converted = convert(apply_planes(array, made, layout, fitted.denoisers, on_step, working), target)
        seconds = time.perf_counter() - start
    if converted.clipped:
        voice.note(
            f"warning: {job.source}: {converted.clipped:.2%} of the pixels do not fit into {target} and were clipped"
        )
    save_image(
        replace(image, array=converted.array),
        job.output,
        overwrite=application.overwrite,
        source=job.source,
        provenance=provenance(plan, job.image, seconds),
    )
    return facts(plan, seconds)


def _origin(plan: Plan, model: Path) -> str:
    """Where a denoiser comes from, as one of the reasons of a plan."""
    return f"the denoiser is that of {model.name}, fitted to {' x '.join(map(str, plan.shape))} {plan.dtype}"
