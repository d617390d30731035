"""The noise that is found does not depend on the units of an image."""

import numpy as np
import pytest
import torch

from noise2detail.noise.measure import measure_noise


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e-3, 1e9])
def test_sigma_goes_with_the_scale(scale: float) -> None:
    """Of an image without flat parts, where the blocks that count are found step by step."""
    rows, columns = np.mgrid[:64, :64]
    image = 50 + 50 * np.sin(rows / 6) * np.cos(columns / 8) + 5 * np.random.default_rng(0).standard_normal((64, 64))
    once, other = (measure_noise(torch.from_numpy(factor * image).float()) for factor in (1.0, scale))
    assert other.model.sigma / scale == pytest.approx(once.model.sigma, rel=1e-3)
    assert other.model.gain / scale == pytest.approx(once.model.gain, abs=1e-3)
