import math
from typing import Any

import numpy as np
import pytest
import skimage.metrics

from noise2detail.errors import InputError, SettingError
from noise2detail.metrics.fidelity import body_psnr, drift_psnr, drifted, gain_and_offset, psnr, ssim
from noise2detail.types import Pixels

peak_ratio: Any = skimage.metrics.peak_signal_noise_ratio
structural: Any = skimage.metrics.structural_similarity

SPANS = [pytest.param(255.0, id="8-bit"), pytest.param(1.0, id="unit")]


def scene(span: float, seed: int = 0) -> tuple[Pixels, Pixels]:
    """A reference within 0 and span, and a noisy version that leaves this range."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:41, :57]
    reference = span * (0.5 + 0.45 * np.sin(y / 5) * np.cos(x / 7))
    return reference + span * 0.1 * rng.standard_normal(reference.shape), reference


@pytest.mark.parametrize("span", SPANS)
def test_psnr_is_that_of_scikit_image_on_the_clipped_image(span: float) -> None:
    noisy, reference = scene(span)
    assert noisy.min() < 0
    clipped = np.clip(noisy, 0, span)
    assert psnr(noisy, reference, span) == pytest.approx(peak_ratio(reference, clipped, data_range=span), rel=1e-12)
    assert psnr(noisy, reference, span, clip=False) == pytest.approx(
        peak_ratio(reference, noisy, data_range=span), rel=1e-12
    )


@pytest.mark.parametrize("span", SPANS)
def test_ssim_is_that_of_scikit_image(span: float) -> None:
    noisy, reference = scene(span)
    expected = structural(
        reference,
        np.clip(noisy, 0, span),
        data_range=span,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(noisy, reference, span) == pytest.approx(expected, rel=1e-12)
    assert ssim(reference, reference, span) == pytest.approx(1, abs=1e-12)


def test_identical_images_have_infinite_psnr() -> None:
    image = np.arange(400, dtype=np.uint8).reshape(20, 20)
    assert psnr(image, image, 255) == math.inf
    assert drift_psnr(image, image, image, 255) > 250  # gain and offset are fitted, to rounding
    assert body_psnr(image, image, 255) == math.inf


def test_unsigned_integers_do_not_wrap() -> None:
    assert psnr(np.zeros((8, 8), np.uint8), np.ones((8, 8), np.uint8), 255) == pytest.approx(20 * math.log10(255))


def test_drift_forgives_gain_and_offset_of_the_capture_and_nothing_else() -> None:
    _, reference = scene(100.0)
    noise = np.random.default_rng(1).standard_normal(reference.shape)
    capture = 1.18 * reference + 3
    # the true result of a drifted capture: an error of 18 % by plain PSNR, next to none by drift PSNR
    plain, drift = (
        psnr(capture, reference, 100, clip=False),
        drift_psnr(capture, reference, capture + noise, 100, clip=False),
    )
    assert plain < 25
    assert drift > 55
    # it is fitted from what was denoised: a result that is too bright is not forgiven
    assert drift_psnr(capture, reference, reference + noise, 100, clip=False) == pytest.approx(plain, abs=0.2)


def test_gain_and_offset_are_those_of_least_squares() -> None:
    noisy, reference = scene(1.0)
    design = np.stack([reference.ravel(), np.ones(reference.size)], 1)
    (gain, offset), *_ = np.linalg.lstsq(design, noisy.ravel(), rcond=None)
    assert gain_and_offset(noisy, reference) == pytest.approx((gain, offset), rel=1e-9)
    assert np.allclose(drifted(reference, noisy), gain * reference + offset)
    assert gain_and_offset(noisy, np.full_like(reference, 7)) == pytest.approx((0, noisy.mean()))


def test_body_is_what_is_brighter_than_a_quarter_of_the_range() -> None:
    reference = np.array([[0.0, 0.25, 0.26, 1.0]])
    result = reference + np.array([[9.0, 9.0, 0.1, -0.1]])
    assert body_psnr(result, reference, 1, clip=False) == pytest.approx(20)
    assert math.isnan(body_psnr(result, np.ones((1, 4)), 1))


@pytest.mark.parametrize("measure", [psnr, ssim, body_psnr])
def test_what_cannot_be_compared_is_refused(measure: object) -> None:
    assert callable(measure)
    with pytest.raises(InputError, match=r"\(16, 16\).*\(16, 17\)"):
        measure(np.zeros((16, 16)), np.zeros((16, 17)), 1.0)
    with pytest.raises(InputError, match="1 of 256 pixels of the reference are NaN"):
        measure(np.zeros((16, 16)), np.where(np.eye(16) * np.arange(16) == 15, np.nan, 0), 1.0)
    with pytest.raises(SettingError, match="span"):
        measure(np.zeros((16, 16)), np.zeros((16, 16)), math.nan)


def test_ssim_needs_a_plane_that_holds_its_window() -> None:
    with pytest.raises(InputError, match="11x11"):
        ssim(np.zeros((10, 40)), np.zeros((10, 40)), 1)
    with pytest.raises(InputError, match="one plane"):
        ssim(np.zeros((3, 16, 16)), np.zeros((3, 16, 16)), 1)


def test_ranges_that_do_not_begin_at_0_are_not_clipped() -> None:
    reference = np.linspace(100, 1300, 400).reshape(20, 20)
    assert psnr(reference + 12, reference, 1200) == pytest.approx(40)
    assert drift_psnr(reference + 12, reference, reference, 1200) == pytest.approx(40)
    assert psnr(reference + 12, reference, 1200, clip=True) < 40
