"""What a denoiser was trained on, and whether a plane is still like it."""

import json
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data

from noise2detail.errors import SettingError
from noise2detail.noise.drift import Described, describe, described, differences, drifted

Values = NDArray[np.float64]


def recorded(
    seed: int, *, gain: float = 4.0, sigma: float = 12.0, pedestal: float = 100.0, lamp: float = 1.0
) -> Values:
    """A picture as a camera gives it; its brightness does not depend on the gain."""
    rng = np.random.default_rng(seed)
    light = 3.0 * lamp * np.asarray(data.camera(), np.float64)[::2, ::2]  # type: ignore[no-untyped-call]
    found: Values = rng.poisson(light / gain) * gain + pedestal + rng.normal(0, sigma, light.shape)
    return found


@pytest.fixture(scope="module")
def known() -> Described:
    return describe(recorded(0))


@pytest.mark.parametrize("seed", range(1, 6))
def test_fresh_noise_on_the_same_scene_is_no_drift(known: Described, seed: int) -> None:
    assert drifted(known, recorded(seed)) == ()


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"gain": 5.2}, "noise changed"),
        ({"gain": 2.9}, "noise changed"),
        ({"gain": 0.5, "sigma": 60.0}, "deviation is 60"),
        ({"pedestal": 160.0}, "pedestal moved"),
        ({"lamp": 0.4}, "less light"),
        ({"lamp": 2.0}, "more light"),
    ],
    ids=lambda value: str(value),
)
def test_what_changed_is_said(known: Described, change: dict[str, float], word: str) -> None:
    said = drifted(known, recorded(9, **change))
    assert any(word in sentence for sentence in said), said


def test_structures_that_become_sharp_are_a_reason() -> None:
    y, x = np.mgrid[:256, :256]
    rng = np.random.default_rng(4)
    soft, fine = (20 * np.sin(x / scale) * np.sin(y / scale) for scale in (12.0, 2.0))
    before = describe(soft + rng.normal(0, 1, soft.shape))
    assert any("content changed" in said for said in drifted(before, fine + rng.normal(0, 1, fine.shape)))


def test_what_is_kept_is_plain_numbers(known: Described) -> None:
    assert described(json.loads(json.dumps(known.data(), allow_nan=False))) == known


@pytest.mark.parametrize("data", [{}, {"gain": 1}, {"noise": 3}], ids=str)
def test_other_data_are_no_description(data: dict[str, object]) -> None:
    with pytest.raises(SettingError, match="no description"):
        described(data)


def test_units_do_not_matter() -> None:
    def change(scale: float) -> list[str]:
        said = differences(describe(scale * recorded(0)), describe(scale * recorded(1, lamp=0.5)))
        return [sentence.split(":")[0] for sentence in said]

    assert change(1.0) == change(1e-6) == change(1e6) != []


def test_planes_that_differ_among_themselves_widen_what_counts_as_the_same() -> None:
    bright, dim = recorded(0, lamp=1.6), recorded(1, lamp=0.8)
    assert drifted(describe(bright), dim)
    assert drifted(describe([bright, dim]), recorded(2, lamp=1.1)) == ()


@pytest.mark.parametrize("blank", [0.0, np.nan], ids=str)
def test_a_plane_without_content_gives_no_reason(known: Described, blank: float) -> None:
    plane = np.full((64, 64), blank)
    assert drifted(known, plane) == ()
    assert differences(describe(plane), known) == ()
    assert drifted(describe([recorded(0), np.full((256, 256), blank)]), recorded(1)) == ()


@pytest.mark.parametrize(
    "with_gap",
    [
        lambda plane, bad: (np.where(bad, np.nan, plane), None),
        lambda plane, bad: (np.ma.masked_array(np.where(bad, 1e9, plane), bad), None),
        lambda plane, bad: (np.where(bad, 1e9, plane), ~bad),
        lambda plane, bad: (torch.from_numpy(np.where(bad, 1e9, plane)), torch.from_numpy(~bad)),
    ],
    ids=["nan", "masked", "mask", "tensor"],
)
def test_gaps_have_no_say(known: Described, with_gap: Callable[..., tuple[Values, Values | None]]) -> None:
    bad = np.zeros((256, 256), bool)
    bad[100:130, 50:90] = True
    plane, mask = with_gap(recorded(3), bad)
    assert drifted(known, plane, mask) == ()


def test_the_smallest_plane_is_described() -> None:
    assert drifted(describe(recorded(0)[:8, :8]), recorded(1)[:8, :8]) == ()
