"""The classical filters: the libraries' results, calibrated near the best, equal in tiles, at ease with any image."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage, signal
from skimage import restoration

from noise2detail.calibration.filtering import fit_filter
from noise2detail.errors import Cancelled, SettingError
from noise2detail.method import Context, Step
from noise2detail.methods.bilateral import Bilateral
from noise2detail.methods.gaussian import Gaussian
from noise2detail.methods.mean import Mean
from noise2detail.methods.median import Median
from noise2detail.methods.nlm import NonLocalMeans
from noise2detail.methods.tv import TotalVariation
from noise2detail.methods.wavelet import Wavelet
from noise2detail.methods.wiener import Wiener
from noise2detail.settings import with_setting
from noise2detail.tiling.walk import apply_in_tiles
from noise2detail.types import Batch
from tests.material import noisy_batch

CALIBRATED: dict[str, Any] = {
    "gaussian": Gaussian(),
    "mean": Mean(),
    "median": Median(),
    "wiener": Wiener(),
    "bilateral": Bilateral(),
    "tv": TotalVariation(iterations=40),
    "wavelet": Wavelet(shifts=1),
    "nlm": NonLocalMeans(patch_distance=3),
}
GIVEN: dict[str, Any] = {
    "gaussian": Gaussian(1.3),
    "mean": Mean(5),
    "median": Median(5),
    "wiener": Wiener(5, 0.15),
    "bilateral": Bilateral(0.4, 1.2),
    "tv": TotalVariation(0.2),
    "wavelet": Wavelet(0.15, shifts=1),
    "nlm": NonLocalMeans(0.12, 0.1, patch_distance=4),
}
EVERY = pytest.mark.parametrize("method", CALIBRATED.values(), ids=list(CALIBRATED))
GIVEN_ONES = pytest.mark.parametrize("method", GIVEN.values(), ids=list(GIVEN))


def waves(*shape: int, sigma: float = 0.1) -> tuple[Batch, Batch]:
    """Noisy and clean."""
    y, x = torch.meshgrid(torch.arange(shape[0]) / 3.0, torch.arange(shape[1]) / 4.0, indexing="ij")
    clean = (0.5 + 0.4 * torch.sin(y) * torch.cos(x))[None, None]
    return clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1)), clean


def mse(one: Batch, other: Batch) -> float:
    return float((one - other).square().mean())


def bilateral(plane: NDArray[np.float64], color: float, spatial: float, reach: int) -> NDArray[np.float64]:
    """By the definition, pixel by pixel."""
    padded, result = np.pad(plane, reach, mode="symmetric"), np.empty_like(plane)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    near = np.exp(-(y**2 + x**2) / (2 * spatial**2))
    for row, column in np.ndindex(plane.shape):
        square = padded[row : row + 2 * reach + 1, column : column + 2 * reach + 1]
        weights = near * np.exp(-((square - plane[row, column]) ** 2) / (2 * color**2))
        result[row, column] = (weights * square).sum() / weights.sum()
    return result


def expected_of(name: str, plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """The library's own result with the parameters of ``GIVEN``."""
    found = {
        "gaussian": lambda: ndimage.gaussian_filter(plane, 1.3),
        "mean": lambda: ndimage.uniform_filter(plane, 5),
        "median": lambda: ndimage.median_filter(plane, 5),
        "wiener": lambda: signal.wiener(plane, 5, noise=0.15**2),
        "bilateral": lambda: bilateral(plane, 0.4, 1.2, 3),
        "tv": lambda: restoration.denoise_tv_chambolle(plane, 0.2),  # type: ignore[no-untyped-call]
        "wavelet": lambda: restoration.denoise_wavelet(
            plane, 0.15, wavelet="db2", method="BayesShrink", rescale_sigma=False
        ),
        "nlm": lambda: restoration.denoise_nl_means(plane, 5, 4, 0.12, fast_mode=True, sigma=0.1),
    }[name]()
    return np.asarray(found, np.float64)


@pytest.mark.parametrize("name", GIVEN)
def test_given_parameters_give_what_the_library_gives(name: str) -> None:
    noisy = noisy_batch(1, 1, 33, 40)
    found = GIVEN[name].fit(noisy, Context())(noisy)[0, 0].double().numpy()
    inner = (slice(3, -3), slice(3, -3)) if name == "wiener" else (slice(None), slice(None))  # scipy pads with zeros
    np.testing.assert_allclose(found[inner], expected_of(name, noisy[0, 0].double().numpy())[inner], rtol=0, atol=1e-6)


def test_without_distances_the_bilateral_filter_is_that_of_scikit_image() -> None:
    """With them it is not: its table of distances is askew, so that a plain loop is the oracle above."""
    noisy = noisy_batch(1, 1, 17, 20).clamp_min(0)
    wide = Bilateral(0.2, 3.0)
    found = wide.family.function(noisy[0, 0].double().numpy(), {"sigma_color": 0.2, "sigma_spatial": 3.0})
    np.testing.assert_allclose(found, bilateral(noisy[0, 0].double().numpy(), 0.2, 3.0, 8), atol=1e-6)
    expected = restoration.denoise_bilateral(
        noisy[0, 0].double().numpy(), 17, sigma_color=0.2, sigma_spatial=1e6, bins=100_000, mode="symmetric"
    )
    np.testing.assert_allclose(bilateral(noisy[0, 0].double().numpy(), 0.2, 1e6, 8), expected, atol=1e-4)


def test_scipys_wiener_noise_is_the_square_of_ours() -> None:
    plane = noisy_batch(1, 1, 30, 31)[0, 0].double().numpy()
    published = (
        ndimage.uniform_filter(plane**2, 5, mode="constant") - ndimage.uniform_filter(plane, 5, mode="constant") ** 2
    )
    sigma = float(np.sqrt(published.mean()))
    noisy = torch.from_numpy(plane).float()[None, None]
    found = Wiener(5, sigma).fit(noisy, Context())(noisy)[0, 0].numpy()
    np.testing.assert_allclose(found[3:-3, 3:-3], signal.wiener(plane, 5)[3:-3, 3:-3], atol=1e-6)


@pytest.mark.parametrize("deviation", [0.05, 0.2, 0.5])
def test_the_calibrated_blur_is_near_the_best(deviation: float) -> None:
    noisy, clean = waves(160, 160, sigma=deviation)
    found = Gaussian().fit(noisy, Context()).values[0]["sigma"]
    sigmas = np.geomspace(0.3, 4, 200)
    errors = [np.mean((ndimage.gaussian_filter(noisy[0, 0].numpy(), s) - clean[0, 0].numpy()) ** 2) for s in sigmas]
    assert found == pytest.approx(sigmas[int(np.argmin(errors))], rel=0.15)


@EVERY
def test_the_calibrated_filter_comes_within_a_tenth_of_the_best(method: Any) -> None:
    """Of every choice on a fine grid for one parameter, the others as found."""
    noisy, clean = waves(64, 64, sigma=0.15)
    denoiser = method.fit(noisy, Context())
    own = mse(denoiser(noisy), clean)
    assert own < 0.35 * mse(noisy, clean)
    for name, value in denoiser.values[0].items():
        if value > 0:
            near = tuple(value * factor for factor in (0.6, 0.8, 1.25, 1.6))
            tried = (max(3.0, value - 2), value + 2) if name == "size" else near
            others = [replace(denoiser, values=({**denoiser.values[0], name: other},)) for other in tried]
            assert own < 1.12 * min(mse(other(noisy), clean) for other in others)


@EVERY
def test_noisy_centres_are_calibrated_for(method: Any) -> None:
    """Filters that weigh by a pixel's own value need more than those calibrated on interpolated centres get."""
    if method.family.filling == "mean":
        assert type(method).__name__ in {"Gaussian", "Mean", "Median"}
        return
    noisy, clean = waves(64, 64, sigma=0.15)
    published = replace(method.family, filling="mean")
    assert mse(method.fit(noisy, Context())(noisy), clean) < 1.02 * mse(
        fit_filter(published, noisy, Context())(noisy), clean
    )


@EVERY
@pytest.mark.parametrize("channels", [1, 4])
def test_channels_are_calibrated_and_filtered_one_by_one(method: Any, channels: int) -> None:
    noisy = noisy_batch(1, channels, 9, 8) * torch.arange(1.0, channels + 1).reshape(1, -1, 1, 1)
    together = method.fit(noisy, Context())
    own = noisy[:, -1:]
    alone = method.fit(own, Context())
    assert dict(together.values[-1]) == dict(alone.values[0])
    assert torch.equal(together(noisy)[:, -1:], alone(own))
    assert len(together.values) == channels


@EVERY
@pytest.mark.parametrize("size", [(8, 8), (9, 11), (8, 31)], ids=str)
def test_any_size(method: Any, size: tuple[int, int]) -> None:
    noisy = noisy_batch(2, 1, *size)
    found = method.fit(noisy, Context())(noisy)
    assert found.shape == noisy.shape
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()
    assert not torch.equal(found, noisy)


@EVERY
@pytest.mark.parametrize("value", [0.0, 0.7, -3.0])
def test_constant_images_stay_constant(method: Any, value: float) -> None:
    noisy = torch.full((1, 1, 12, 12), value)
    torch.testing.assert_close(method.fit(noisy, Context())(noisy), noisy, rtol=0, atol=1e-5)


@EVERY
def test_constant_areas_are_no_trouble(method: Any) -> None:
    noisy = noisy_batch(1, 1, 24, 24)
    noisy[..., :14, :] = 0
    found = method.fit(noisy, Context())(noisy)
    assert torch.isfinite(found).all()


@EVERY
def test_brightness_and_contrast_change_nothing_else(method: Any) -> None:
    """Including negative values, which some of the libraries' functions clip or refuse."""
    noisy = noisy_batch(1, 1, 24, 22)
    found, moved = (method.fit(own, Context())(own) for own in (noisy, 4 * noisy - 8))
    torch.testing.assert_close(moved, 4 * found - 8, rtol=0, atol=1e-3 if isinstance(method, TotalVariation) else 1e-4)


@GIVEN_ONES
@pytest.mark.parametrize("tile", [5, 20])
def test_tiles_equal_the_whole(method: Any, tile: int) -> None:
    noisy = noisy_batch(1, 2, 50, 41)
    noisy[..., 20:, 20:] += 5  # the range of a tile is not that of the image
    denoiser = method.fit(noisy, Context())
    if isinstance(method, TotalVariation | Wavelet):
        assert denoiser.halo is None
        return
    whole = denoiser(noisy)
    found = apply_in_tiles(denoiser, noisy, tile=tile, halo=denoiser.halo, alignment=denoiser.alignment)
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-5)
    short = apply_in_tiles(denoiser, noisy, tile=tile, halo=denoiser.halo - 1, alignment=1)
    assert not torch.allclose(short, whole, rtol=0, atol=1e-6)  # the halo is no larger than needed


def test_the_halo_is_that_of_the_channel_that_looks_furthest() -> None:
    flat, busy = 0.5 + 0.3 * torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0)), waves(32, 32)[0]
    denoiser = Gaussian().fit(torch.cat([busy, flat], 1), Context())
    sigmas = [values["sigma"] for values in denoiser.values]
    assert sigmas[1] > sigmas[0]
    assert denoiser.halo == int(4 * sigmas[1] + 0.5)


@EVERY
def test_gaps_have_no_say(method: Any) -> None:
    noisy = noisy_batch(1, 1, 24, 24)
    noisy[..., :, 12:] = noisy[..., :, 12:13]
    mask = torch.ones(1, 1, 24, 24, dtype=torch.bool)
    mask[..., :, 13:] = False
    masked, plain = (method.fit(noisy, Context(mask=own)) for own in (mask, None))
    assert torch.isfinite(masked(noisy)).all()
    nothing = method.fit(noisy, Context(mask=torch.zeros_like(mask)))
    assert torch.isfinite(nothing(noisy)).all()
    if not isinstance(method, Mean | Median):  # of few sizes the same may be right for both
        assert masked.tensors().keys() == plain.tensors().keys()
        assert any(not torch.equal(masked.tensors()[name], value) for name, value in plain.tensors().items())


@EVERY
def test_every_image_of_a_batch_has_its_say(method: Any) -> None:
    noisy = noisy_batch(3, 1, 10, 8)
    together = method.fit(noisy, Context())
    torch.testing.assert_close(together(noisy), torch.cat([together(image[None]) for image in noisy]), rtol=0, atol=0)
    first = method.fit(torch.cat([noisy[:2], 6 * noisy[2:]]), Context())
    assert dict(first.values[0]) != dict(together.values[0]) or isinstance(method, Gaussian | Mean | Median)


@EVERY
def test_restored_bits_are_the_same(method: Any) -> None:
    noisy = noisy_batch(1, 2, 9, 8)
    first = method.fit(noisy, Context(seed=1))
    again = method.restore({name: value.clone() for name, value in first.tensors().items()}, Context())
    assert torch.equal(again(noisy), first(noisy))
    assert (again.halo, again.alignment) == (first.halo, first.alignment)
    assert torch.equal(list(again.stages(noisy).values())[-1], first(noisy))
    assert torch.equal(method.fit(noisy, Context(seed=2))(noisy), first(noisy))


@EVERY
def test_progress_rises_to_the_end(method: Any) -> None:
    heard: list[Step] = []
    before = torch.random.get_rng_state()
    method.fit(noisy_batch(1, 2, 12, 12), Context(on_step=heard.append))
    fractions = [step.fraction for step in heard]
    assert fractions == sorted(set(fractions))
    assert fractions[0] > 0
    assert fractions[-1] == 1.0
    losses = [float(step.loss) for step in heard if step.loss is not None]
    assert len(losses) > 4
    assert np.isfinite(losses).all()
    assert all(1 <= step.index <= step.count for step in heard)
    assert torch.equal(torch.random.get_rng_state(), before)


@EVERY
def test_cancelling_stops_at_once(method: Any) -> None:
    heard: list[Step] = []

    def stop(step: Step) -> None:
        heard.append(step)
        if len(heard) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        method.fit(noisy_batch(1, 1, 12, 12), Context(on_step=stop))
    assert len(heard) == 3


@EVERY
def test_a_start_is_gone_on_from(method: Any) -> None:
    noisy = noisy_batch(1, 1, 16, 16)
    first = method.fit(noisy, Context())
    trials: dict[str, int] = {}
    for name, start in (("cold", None), ("warm", first)):
        heard: list[Step] = []
        again = method.fit(noisy, Context(on_step=heard.append), start)
        trials[name] = sum(step.loss is not None for step in heard)
        assert mse(again(noisy), first(noisy)) < 1e-3
    assert trials["warm"] <= trials["cold"]


@EVERY
def test_a_start_of_another_filter_or_of_other_channels_is_ignored(method: Any) -> None:
    noisy = noisy_batch(1, 1, 10, 9)
    alone = method.fit(noisy, Context())
    starts = [other.fit(noisy, Context()) for other in (GIVEN["mean"], GIVEN["median"], GIVEN["wavelet"])]
    starts = [start for start in starts if start.family.function != method.family.function]
    starts.append(replace(alone, values=alone.values * 2))
    for start in starts:
        assert method.fit(noisy, Context(), start).values == alone.values


@GIVEN_ONES
def test_given_intensities_are_in_image_units(method: Any) -> None:
    """An image of 100 units per working unit, and parameters given in these units."""
    noisy = noisy_batch(1, 1, 20, 20)
    intensities = [parameter.name for parameter in method.family.parameters if parameter.intensity]
    scaled = replace(method, **{name: 100 * getattr(method, name) for name in intensities})
    heard: list[Step] = []
    found = scaled.fit(noisy, Context(units=(100.0,), on_step=heard.append))(noisy)
    torch.testing.assert_close(found, method.fit(noisy, Context())(noisy), rtol=0, atol=1e-6)
    assert [step.fraction for step in heard] == [1.0]


@EVERY
def test_large_images_cost_no_more_to_calibrate(method: Any) -> None:
    sides = (64, 2048, 4096)
    small, large, larger = (method.cost(1, side, side) for side in sides)
    assert 0 < small.training < large.training == larger.training
    assert small.application < large.application < larger.application
    given = {name: 3 if name == "size" else 3.0 for name in settings_of(method)}
    assert replace(method, **given).cost(1, 64, 64).training == 0


def settings_of(method: Any) -> list[str]:
    return [field.name for field in fields(method) if getattr(method, field.name) is None]


@EVERY
def test_settings_can_be_typed(method: Any) -> None:
    for name in settings_of(method):
        assert getattr(with_setting(method, name, "3"), name) == 3
        assert getattr(with_setting(with_setting(method, name, "3"), name, "none"), name) is None
        with pytest.raises(SettingError, match=name):
            with_setting(method, name, "-1")


@EVERY
def test_recipes(method: Any) -> None:
    standard = type(method).recipe("standard")
    assert standard == type(method)()
    assert hash(standard) == hash(type(method)())
    assert method.scope == "any"
    with pytest.raises(KeyError):
        type(method).recipe("paper")
