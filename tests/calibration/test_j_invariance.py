"""The self-loss measures what it says, and masked pixels are never seen."""

import math

import numpy as np
import pytest
from scipy.ndimage import correlate, gaussian_filter, median_filter
from skimage.restoration import calibrate_denoiser, denoise_invariant

from noise2detail.calibration.j_invariance import (
    FEW,
    STRIDE,
    Filling,
    Filter,
    Plane,
    Sample,
    phases,
    phases_for,
    self_loss,
    unseen,
    with_noise,
    without_centre,
)

FILTERS: dict[str, Filter] = {
    "identity": lambda plane: plane,
    "blur": lambda plane: gaussian_filter(plane, 1.0),
    "median": lambda plane: median_filter(plane, 3),
}


def noise(*shape: int, seed: int = 0) -> Plane:
    return np.random.default_rng(seed).normal(size=shape)


def sample_of(plane: Plane, filling: Filling = "mean") -> Sample:
    return Sample(plane, np.ones(plane.shape, bool), filling)


def loss_of(function: Filter, sample: Sample) -> float:
    return self_loss(function, [sample], phases(STRIDE), lambda number, loss: None)


def test_a_pixel_is_predicted_from_its_eight_neighbours() -> None:
    plane = np.array([[1.0, 2, 3], [4, 100, 6], [7, 8, 9]])
    assert without_centre(plane)[1, 1] == pytest.approx((2 + 4 + 6 + 8 + (1 + 3 + 7 + 9) / 2) / 6)
    ramp = np.add.outer(3.0 * np.arange(6), 2.0 * np.arange(7))
    np.testing.assert_allclose(without_centre(ramp)[1:-1, 1:-1], ramp[1:-1, 1:-1])


def test_phases_cover_every_pixel_once() -> None:
    count = np.zeros((9, 10))
    for phase in phases(STRIDE):
        count[phase] += 1
    assert (count == 1).all()


def test_four_phases_share_no_row_and_no_column() -> None:
    few = phases_for([sample_of(noise(64, 64))])
    assert len(few) == 4
    assert {rows.start for rows, _ in few} == {columns.start for _, columns in few} == {0, 1, 2, 3}


def test_all_phases_are_taken_where_data_is_scarce() -> None:
    assert len(phases_for([sample_of(noise(40, 40))])) == STRIDE**2
    hidden = np.zeros((280, 280), bool)
    hidden[0::4, 1::4] = True  # none of it on the four
    assert hidden.sum() > FEW
    assert len(phases_for([Sample(noise(280, 280), hidden)])) == STRIDE**2


@pytest.mark.parametrize("filling", ["mean", "noisy"])
@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("shape", [(8, 8), (9, 11), (10, 13)], ids=str)
def test_a_masked_pixel_is_not_seen(shape: tuple[int, int], name: str, filling: Filling) -> None:
    """At the borders too, where mirroring could lead a pixel back to itself."""
    plane = noise(*shape)
    for phase in phases(STRIDE):
        changed = plane.copy()
        changed[phase] += noise(*shape, seed=1)[phase] * 10
        first, second = (unseen(FILTERS[name], sample_of(own, filling), phase) for own in (plane, changed))
        np.testing.assert_array_equal(first, second)


def test_pixels_that_are_not_masked_are_seen() -> None:
    plane, phase = noise(12, 12), phases(STRIDE)[5]
    changed = plane.copy()
    changed[0, 0] += 1
    first, second = (unseen(FILTERS["blur"], sample_of(own), phase) for own in (plane, changed))
    assert not np.array_equal(first, second)


def test_the_loss_of_a_linear_filter_on_noise_is_the_analytic_one() -> None:
    """Clean image 0: the error is the filter's variance, sum of squared weights, and the noise adds its own."""
    loss = loss_of(FILTERS["identity"], sample_of(3 * noise(280, 280)))
    assert loss == pytest.approx(9 * (1 + 5 / 36), rel=0.015)


def test_the_loss_is_the_error_plus_the_variance_of_the_noise() -> None:
    clean = 10 * gaussian_filter(noise(280, 280, seed=3), 3)
    noisy = clean + 0.7 * noise(280, 280)
    sample = sample_of(noisy)
    for function in FILTERS.values():
        error = np.concatenate([(unseen(function, sample, p) - clean[p]).ravel() for p in phases(STRIDE)])
        assert loss_of(function, sample) == pytest.approx(np.mean(error**2) + 0.49, rel=0.02)


def test_the_same_as_scikit_image_with_its_own_interpolation(monkeypatch: pytest.MonkeyPatch) -> None:
    nearest = np.array([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4
    target = "noise2detail.calibration.j_invariance.without_centre"
    monkeypatch.setattr(target, lambda plane: correlate(plane, nearest, mode="mirror"))
    plane = gaussian_filter(noise(40, 44), 2) + 0.1 * noise(40, 44, seed=1)

    def blur(image: Plane, sigma: float) -> Plane:
        result: Plane = gaussian_filter(image, sigma)
        return result

    sigmas = [0.5, 1.0, 1.5, 2.0, 3.0]
    expected = calibrate_denoiser(  # type: ignore[no-untyped-call]
        plane, blur, {"sigma": sigmas}, stride=STRIDE, approximate_loss=False, extra_output=True
    )[1][1]
    found = [loss_of(lambda own, s=sigma: gaussian_filter(own, s), sample_of(plane)) for sigma in sigmas]  # type: ignore[misc]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    whole = np.empty_like(plane)
    for phase in phases(STRIDE):
        whole[phase] = unseen(FILTERS["blur"], sample_of(plane), phase)
    reference = denoise_invariant(  # type: ignore[no-untyped-call]
        plane, blur, stride=STRIDE, denoiser_kwargs={"sigma": 1.0}
    )
    np.testing.assert_allclose(whole, reference, rtol=1e-6, atol=1e-9)


def test_what_is_no_data_does_not_count() -> None:
    plane, valid = noise(16, 16), np.ones((16, 16), bool)
    valid[2:9, 3:12] = False
    losses = []
    for value in (0.0, 1e6):
        plane[4:7, 5:10] = value  # its neighbours, which count, do not look so far
        losses.append(self_loss(FILTERS["identity"], [Sample(plane, valid)], phases(STRIDE), lambda number, loss: None))
    assert losses[0] == losses[1]
    assert math.isnan(
        self_loss(FILTERS["blur"], [Sample(plane, valid & False)], phases(STRIDE), lambda number, loss: None)
    )


def test_filling_with_noise_has_the_mean_and_the_variance_of_the_image() -> None:
    """And hardly any correlation with what surrounds it, so that a filter cannot profit."""
    level = np.where(np.arange(600) < 300, 1.0, 3.0)  # noise that depends on the place
    plane = 5 + level * noise(300, 600)
    filled = with_noise(plane, without_centre(plane))
    for half, deviation in ((slice(4, 296), 1.0), (slice(304, 596), 3.0)):
        assert filled[:, half].mean() == pytest.approx(5, abs=0.02)
        assert filled[:, half].std() == pytest.approx(deviation, rel=0.01)


def test_correlated_noise_misleads() -> None:
    """The stated limit: on a flat image with smooth noise the loss prefers the filter that keeps it."""
    plane = gaussian_filter(noise(200, 200), 1.0)
    losses = {sigma: loss_of(lambda own, s=sigma: gaussian_filter(own, s), sample_of(plane)) for sigma in (0.5, 4.0)}  # type: ignore[misc]
    assert losses[0.5] < losses[4.0]
    assert loss_of(lambda own: gaussian_filter(own, 4.0), sample_of(noise(200, 200))) < loss_of(
        lambda own: gaussian_filter(own, 0.5), sample_of(noise(200, 200))
    )
