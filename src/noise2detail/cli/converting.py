"""One file: read, brought into another pixel type if that is wished, and written."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.cli.batch import run_jobs
from noise2detail.cli.exit_codes import ExitCode
from noise2detail.cli.jobs import Job, plan_jobs
from noise2detail.cli.pixel_type import Conversion, check_holdable, convert, loss
from noise2detail.cli.voice import Voice
from noise2detail.errors import PixelTypeError
from noise2detail.io import save_image
from noise2detail.io.announced import within
from noise2detail.io.lazy import LazyPixels
from noise2detail.io.several import Choice
from noise2detail.io.wish import wishing


@dataclass(frozen=True)
class Wanted:
    """What is written for each file."""

    suffix: str | None = None
    """Of files in a folder; None: that of the input where such a file can be written."""
    axes: str | None = None
    """None: as the file says."""
    image: Choice | None = None
    """Of files with several; None: there is one only."""
    pixel_type: np.dtype[np.generic] | None = None
    """None: that of the input."""
    overwrite: bool = False
    """Replace what is there already."""
    max_memory: int | None = None
    """Bytes; None: what the machine has."""


def convert_files(inputs: list[Path], output: str, wanted: Wanted, voice: Voice) -> ExitCode:
    """Convert files and folders.

    Parameters
    ----------
    inputs, output
        As they were typed.
    wanted, voice
        What to write and what to say.

    Raises
    ------
    Noise2DetailError
        Nothing can be begun.
    """
    jobs = plan_jobs(
        inputs,
        output,
        overwrite=wanted.overwrite,
        pixel_type=wanted.pixel_type,
        suffix=wanted.suffix,
        again=True,
        image=wanted.image,
    )

    def work(job: Job, label: str) -> Mapping[str, Any]:
        del label  # there is nothing to watch
        return convert_file(job, wanted, voice)

    return run_jobs(jobs, work, voice)


def convert_file(job: Job, wanted: Wanted, voice: Voice) -> Mapping[str, Any]:
    """What is to be told about one file, which has been read and written.

    Raises
    ------
    FileError, InputError
        It cannot be read, or the output cannot hold it.
    """
    with within(wanted.max_memory):
        image = wishing(job.open(wanted.axes), wanted.pixel_type)
        array = image.array
        target = array.dtype if wanted.pixel_type is None else wanted.pixel_type
        if array.dtype.kind == "c" and target != array.dtype:
            raise PixelTypeError(f"its pixels are complex, which {target} cannot hold; expected no --dtype")
        check_holdable(image, target, job.output)
        converted = Conversion(array, target) if isinstance(array, LazyPixels) else convert(np.asarray(array), target)
        result = replace(image, array=converted.array)
        save_image(result, job.output, overwrite=wanted.overwrite, source=job.source)
    voice.warning(loss(converted.clipped, job.source, target))
    return {
        "format": image.format,
        "axes": image.axes,
        "shape": list(array.shape),
        "dtype": str(target),
        "clipped": converted.clipped,
    }
