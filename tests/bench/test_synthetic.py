from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noise2detail.bench.datasets import find_pairs
from noise2detail.bench.synthetic import SyntheticNoise, unit_range
from noise2detail.errors import SettingError
from tests.bench.trees import picture


def test_noise_depends_on_seed_and_name_and_on_nothing_else() -> None:
    clean = np.full((64, 64), 0.5, np.float32)
    noise = SyntheticNoise(gaussian=(10.0, 50.0), seed=7)
    first, words = noise.added(clean, "a")
    assert np.array_equal(first, noise.added(clean, "a")[0])
    assert not np.array_equal(first, noise.added(clean, "b")[0])
    assert not np.array_equal(first, SyntheticNoise(gaussian=(10.0, 50.0), seed=8).added(clean, "a")[0])
    kind, level, clipped = words.split()
    assert (kind, clipped) == ("gaussian", "clipped")
    assert float(np.std(first)) * 255 == pytest.approx(float(level), rel=0.05)
    # the same on every machine and in every version: results of one run can be taken up in another
    assert float(level) == 48.69


def test_levels_fill_their_range() -> None:
    clean = np.full((8, 8), 0.5, np.float32)
    noise = SyntheticNoise(poisson=(10.0, 50.0))
    levels = [float(noise.added(clean, str(name))[1].split()[1]) for name in range(200)]
    assert 10 <= min(levels) < 12
    assert 48 < max(levels) <= 50
    assert np.mean(levels) == pytest.approx(30, abs=2.5)


def test_kinds_have_the_spread_that_they_say() -> None:
    clean = np.full((128, 128), 0.25, np.float32)
    poisson = SyntheticNoise(poisson=25.0).added(clean, "x")[0]
    uniform = SyntheticNoise(uniform=0.2).added(clean, "x")[0]
    assert float(np.var(poisson)) == pytest.approx(0.25 / 25, rel=0.05)
    assert float(np.var(uniform)) == pytest.approx(0.2**2 / 12, rel=0.05)
    assert float(np.abs(uniform - 0.25).max()) <= 0.1 + 1e-6
    dark = np.zeros((64, 64), np.float32)
    assert SyntheticNoise(gaussian=25.0).added(dark, "x")[0].min() == 0
    assert SyntheticNoise(gaussian=25.0, clip=False).added(dark, "x")[0].min() < 0


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({}, "noise is of no kind; expected one of gaussian, poisson, uniform"),
        ({"gaussian": 25, "poisson": 3}, "noise is gaussian, poisson"),
        ({"gaussian": [50, 10]}, "two in order"),
        ({"gaussian": -1}, "positive level"),
        ({"gauss": 25}, "noise: there is no key 'gauss'; did you mean 'gaussian'"),
        ({"gaussian": "25"}, "gaussian is '25'; expected a number or a list of 2 times a number"),
        ({"gaussian": [1, 2, 3]}, "expected a number or a list of 2 times a number"),
        ({"gaussian": 25, "seed": 1.5}, "seed is 1.5; expected a whole number"),
        ({"gaussian": 25, "clip": 1}, "clip is 1; expected true or false"),
    ],
    ids=str,
)
def test_noise_that_cannot_be_is_refused(table: Mapping[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=message.replace("[", r"\[")):
        find_pairs({"layout": "clean", "path": ".", "noise": table}, tmp_path)


def test_clean_images_become_0_to_1() -> None:
    assert unit_range(picture()).max() == 1
    assert np.array_equal(unit_range(np.array([0.2, 0.6])), np.array([0.2, 0.6], np.float32))
    assert np.allclose(unit_range(np.array([100, 300, 500], np.uint16)), [0, 0.5, 1])
