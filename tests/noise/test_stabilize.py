"""Noise made alike, and the way back."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

from noise2detail.errors import SettingError
from noise2detail.noise.clipping import gaussian_clipped
from noise2detail.noise.model import NoiseModel
from noise2detail.noise.stabilize import closed_form, inverse_table, stabilise

CAMERA = NoiseModel(gain=40.0, pedestal=100.0, sigma=8.0)
PHOTONS = NoiseModel(gain=1.0)
READING = NoiseModel(gain=0.02, pedestal=-0.3, sigma=0.05)
ROUGH = NoiseModel(gain=1.0, sigma=3.0)
MODELS = pytest.mark.parametrize(
    "model", [CAMERA, PHOTONS, READING, ROUGH], ids=["camera", "photons", "reading", "rough"]
)


def samples(model: NoiseModel, photons: float, count: int = 200_000) -> Tensor:
    rng = np.random.default_rng([3, int(photons * 100)])
    values = model.pedestal + model.gain * rng.poisson(photons, count) + rng.normal(0, 1, count) * model.sigma
    return torch.from_numpy(np.clip(values, model.low, model.high))


@MODELS
@pytest.mark.parametrize("photons", [4.0, 10.0, 30.0, 100.0, 1000.0])
def test_stabilised_noise_has_deviation_1(model: NoiseModel, photons: float) -> None:
    assert float(stabilise(samples(model, photons), model).std()) == pytest.approx(1, abs=0.03)


def test_few_photons_are_stabilised_as_far_as_known() -> None:
    """Deviations of the Anscombe transform itself, summed over counts by scipy."""
    counts = np.arange(60)
    for photons in (0.25, 0.5, 1.0):
        weights = stats.poisson.pmf(counts, photons)
        roots = 2 * np.sqrt(counts + 0.375)
        expected = math.sqrt((weights * roots**2).sum() - (weights * roots).sum() ** 2)
        assert float(stabilise(samples(PHOTONS, photons), PHOTONS).std()) == pytest.approx(expected, abs=0.005)


@MODELS
def test_it_is_the_published_formula_up_to_a_constant(model: NoiseModel) -> None:
    values = torch.linspace(-1, 1, 101).double() * 30 * model.gain + model.pedestal
    inside = model.gain * values + 0.375 * model.gain**2 + model.sigma**2 - model.gain * model.pedestal
    published = 2 / model.gain * inside.clamp_min(0).sqrt()
    at_pedestal = 2 / model.gain * math.sqrt(0.375 * model.gain**2 + model.sigma**2)
    torch.testing.assert_close(stabilise(values, model), published - at_pedestal, rtol=0, atol=1e-9)


def test_it_becomes_a_line_as_the_gain_goes_to_0() -> None:
    values = torch.linspace(-3, 5, 1001)
    flat = stabilise(values, NoiseModel(pedestal=1.0, sigma=0.2))
    torch.testing.assert_close(flat, (values - 1) / 0.2)
    torch.testing.assert_close(stabilise(values, NoiseModel(1e-9, 1.0, 0.2)), flat, rtol=1e-5, atol=1e-5)


def test_type_and_input_stay() -> None:
    values = torch.linspace(0, 5, 7)
    before = values.clone()
    assert stabilise(values, PHOTONS).dtype == torch.float32
    assert torch.equal(values, before)


@MODELS
@pytest.mark.parametrize("photons", [0.0, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 50.0, 99.0, 101.0, 400.0])
def test_the_inverse_of_the_mean_is_the_mean(model: NoiseModel, photons: float) -> None:
    """The promise of an exact unbiased inverse, within four standard errors of the samples."""
    values = samples(model, photons)
    table = inverse_table(model, model.pedestal, model.pedestal + 500 * model.gain, unclip=False)
    found = float(table(stabilise(values, model).mean()[None]))
    error = math.sqrt(model.variance(model.pedestal + photons * model.gain) / len(values))
    assert found == pytest.approx(float(values.mean()), abs=4 * error + 1e-3 * model.gain)


@pytest.mark.parametrize("photons", [0.0, 0.5, 2.0, 10.0, 50.0, 70.0])
def test_one_table_undoes_stabilisation_and_clipping(photons: float) -> None:
    model = NoiseModel(gain=1.0, pedestal=5.0, sigma=1.5, low=5.0, high=80.0)
    values = samples(model, photons)
    mean = stabilise(values, model).mean()[None]
    unclipped, plain = (inverse_table(model, 5.0, 80.0, unclip=unclip)(mean) for unclip in (True, False))
    # near the upper end the table is steep, and the samples' own error with it
    tolerance = 0.1 if photons == 70 else 0.03
    assert float(unclipped) == pytest.approx(5 + photons, abs=tolerance)
    assert float(plain) == pytest.approx(float(values.mean()), abs=tolerance)
    if photons == 0:
        assert float(values.mean()) > 5.5


def test_clipping_of_normal_noise_is_undone_by_the_same_table() -> None:
    model = NoiseModel(pedestal=0.3, sigma=0.1, low=0.0, high=1.0)
    truth = np.linspace(0, 1, 41)
    seen, _ = gaussian_clipped(truth, 0.1, 0.0, 1.0)
    found = inverse_table(model, 0.0, 1.0, unclip=True)(stabilise(torch.from_numpy(seen), model))
    # the ends are where the table is steepest, and rounding counts most
    torch.testing.assert_close(found, torch.from_numpy(truth), rtol=0, atol=2e-4)


def test_the_table_goes_straight_on_and_never_leaves_the_physical_range() -> None:
    model = NoiseModel(gain=1.0, sigma=1.0, low=0.0)
    table = inverse_table(model, 0.0, 100.0, unclip=True)
    far = torch.tensor([-50.0, 0.0, 30.0, 40.0])
    assert float(table(far)[0]) == 0.0
    assert (table(far).diff() >= 0).all()
    free = inverse_table(NoiseModel(gain=1.0, sigma=1.0), 0.0, 100.0, unclip=False)
    assert float(free(far)[0]) < 0


@MODELS
def test_the_closed_form_agrees_where_photons_are_many(model: NoiseModel) -> None:
    table = inverse_table(model, model.pedestal, model.pedestal + 1000 * model.gain, unclip=False)
    mean = stabilise(model.pedestal + model.gain * torch.linspace(20, 900, 400).double(), model)
    torch.testing.assert_close(table(mean), closed_form(mean, model), rtol=0, atol=0.05 * model.gain)


def test_the_closed_form_without_reading_noise_is_the_published_one() -> None:
    """Published for means of the Anscombe transform: exact to 0.01 photons from 0 on."""
    counts = np.arange(400)
    for photons in (0.5, 1.0, 5.0, 20.0, 100.0):
        mean = (stats.poisson.pmf(counts, photons) * 2 * np.sqrt(counts + 0.375)).sum() - 2 * math.sqrt(0.375)
        assert float(closed_form(torch.tensor(mean), PHOTONS)) == pytest.approx(photons, abs=0.02)


@settings(max_examples=15, deadline=None)
@given(
    gain=st.sampled_from([0.0, 1e-6, 0.01, 0.2, 3.0]),
    pedestal=st.floats(-1, 1),
    sigma=st.sampled_from([1e-3, 0.05, 1.0]),
    low=st.sampled_from([-math.inf, -1.0, 0.3]),
    high=st.sampled_from([math.inf, 1.5, 30.0]),
    unclip=st.booleans(),
)
def test_both_ways_are_monotone(
    gain: float, pedestal: float, sigma: float, low: float, high: float, unclip: bool
) -> None:
    model = NoiseModel(gain, pedestal, sigma, low, high)
    forward = stabilise(torch.linspace(-5, 60, 5001), model)
    assert (forward.diff() >= 0).all()
    table = inverse_table(model, -2.0, 40.0, unclip=unclip)
    back = table(torch.linspace(float(forward[0]) - 1, float(forward[-1]) + 1, 20001))
    assert torch.isfinite(back).all()
    assert (back.diff() >= -1e-5 * back.abs().max()).all()


def test_no_noise_is_refused() -> None:
    with pytest.raises(SettingError, match="no noise to stabilise"):
        stabilise(torch.zeros(3), NoiseModel())


@pytest.mark.gpu
def test_an_accelerator_gives_the_same(accelerator: torch.device) -> None:
    values = torch.linspace(90, 5000, 999)
    table = inverse_table(CAMERA, 100.0, 5000.0, unclip=False)
    forward = stabilise(values.to(accelerator), CAMERA)
    torch.testing.assert_close(forward.cpu(), stabilise(values, CAMERA), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(table(forward).cpu(), table(stabilise(values, CAMERA)), rtol=1e-4, atol=1e-2)
