"""Errors told without a reference, against the truth of simulations and against what algebra says."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, median_filter

from noise2detail.errors import InputError, SettingError
from noise2detail.metrics.clipped_noise import Clipped
from noise2detail.metrics.error_difference import error_difference
from noise2detail.metrics.estimated_error import Answered, error_of, estimate_error
from noise2detail.metrics.response import Again, respond
from noise2detail.noise.clipping import gaussian_clipped
from noise2detail.noise.measure import Measurement, Uncertainty
from noise2detail.noise.model import NoiseModel
from noise2detail.plans import Target

WHITE = np.ones((1, 1))
Plane = NDArray[np.float64]


def known(model: NoiseModel, colour: Plane = WHITE) -> Measurement:
    return Measurement(model, colour)


def scene(side: int = 192) -> Plane:
    rows, columns = np.mgrid[:side, :side]
    found: Plane = 4 + 2 * np.sin(rows / 9) * np.cos(columns / 7) + 2.0 * (rows > columns)
    return found


def blur(plane: Plane) -> Plane:
    blurred: Plane = gaussian_filter(np.asarray(plane, np.float64), 1.2)
    return blurred


def truth(denoised: Plane, clean: Plane) -> float:
    return float(np.mean((denoised - clean) ** 2))


def test_the_identity_has_the_variance_as_its_error() -> None:
    noisy = scene() + np.random.default_rng(0).normal(0, 1.5, scene().shape)
    found = estimate_error(noisy, noisy, lambda plane: plane, known(NoiseModel(sigma=1.5)))
    assert found.mse == pytest.approx(1.5**2, rel=0.02)
    assert found.low < 1.5**2 < found.high


def test_the_response_of_a_linear_filter_is_the_filtered_probe() -> None:
    noisy = scene() + np.random.default_rng(0).normal(0, 1, scene().shape)
    response = respond(noisy, blur(noisy), blur, known(NoiseModel(sigma=1.0)), seed=3)
    np.testing.assert_allclose(response.answer, blur(response.probe), atol=1e-4)
    np.testing.assert_allclose(response.bend, 0, atol=1e-4)


FILTERS: dict[str, Again] = {
    "blur": blur,
    "median": lambda plane: median_filter(np.asarray(plane, np.float64), 3),
    "constant": lambda plane: np.full(plane.shape, 4.0),
    "worse than the image": lambda plane: 1.4 * np.asarray(plane, np.float64) - 0.4 * blur(plane),
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize(
    "model", [NoiseModel(sigma=1.0), NoiseModel(gain=0.25, pedestal=-1.0, sigma=0.3)], ids=["normal", "photons"]
)
def test_the_error_of_a_filter_is_found(name: str, model: NoiseModel) -> None:
    rng, clean = np.random.default_rng(5), scene()
    noisy = clean + rng.normal(0, model.sigma, clean.shape)
    if model.gain:
        counts = rng.poisson((clean - model.pedestal) / model.gain)
        noisy = model.pedestal + model.gain * counts + rng.normal(0, model.sigma, clean.shape)
    denoised = FILTERS[name](noisy)
    found = estimate_error(noisy, denoised, FILTERS[name], known(model), seed=1)
    assert abs(found.raw - truth(denoised, clean)) < 3.5 * found.error
    assert found.error < 0.1 * model.variance(4.0)


def test_nine_of_ten_intervals_hold() -> None:
    clean, held = scene(64), 0
    for seed in range(60):
        noisy = clean + np.random.default_rng(seed).normal(0, 1, clean.shape)
        found = estimate_error(noisy, blur(noisy), blur, known(NoiseModel(sigma=1.0)), seed=seed)
        held += found.low <= truth(blur(noisy), clean) <= found.high
    assert 48 <= held <= 60


def test_shared_noise_is_found_by_its_colour() -> None:
    rng, clean = np.random.default_rng(2), scene()
    white = rng.normal(0, 1, clean.shape)
    noisy = clean + (white + np.roll(white, 1, 1)) / math.sqrt(2)
    colour = np.array([[0.0, 0.0, 0.0], [0.5, 1.0, 0.5], [0.0, 0.0, 0.0]])
    denoised = blur(noisy)
    right = estimate_error(noisy, denoised, blur, known(NoiseModel(sigma=1.0), colour))
    wrong = estimate_error(noisy, denoised, blur, known(NoiseModel(sigma=1.0)))
    assert abs(right.raw - truth(denoised, clean)) < 3.5 * right.error
    assert wrong.raw < truth(denoised, clean) - 3.5 * wrong.error


@pytest.mark.parametrize("target", ["captured", "latent"])
@pytest.mark.parametrize("ends", [(0.0, math.inf), (-math.inf, 0.0)], ids=["low", "high"])
def test_what_is_read_off_clipped_recordings_has_the_target_and_its_square_as_mean(
    target: Target, ends: tuple[float, float]
) -> None:
    rng, sign = np.random.default_rng(0), 1 if ends[0] == 0 else -1
    model = NoiseModel(sigma=0.1, low=ends[0], high=ends[1])
    table = Clipped.of(model, target, -1.0, 1.0)
    for signal in (0.0, 0.05 * sign, 0.2 * sign):
        seen = np.clip(signal + rng.normal(0, 0.1, 100_000), *ends)
        value, square = table.read(seen)
        aim = signal if target == "latent" else float(seen.mean())
        assert value.mean() == pytest.approx(aim, abs=0.002)
        assert square.mean() == pytest.approx(aim**2, abs=0.0005)
        # Stein's identity for a function that is steep next to the end
        inside, place = seen != 0, 20 * (seen - 0.04 * sign)
        slope = 20 / np.cosh(place) ** 2
        weight = table.weight(seen, np.full_like(seen, signal))
        covariance = float(np.mean((value - aim) * np.tanh(place)))
        assert float(np.mean(weight * slope * inside)) == pytest.approx(covariance, abs=0.0035)


@pytest.mark.parametrize("target", ["captured", "latent"])
def test_errors_behind_clipping_are_those_of_the_target_that_is_stated(target: Target) -> None:
    rows, columns = np.mgrid[:192, :192]
    latent = np.maximum(0.0, np.sin(rows / 20) * np.sin(columns / 20))  # half of it is at the end itself
    model = NoiseModel(sigma=0.2, low=0.0)
    rng = np.random.default_rng(4)
    noisy = np.maximum(latent + rng.normal(0, 0.2, latent.shape), 0)
    captured = gaussian_clipped(latent.ravel(), 0.2, 0.0, math.inf)[0].reshape(latent.shape)
    denoised = blur(noisy)
    found = estimate_error(noisy, denoised, blur, known(model), target=target)
    aim = {"captured": captured, "latent": latent}[target]
    assert found.target == target
    assert abs(found.raw - truth(denoised, aim)) < 4 * found.error
    assert truth(denoised, latent) > 2 * truth(denoised, captured)  # so that the targets are told apart


def test_a_model_that_is_only_measured_widens_the_interval() -> None:
    noisy = scene() + np.random.default_rng(0).normal(0, 1, scene().shape)
    answered = Answered(blur(noisy), respond(noisy, blur(noisy), blur, known(NoiseModel(sigma=1.0))))
    sure = error_of(noisy, answered, known(NoiseModel(sigma=1.0)))
    measured = Measurement(NoiseModel(sigma=1.0), WHITE, Uncertainty(sigma=0.05))
    unsure = error_of(noisy, answered, measured)
    assert unsure.raw == sure.raw
    assert unsure.origins[0][0] == "strength of the noise"
    assert 0.07 < unsure.error < 0.11  # 0.05 of the deviation is 0.1 of the variance, less what passes the blur
    assert sure.error < 0.02


def test_an_error_that_may_be_nothing_has_no_upper_psnr() -> None:
    clean = np.full((64, 64), 5.0)
    noisy = clean + np.random.default_rng(0).normal(0, 1, clean.shape)
    found = estimate_error(noisy, clean, lambda plane: np.full(plane.shape, 5.0), known(NoiseModel(sigma=1.0)))
    assert found.low == 0
    assert found.mse > 0
    decibels = found.psnr(10.0)
    assert decibels.high == math.inf
    assert decibels.low < decibels.value < math.inf
    assert decibels.low == pytest.approx(10 * math.log10(100 / found.high))


@pytest.mark.parametrize(
    ("noise", "said"),
    [
        (Measurement(NoiseModel(), WHITE, is_noiseless=True), "no noise"),
        (known(NoiseModel(sigma=1.0), np.array([[0, 0.9, 0], [0.9, 1, 0.9], [0, 0.9, 0]])), "texture"),
        (Measurement(NoiseModel(sigma=1.0), WHITE, Uncertainty(sigma=math.inf)), "too small"),
    ],
    ids=["noiseless", "texture", "too small"],
)
def test_what_cannot_be_told_is_refused_with_the_reason(noise: Measurement, said: str) -> None:
    def never(plane: Plane) -> Plane:
        raise AssertionError(plane.shape)

    found = estimate_error(scene(), scene(), never, noise)
    assert said in found.refused
    assert math.isnan(found.mse)
    assert math.isnan(found.psnr(1.0).value)


def test_two_results_are_compared_better_than_either_is_known() -> None:
    clean = scene()
    noisy = clean + np.random.default_rng(0).normal(0, 1, clean.shape)
    noise = Measurement(NoiseModel(sigma=1.0), WHITE, Uncertainty(sigma=0.02))

    def wider(plane: Plane) -> Plane:
        blurred: Plane = gaussian_filter(np.asarray(plane, np.float64), 1.6)
        return blurred

    both = [Answered(method(noisy), respond(noisy, method(noisy), method, noise)) for method in (blur, wider)]
    found = error_difference(noisy, both[0], both[1], noise)
    aim = truth(blur(noisy), clean) - truth(wider(noisy), clean)
    assert found.low <= aim <= found.high
    assert found.high - found.low < 0.5 * 2 * 1.6449 * error_of(noisy, both[0], noise).error
    back = error_difference(noisy, both[1], both[0], noise)
    assert back.difference == pytest.approx(-found.difference)
    same = error_difference(noisy, both[0], both[0], noise)
    assert same.difference == 0
    assert not same.is_sure


def test_pixels_without_data_have_no_say() -> None:
    clean = scene()
    noisy = clean + np.random.default_rng(0).normal(0, 1, clean.shape)
    mask = np.ones(clean.shape, bool)
    mask[:40] = False
    gap = np.where(mask, noisy, np.nan)

    def filled(plane: Plane) -> Plane:
        return np.where(np.isnan(plane), np.nan, blur(np.nan_to_num(plane, nan=4.0)))

    denoised = filled(gap)
    found = estimate_error(gap, denoised, filled, known(NoiseModel(sigma=1.0)), mask=mask)
    assert abs(found.raw - truth(denoised[mask], clean[mask])) < 3.5 * found.error


def test_bad_input_is_named() -> None:
    noise = known(NoiseModel(sigma=1.0))
    with pytest.raises(InputError, match="shape"):
        estimate_error(scene(), scene(64), blur, noise)
    with pytest.raises(InputError, match="denoised again"):
        estimate_error(scene(), scene(), lambda plane: plane[:5], noise)
    with pytest.raises(SettingError, match="target is"):
        estimate_error(scene(), scene(), blur, noise, target="truth")  # type: ignore[arg-type]


@pytest.mark.parametrize("jumping", [0, 1], ids=["added", "taken away"])
def test_a_jump_to_another_setting_on_one_side_is_left_out(jumping: int) -> None:
    clean = scene()
    noisy = clean + np.random.default_rng(0).normal(0, 1, clean.shape)
    calls = iter(range(2))

    def tipped(plane: Plane) -> Plane:
        found: Plane = gaussian_filter(np.asarray(plane, np.float64), 2.0 if next(calls) == jumping else 1.2)
        return found

    found = estimate_error(noisy, blur(noisy), tipped, known(NoiseModel(sigma=1.0)))
    steady = estimate_error(noisy, blur(noisy), blur, known(NoiseModel(sigma=1.0)))
    assert found.raw == pytest.approx(steady.raw, abs=1e-5)
    assert found.error > steady.error
