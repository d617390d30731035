"""Every method on one's own image: a table, the images, and a contact sheet, as they come."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from noise2detail import registry
from noise2detail.bench.candidate import Candidate
from noise2detail.bench.circumstances import circumstances
from noise2detail.bench.comparison_page import picture_of, plane_of, show
from noise2detail.bench.judging import judged
from noise2detail.bench.pair import Pair, check_pair, conventional_span
from noise2detail.bench.results import Results, begin
from noise2detail.bench.run import Listener, Place, Row, ignore_place, ignore_row, inside
from noise2detail.bench.worker import Outcome, Task, Worker
from noise2detail.errors import AxesError, SettingError
from noise2detail.image import Image
from noise2detail.io import save_image
from noise2detail.pipeline.run import Run

Crop = tuple[int, int, int, int]
"""Top, left, height and width in pixels."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What is compared, and where the results go."""

    noisy: Image
    folder: Path
    candidates: tuple[Candidate, ...]
    reference: Image | None = None
    """The same scene with less noise; None: residuals are tested instead."""
    command: str = ""
    """As it was typed, to be kept with the results."""
    seed: int = 0
    run: Run = Run()  # noqa: RUF009 - frozen
    resume: bool = False
    """Do not run again what the folder holds already."""
    overwrite: bool = False
    """Replace what is in the folder."""
    on_row: Callable[[Row], None] = ignore_row
    """Hears of every result."""


def every_method() -> tuple[Candidate, ...]:
    """Every method of the registry as it is by default, and the stabilised BM3D."""
    return (*(Candidate(name) for name in registry.METHODS), Candidate("bm3d", stabilize=True))


def cut(image: Image, crop: Crop | None) -> Image:
    """Part of an image; itself without a crop.

    Raises
    ------
    SettingError
        The part reaches beyond the image.
    """
    if crop is None:
        return image
    top, left, height, width = crop
    y, x = (image.array.shape[image.axes.index(axis)] for axis in "YX")
    if min(top, left) < 0 or min(height, width) < 1 or top + height > y or left + width > x:
        raise SettingError(
            f"the crop {top},{left},{height},{width} (top, left, height, width) reaches beyond the {y}x{x} pixels of "
            "the image"
        )
    place = {"Y": slice(top, top + height), "X": slice(left, left + width)}
    part = np.asarray(image.array)[tuple(place.get(axis, slice(None)) for axis in image.axes)]
    return replace(image, array=part, metadata={}, no_data=None)


def check_reference(noisy: Image, reference: Image) -> None:
    """Raise unless a reference shows the same pixels in the same range of values.

    Raises
    ------
    AxesError
        Another shape or other axes.
    InputError
        Values in another range, such as 8-bit beside 16-bit.
    """
    if (noisy.axes, noisy.array.shape) != (reference.axes, reference.array.shape):
        raise AxesError(
            f"the reference has the shape {reference.array.shape} (axes {reference.axes}), the image "
            f"{noisy.array.shape} (axes {noisy.axes}); expected the same pixels of the same scene"
        )
    planes = (plane_of(noisy, np.asarray(one.array)) for one in (noisy, reference))
    seen, wanted = (plane.mean(-1) if plane.ndim == 3 else plane for plane in planes)
    check_pair(Pair("this one", "the image", seen, wanted, conventional_span(wanted)))


def compare(comparison: Comparison, on_place: Listener = ignore_place) -> Results:
    """Results of every method, with ``table.md``, ``sheet.png`` and the images in the folder after each.

    Parameters
    ----------
    comparison
        What to do.
    on_place
        Hears of every method and step; may raise to stop, and what was done stays.

    Raises
    ------
    Noise2DetailError
        The reference does not fit, or nothing can be written. A method that fails is a row that says why.
    """
    noisy, reference = comparison.noisy, comparison.reference
    if reference is not None:
        check_reference(noisy, reference)
    digest = hashlib.sha256(np.ascontiguousarray(noisy.array).tobytes()).hexdigest()[:16]
    head = {"case": f"comparison {digest} seed {comparison.seed}", "title": "Comparison", "quick": False}
    head |= {"reference": reference is not None, **circumstances(comparison.command)}
    path = comparison.folder / "results.jsonl"
    results = begin(path, head, resume=comparison.resume and path.exists(), overwrite=comparison.overwrite)
    names = {row["method"] for row in results.rows if not row.get("error") and picture_of(results, row).exists()}
    todo = [one for one in comparison.candidates if one.name not in names]
    show(results, noisy, reference)
    with Worker() as worker:
        for number, candidate in enumerate(todo, 1):
            place = Place(number, len(todo), candidate.name, "")
            on_place(place)
            task = Task(np.asarray(noisy.array), noisy.axes, candidate, comparison.seed, comparison.run)
            outcome = worker.do(task, inside(place, on_place))
            _keep(results, comparison, candidate, outcome)
            show(results, noisy, reference)
    return results


def _keep(results: Results, comparison: Comparison, candidate: Candidate, outcome: Outcome) -> None:
    """Write down what came of a method, in place of what an earlier run said of it."""
    noisy = comparison.noisy
    row = {"data": "", "image": "", "method": candidate.name, "unclipped": False, "seed": comparison.seed}
    row |= {"seconds": round(outcome.seconds, 3), "peak_mib": round(outcome.peak_mib, 1)}
    row["file"] = candidate.stem + {"png": ".png", "npy": ".npy"}.get(noisy.format, ".tif")
    if outcome.denoised is None:
        row["error"] = outcome.error
    else:
        row |= judged(noisy, outcome.denoised, comparison.reference)
        save_image(replace(noisy, array=outcome.denoised), picture_of(results, row), overwrite=True)
    results.rows[:] = [old for old in results.rows if old["method"] != candidate.name]
    results.add(row)
    comparison.on_row(row)
