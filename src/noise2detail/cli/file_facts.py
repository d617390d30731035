"""What is known about a file, and what denoising it would mean."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from noise2detail.cli.wishes import Settled
from noise2detail.errors import InputError
from noise2detail.image import Image
from noise2detail.io import describe, open_image
from noise2detail.pipeline.planning import make_plan
from noise2detail.plans import Plan


def file_facts(path: Path, settled: Settled) -> tuple[dict[str, Any], str]:
    """The same for programs and for people.

    Parameters
    ----------
    path
        An image.
    settled
        How it would be denoised.

    Raises
    ------
    UnreadableFileError, AxesError
        It cannot be read.
    """
    image = open_image(path, settled.axes)
    files = path.rglob("*") if path.is_dir() else (path,)
    megabytes = sum(file.stat().st_size for file in files if file.is_file()) / 1e6
    plan, refusal = _plan(image, settled)
    record = {
        "file": str(path),
        "format": image.format,
        "axes": image.axes,
        "shape": list(image.array.shape),
        "dtype": str(image.array.dtype),
        "pixel_size_um": dict(image.pixel_size_um),
        "time_increment": image.time_increment,
        "channel_names": list(image.channel_names),
        "megabytes": round(megabytes, 3),
        "plan": asdict(plan) if plan else None,
        "refusal": refusal,
    }
    rows = [("file", str(path)), ("file size", f"{megabytes:.2f} MB"), *describe(image)]
    width = max(len(label) for label, _ in rows)
    lines = [f"{label.ljust(width)}  {text}" for label, text in rows]
    lines += ["", "n2d denoise would do this:", str(plan)] if plan else ["", f"n2d denoise would refuse it: {refusal}"]
    return record, "\n".join(lines)


def _plan(image: Image, settled: Settled) -> tuple[Plan | None, str | None]:
    array = np.asarray(image.array)
    try:
        return make_plan(array, image.axes, settled.method, settled.recipe, settled.seed, settled.run)[0], None
    except InputError as error:
        return None, str(error)
