"""Clipping told from everything else that puts many pixels at the ends of an image."""

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from noise2detail.noise.blocks import look_at
from noise2detail.noise.ends import clipped_ends
from noise2detail.noise.measure import measure_noise
from tests.noise.test_estimate import scene

SIDE = 160
Image = NDArray[np.float64]


def ends(image: NDArray[np.generic]) -> tuple[bool, bool]:
    low, high = clipped_ends(*look_at(torch.from_numpy(np.ascontiguousarray(image, np.float32)), None))
    return math.isfinite(low), math.isfinite(high)


def clean(mostly_dark: bool = False) -> Image:
    image = scene(SIDE)
    return np.where(image > np.quantile(image, 0.85), image, 0.0) if mostly_dark else image


def noise(seed: int, blur: float) -> Image:
    white = np.random.default_rng(seed).normal(size=(SIDE, SIDE))
    found = gaussian_filter(white, blur, mode="wrap") if blur else white
    return np.asarray(found / found.std())


@pytest.mark.parametrize("blur", [0.0, 0.7, 1.2], ids=["white", "shared", "smooth"])
@pytest.mark.parametrize("sigma", [0.05, 0.2])
@pytest.mark.parametrize("levels", [0, 255], ids=["float", "8 bit"])
def test_normal_noise(blur: float, sigma: float, levels: int) -> None:
    def stored(image: Image) -> Image:
        return (image * levels).round() if levels else image

    for seed in range(3):
        own = sigma * noise(seed, blur)
        assert ends(stored(clean() + own + 1)) == (False, False)
        assert ends(stored(np.clip(clean() - 0.1 + own, 0, None))) == (True, False)
        assert ends(stored(np.clip(clean() + own, None, 0.7) + 1)) == (False, True)
        assert ends(stored(np.clip(0.9 * clean() + own, 0.1, 0.7))) == (True, True)
        assert ends(stored(np.clip(clean(mostly_dark=True) + own, 0, None))) == (True, False)


@pytest.mark.parametrize("photons", [2.0, 20.0, 200.0])
@pytest.mark.parametrize("mostly_dark", [False, True], ids=["scene", "dark"])
def test_counted_photons(photons: float, mostly_dark: bool) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        # from no light at all to full light
        image = clean(mostly_dark) - clean(mostly_dark).min()
        counts = rng.poisson(photons * image).astype(float)
        read = counts + rng.normal(0, 2, image.shape)
        assert ends(counts) == (False, False)
        assert ends(3 * (counts - counts.mean())) == (False, False)
        assert ends(read + 50) == (False, False)
        assert ends(np.where(image > 0.6, 0, read + 50)) == (False, False)
        if mostly_dark or photons < 100:
            assert ends(np.clip(read, 0, None)) == (True, False)


def test_what_is_dark_nearly_everywhere_is_measured_too() -> None:
    """Few blocks are clear of the end: what is left of the noise at it has to say how strong it was."""
    image = np.clip(20 * clean(mostly_dark=True) + 2 * noise(0, 0), 0, None)
    found = measure_noise(torch.from_numpy(image).float()).model
    assert found.low == 0
    assert found.variance(0.5) ** 0.5 == pytest.approx(2, rel=0.15)


def test_masks_beside_bright_edges_are_no_clipping() -> None:
    """Some blocks at the mask hold bright pixels as well, beside which the others look near to it."""
    image = clean(mostly_dark=True)
    rng = np.random.default_rng(0)
    read = rng.poisson(200 * image) + rng.normal(0, 0.3, image.shape) + 50
    assert ends(np.where(image > 0.6, 0, read)) == (False, False)


def test_an_image_without_noise_at_the_end_was_not_clipped() -> None:
    image = clean()
    image[:60] = image.min()
    assert ends(image + 0.001 * noise(0, 0) * (image > image.min())) == (False, False)
