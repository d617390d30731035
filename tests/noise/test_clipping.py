"""What clipping does to noise, and its inverse."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from noise2detail.noise.clipping import Table, clipped_mean, expectation, gaussian_clipped, tabulate, unclipping
from noise2detail.noise.model import NoiseModel

ENDS = [(0.0, 1.0), (0.0, math.inf), (-math.inf, 1.0), (-math.inf, math.inf)]


@pytest.mark.parametrize(("low", "high"), ENDS)
@pytest.mark.parametrize("mean", [-0.2, 0.03, 0.98])
def test_clipped_normal_values_against_scipy(mean: float, low: float, high: float) -> None:
    deviation = 25 / 255
    normal = stats.norm(mean, deviation)
    edges = [max(low, -9), min(high, 9)]

    def moment(function: object) -> float:
        inside = normal.expect(function, edges[0], edges[1], epsabs=1e-12)
        return float(inside + normal.cdf(edges[0]) * function(edges[0]) + normal.sf(edges[1]) * function(edges[1]))  # type: ignore[operator]

    first = moment(lambda x: x)
    found = gaussian_clipped(np.array([mean]), deviation, low, high)
    assert found[0][0] == pytest.approx(first, abs=1e-8)
    assert found[1][0] == pytest.approx(moment(lambda x: (x - first) ** 2), abs=1e-8)


def test_black_loses_half_of_its_noise() -> None:
    mean, variance = gaussian_clipped(np.zeros(1), 1.0, 0.0, math.inf)
    assert mean[0] == pytest.approx(1 / math.sqrt(2 * math.pi))
    assert math.sqrt(variance[0]) == pytest.approx(0.5838, abs=1e-4)


@pytest.mark.parametrize("sigma", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("photons", [0.0, 0.3, 4.0, 60.0, 99.9, 100.1, 5000.0])
def test_expectations_without_clipping_are_the_moments(photons: float, sigma: float) -> None:
    model = NoiseModel(gain=2.0, pedestal=10.0, sigma=sigma)
    mean = 10 + 2 * photons
    first = expectation(lambda x: x - mean, np.array([mean]), model)[0]
    second = expectation(lambda x: (x - mean) ** 2, np.array([mean]), model)[0]
    assert first == pytest.approx(0, abs=1e-6 * (1 + math.sqrt(photons)))
    # an equidistant sum over 7 deviations holds the variance to this
    assert second == pytest.approx(model.variance(mean), rel=1e-5, abs=1e-9)


def test_expectation_of_clipped_counts_is_the_sum_over_counts() -> None:
    model = NoiseModel(gain=1.0, low=0.0, high=4.0)
    means = np.array([0.0, 0.5, 3.0, 8.0])
    counts = np.arange(200)
    expected = [(stats.poisson.pmf(counts, mean) * np.minimum(counts, 4)).sum() for mean in means]
    np.testing.assert_allclose(expectation(lambda x: x, means, model), expected, atol=1e-9)


def test_expectation_is_smooth_where_the_sum_over_counts_ends() -> None:
    model = NoiseModel(gain=1.0, sigma=2.0, low=0.0, high=110.0)
    below, above = expectation(lambda x: x, np.array([100.0, 100.0 + 1e-9]), model)
    assert above == pytest.approx(below, abs=2e-3)


def test_mean_of_clipped_samples() -> None:
    model = NoiseModel(gain=0.05, pedestal=0.1, sigma=0.06, low=0.1, high=1.0)
    rng = np.random.default_rng(1)
    means = torch.tensor([[0.1, 0.15, 0.3], [0.7, 0.95, 1.2]])
    samples = 0.05 * rng.poisson((means - 0.1) / 0.05, (100_000, 2, 3)) + 0.1 + rng.normal(0, 0.06, (100_000, 2, 3))
    expected = np.clip(samples, 0.1, 1).mean(0)
    np.testing.assert_allclose(clipped_mean(means, model).numpy(), expected, atol=2e-3)


def test_clipped_mean_is_one_function_of_the_value() -> None:
    model = NoiseModel(gain=0.05, sigma=0.1, low=0.0, high=1.0)
    values = torch.linspace(-0.1, 1.1, 4999).reshape(1, -1)
    whole = clipped_mean(values, model)
    parts = torch.cat([clipped_mean(part, model) for part in torch.tensor_split(values, 5, 1)], 1)
    torch.testing.assert_close(whole, parts, rtol=0, atol=1e-7)
    assert clipped_mean(values[:, :0], model).shape == (1, 0)


@pytest.mark.parametrize(
    "model",
    [
        NoiseModel(sigma=0.1, low=0.0, high=1.0),
        NoiseModel(sigma=0.1, low=0.0),
        NoiseModel(sigma=0.1, high=1.0),
        NoiseModel(gain=0.03, sigma=0.05, low=0.0, high=1.0),
        NoiseModel(sigma=1e-4, low=0.0, high=1.0),
    ],
    ids=["both", "low", "high", "photons", "hardly any noise"],
)
def test_the_table_undoes_clipping(model: NoiseModel) -> None:
    truth = torch.linspace(0, 0.9, 301)
    found = unclipping(model, -1.0, 2.0)(clipped_mean(truth, model))
    torch.testing.assert_close(found, truth, rtol=0, atol=1e-3 * model.variance(0.9) ** 0.5 + 1e-6)


def test_the_table_ends_where_light_does_but_not_where_nothing_was_clipped() -> None:
    table = unclipping(NoiseModel(sigma=0.1, low=0.0), 0.0, 1.0)
    found = table(torch.tensor([-5.0, 0.0, 0.03, 7.0]))
    torch.testing.assert_close(found, torch.tensor([0.0, 0.0, 0.0, 7.0]), rtol=0, atol=1e-4)


@settings(max_examples=15, deadline=None)
@given(
    gain=st.sampled_from([0.0, 0.01, 0.2, 3.0]),
    pedestal=st.floats(-1, 1),
    sigma=st.floats(1e-3, 1),
    low=st.sampled_from([-math.inf, -1.0, 0.3]),
    high=st.sampled_from([math.inf, 1.5, 30.0]),
)
def test_tables_are_monotone(gain: float, pedestal: float, sigma: float, low: float, high: float) -> None:
    table = unclipping(NoiseModel(gain, pedestal, sigma, low, high), -2.0, 40.0)
    values = torch.linspace(-5, 60, 20001)
    assert (table(values).diff() >= -1e-5).all()
    assert torch.isfinite(table(values)).all()


def test_a_table_is_a_line_between_its_places_and_beyond() -> None:
    table = Table(torch.tensor([0.0, 1.0, 3.0]).double(), torch.tensor([0.0, 2.0, 3.0]).double(), highest=3.5)
    found = table(torch.tensor([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 3.5, 9.0]))
    assert found.tolist() == [-2.0, 0.0, 1.0, 2.0, 2.5, 3.0, 3.25, 3.5]
    assert found.dtype == torch.float32


def test_a_constant_function_has_a_table() -> None:
    table = tabulate(np.zeros(5), np.full(5, 3.0))
    assert table(torch.tensor([-1.0, 0.0, 2.0])).tolist() == [3.0, 3.0, 3.0]
