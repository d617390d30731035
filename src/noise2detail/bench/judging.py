"""How good a result is: against a reference where there is one, and by what it has taken away where there is none."""

from collections.abc import Iterator
from statistics import fmean
from typing import Any

import numpy as np
import torch

from noise2detail.bench.pair import conventional_span
from noise2detail.image import Image
from noise2detail.metrics.blind import ResidualTest, residual_test
from noise2detail.metrics.fidelity import psnr, ssim
from noise2detail.noise.measure import measure_noise
from noise2detail.pipeline.layout import lay_out
from noise2detail.types import Pixels

MOST = 8
"""Planes whose residuals are tested: enough to judge by, spread over the image."""


def judged(noisy: Image, denoised: Pixels, reference: Image | None) -> dict[str, Any]:
    """PSNR and SSIM, means over planes and channels, and the verdict of the residual test on the worst of them."""
    source = np.asarray(noisy.array)
    tests = [_tested(seen, found) for seen, found in _planes(noisy, source, denoised)]
    figures: dict[str, Any] = {}
    if reference is not None:
        clean = np.asarray(reference.array)
        span = conventional_span(clean)
        pairs = list(_planes(noisy, clean, denoised))
        figures["psnr"] = fmean(psnr(found, wanted, span, clip=False) for wanted, found in pairs)
        figures["ssim"] = fmean(ssim(found, wanted, span, clip=False) for wanted, found in pairs)
    ratios = [test.variance_ratio for test in tests if test.testable]
    if ratios:
        figures["variance_ratio"] = fmean(ratios)
        figures["correlation"] = fmean(max(t.correlation_y, t.correlation_x, key=abs) for t in tests if t.testable)
    worst = next((test for test in tests if not test.passed), tests[0])
    return figures | {"verdict": worst.verdict}


def _tested(noisy: Pixels, denoised: Pixels) -> ResidualTest:
    seen = noisy.astype(np.float32)
    valid = np.isfinite(seen) & np.isfinite(denoised)
    filled = np.where(valid, seen, 0).astype(np.float32)
    found = measure_noise(torch.from_numpy(filled), torch.from_numpy(valid))
    shared = found.correlation if found.is_correlated else (0.0, 0.0)
    return residual_test(filled, np.where(valid, denoised, 0), found.model, correlation=shared, mask=valid)


def _planes(image: Image, first: Pixels, second: Pixels) -> Iterator[tuple[Pixels, Pixels]]:
    layout = lay_out(first, image.axes)
    chosen = np.unique(np.linspace(0, len(layout.planes) - 1, MOST).round().astype(int))
    for number in chosen:
        plane = layout.planes[number]
        pairs = (layout.channels_of(layout.view(array), plane) for array in (first, second))
        yield from zip(*pairs, strict=True)
