"""What is one image before and after, and what is not."""

import numpy as np
import pytest

from noise2detail.errors import AxesError, InputError
from noise2detail.image import Image
from noise2detail.report.pairing import pair
from noise2detail.types import Pixels

RNG = np.random.default_rng(7)
CLEAN = 800 + 600 * np.sin(np.arange(64) / 9)[:, None] * np.cos(np.arange(96) / 7)
NOISY = RNG.poisson(CLEAN).astype(np.uint16)


def image(array: Pixels, axes: str = "YX") -> Image:
    return Image(array, axes)


@pytest.mark.parametrize(
    "denoised",
    [CLEAN, NOISY, CLEAN.astype(np.uint16), np.full_like(CLEAN, CLEAN.mean()), CLEAN * 1.1, CLEAN + 100],
    ids=["clean", "untouched", "integers", "flat", "a tenth more", "a little brighter"],
)
def test_whatever_a_denoiser_may_do_is_a_pair(denoised: Pixels) -> None:
    found = pair(image(NOISY), image(denoised))
    assert found.layout.size == NOISY.shape
    assert bool(found.told) == (denoised.dtype != NOISY.dtype)


@pytest.mark.parametrize(
    ("denoised", "factor"),
    [(CLEAN / 65535, 1 / 65535), (CLEAN / 16, 1 / 16), (CLEAN * 4 + 3, 4.0)],
    ids=["to one", "to bytes", "stretched"],
)
def test_another_scale_is_refused_with_the_factor(denoised: Pixels, factor: float) -> None:
    with pytest.raises(InputError, match="same scale of intensities") as caught:
        pair(image(NOISY), image(denoised))
    said = float(str(caught.value).split("about ")[1].split(" times")[0])
    assert said == pytest.approx(factor, rel=0.01)


def test_a_pedestal_that_was_taken_away_is_refused() -> None:
    with pytest.raises(InputError, match="same scale"):
        pair(image(NOISY.astype(np.float64) + 30000), image(CLEAN))


def test_other_shapes_are_refused_with_both() -> None:
    with pytest.raises(AxesError, match=r"\(64, 95\).*\(64, 96\)"):
        pair(image(NOISY), image(CLEAN[:, 1:]))


def test_axes_that_another_program_has_renamed_are_told() -> None:
    stack = np.stack([NOISY, NOISY])
    found = pair(image(stack, "ZYX"), image(stack, "TYX"))
    assert found.denoised.axes == "ZYX"
    assert "TYX" in found.told[0]


def test_a_mask_is_no_denoised_image() -> None:
    with pytest.raises(InputError, match="mask"):
        pair(image(NOISY), image(NOISY > 800))


def test_only_the_channel_on_another_scale_is_named() -> None:
    both = np.stack([CLEAN, CLEAN])
    wrong = both * np.array([1, 0.1])[:, None, None]
    with pytest.raises(InputError, match=r"^channel 2:"):
        pair(image(both, "CYX"), image(wrong, "CYX"))


def test_gaps_are_left_out() -> None:
    holes = CLEAN.copy()
    holes[:20] = np.nan
    assert pair(image(holes), image(holes)).told == ()
