"""What stands above and below the images of a figure."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from noise2detail.bench.pair import Pair, check_pair, conventional_span
from noise2detail.bench.scoring import METRICS, Shown, scores
from noise2detail.cli.figure_views import View
from noise2detail.errors import InputError, SettingError
from noise2detail.io import sidecar_path
from noise2detail.metrics.blind import ResidualTest, residual_test
from noise2detail.metrics.fidelity import gain_and_offset
from noise2detail.types import Pixels

USUAL = ("psnr", "ssim")
"""Measures where none are asked for."""

LARGEST = 2048
"""Rows and columns in the middle of an image whose residual is tested: more would only take longer."""

LARGEST_GAIN = 4.0
"""Between a result and what it was made from: no denoiser comes near that, another unit of intensity goes beyond."""


def find_metrics(text: str | None) -> tuple[str, ...]:
    """Names of measures.

    Raises
    ------
    SettingError
        One that does not exist.
    """
    names = tuple(part.strip() for part in text.split(",")) if text is not None else USUAL
    for name in names:
        if name not in METRICS:
            raise SettingError(f"--metrics has {name!r}; expected some of {', '.join(METRICS)}")
    return names


def find_labels(text: str | None, files: Sequence[Path], reference: Path | None) -> tuple[str, ...]:
    """What stands above each image, that of the reference last.

    Raises
    ------
    SettingError
        Too few or too many.
    """
    own = ("noisy", *(method_of(path) or path.name for path in files[1:]), *(["reference"] if reference else []))
    if text is None:
        return own
    given = tuple(part.strip() for part in text.split(","))
    if len(given) not in {len(files), len(own)}:
        raise SettingError(f"--labels has {len(given)}; expected {len(own)} with commas between: one for each image")
    return given + own[len(given) :]


def method_of(path: Path) -> str | None:
    """The method that the sidecar of a result names; None where there is none that can be read."""
    try:
        plan = json.loads(sidecar_path(path).read_text(encoding="utf-8"))["plan"]
        return str(plan["method"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_reference(noisy: View, reference: View) -> None:
    """Raise where a reference is of another range of values, or flat.

    Raises
    ------
    InputError
        With both ranges.
    """
    seen, wanted = (np.atleast_3d(view.plane).mean(-1) for view in (noisy, reference))
    if np.isfinite(seen).all() and np.isfinite(wanted).all():
        check_pair(Pair(reference.path.name, "reference", seen, wanted, conventional_span(reference.raw)))


def measured(noisy: View, shown: View, reference: View, names: Sequence[str]) -> dict[str, float]:
    """Measures against the reference, means over colours; one that is not defined for the image is left out."""
    span = conventional_span(reference.raw)
    planes = zip(*(_channels(view.plane) for view in (shown, noisy, reference)), strict=True)
    found = [scores(Shown(own, seen, wanted, span), names) for own, seen, wanted in planes]
    return {name: fmean(one[name] for one in found) for name in names if all(name in one for one in found)}


def measured_words(figures: Mapping[str, float]) -> tuple[str, ...]:
    """A line for each measure."""
    lines = []
    for name, value in figures.items():
        title, _, unit = METRICS[name].title.partition(" (")
        said = f"{value:.{METRICS[name].digits}f}" if math.isfinite(value) else "infinite"
        lines.append(f"{title} {said} {unit.rstrip(')')}".rstrip())
    return tuple(lines) or ("no measure is defined",)


def residual_tests(noisy: View, results: Sequence[View]) -> list[list[ResidualTest]]:
    """For each result, the residual test of each of its colours; the noise is measured once.

    Raises
    ------
    InputError
        The image is too small to measure any noise.
    """
    import torch

    from noise2detail.noise.measure import measure_noise

    tests: list[list[ResidualTest]] = [[] for _ in results]
    for number, seen in enumerate(_channels(_middle(noisy.plane))):
        valid = np.isfinite(seen)
        filled = np.where(valid, seen, 0).astype(np.float32)
        noise = measure_noise(torch.from_numpy(filled), torch.from_numpy(valid))
        shared = noise.correlation if noise.is_correlated else (0.0, 0.0)
        for own, result in zip(tests, results, strict=True):
            found = _channels(_middle(result.plane))[number]
            both = valid & np.isfinite(found)
            given = np.where(both, found, 0)
            own.append(residual_test(filled, given, noise.model, correlation=shared, mask=both))
    return tests


def _middle(plane: Pixels) -> Pixels:
    """The part that is tested."""
    margins = [max(0, length - LARGEST) // 2 for length in plane.shape[:2]]
    return plane[tuple(slice(margin, margin + LARGEST) for margin in margins)]


def residual_words(tests: Sequence[ResidualTest]) -> tuple[str, ...]:
    """How much of the noise is gone, and what speaks against the residual being the noise; of the worst colour."""
    testable = [test for test in tests if test.testable]
    if not testable:
        return ("noise removed: cannot be told",)
    ratio = fmean(test.variance_ratio for test in testable)
    removed = f"noise removed: {ratio:.0%}".replace("%", " %")
    said = removed if round(ratio, 2) <= 1 else f"variance: {ratio:.3g} x that of the noise"
    worst = next((test for test in testable if not test.passed), testable[0])
    return said, *(_brief(fault) for fault in worst.verdict.split("; "))


def _brief(fault: str) -> str:
    """A fault of a residual without the figures behind it, which would not fit below an image."""
    what, _, rest = fault.partition(":")[0].partition(" by ")
    return what + "".join(rest.partition(" around ")[1:])


def residual_record(tests: Sequence[ResidualTest]) -> dict[str, Any]:
    """The same for programs."""
    testable = [test for test in tests if test.testable]
    ratio = fmean(test.variance_ratio for test in testable) if testable else None
    return {"variance_ratio": ratio, "verdict": [test.verdict for test in tests]}


def on_other_scale(noisy: View, result: View) -> bool:
    """Whether a step of 1 in a result is far from one of 1 in the noisy image, as if it had been scaled."""
    both = np.isfinite(noisy.plane) & np.isfinite(result.plane)
    gain, _ = gain_and_offset(noisy.plane[both], result.plane[both])
    return not 1 / LARGEST_GAIN < gain < LARGEST_GAIN


def refuse_nothing(view: View) -> None:
    """Raise where no pixel of an image has a value.

    Raises
    ------
    InputError
        With the file.
    """
    if not np.isfinite(view.plane).any():
        raise InputError(f"{view.path}: no pixel of the plane shown is a number; choose another with --plane")


def _channels(plane: Pixels) -> list[Pixels]:
    return [plane] if plane.ndim == 2 else [plane[..., number] for number in range(plane.shape[-1])]
