"""Arrays in, arrays out: type, axes, intensity scale, gaps, stacks."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from noise2detail.errors import Cancelled, InputError, SettingError
from noise2detail.image import Image
from noise2detail.method import Step
from noise2detail.pipeline.denoise import denoise, execute_planes, stages
from noise2detail.pipeline.planning import make_plan
from noise2detail.pipeline.run import Run
from noise2detail.pipeline.training_set import training_set
from tests.material import CPU, noisy_array, quick

SHARED = replace(CPU, fit="shared")
PLANE = replace(CPU, fit="plane")
DTYPES = ["u1", "u2", "i2", "i4", "u8", "f2", "f4", "f8", ">u2", ">f4", "<i2"]
LAYOUTS = {
    "YX": (9, 12),
    "XY": (12, 9),
    "YXS": (9, 12, 3),
    "CYX": (2, 9, 12),
    "ZYX": (2, 9, 12),
    "YXC": (9, 12, 4),
    "TZCYX": (2, 2, 2, 8, 9),
}


def whole_numbers(dtype: str, *shape: int) -> NDArray[Any]:
    """Noisy pixels between 20 and 120, exact in every type."""
    return np.round(50 * noisy_array(*shape) + 40).clip(20, 120).astype(dtype)


@pytest.mark.parametrize("recipe", ["fast", "paper"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_same_type_and_scale(dtype: str, recipe: str) -> None:
    noisy = whole_numbers(dtype, 12, 14)
    before = noisy.copy()
    found = denoise(noisy, method=quick(recipe), recipe=recipe, run=CPU)
    assert found.dtype == noisy.dtype
    assert found.shape == noisy.shape
    assert not np.array_equal(found, noisy)
    np.testing.assert_array_equal(noisy, before)


@pytest.mark.parametrize("dtype", ["u1", "u2", ">u2", "i2", "f2", "f4", ">f4"])
def test_the_type_changes_nothing_but_the_rounding(dtype: str) -> None:
    noisy = whole_numbers(dtype, 12, 14)
    expected = denoise(noisy.astype(np.float64), method=quick(), run=CPU)
    found = denoise(noisy, method=quick(), run=CPU)
    if noisy.dtype.kind == "f":
        np.testing.assert_allclose(found, expected.astype(dtype), rtol=2 * float(np.finfo(dtype).eps))
    else:
        info = np.iinfo(dtype)
        np.testing.assert_array_equal(found, np.rint(expected).clip(info.min, info.max))


@pytest.mark.parametrize(("axes", "shape"), LAYOUTS.items(), ids=list(LAYOUTS))
def test_axes(axes: str, shape: tuple[int, ...]) -> None:
    noisy = noisy_array(*shape)
    found = denoise(noisy, axes=axes, method=quick(), run=CPU)
    assert found.shape == shape
    assert np.isfinite(found).all()
    assert not np.array_equal(found, noisy)


def test_trained_for_longer_it_is_smoother() -> None:
    """What little can be said of quality within a second: the noise goes, the waves stay."""
    noisy = noisy_array(48, 48)
    clean = noisy - 0.15 * torch.randn((1, 48, 48), generator=torch.Generator().manual_seed(0))[0].numpy()
    found = denoise(noisy, method=quick(steps=150), run=CPU)
    assert np.mean((found - clean) ** 2) < 0.5 * np.mean((noisy - clean) ** 2)


@pytest.mark.parametrize(
    ("axes", "other"), [("YX", "XY"), ("YXS", "SYX"), ("CYX", "YXC"), ("ZYX", "YXZ"), ("TZCYX", "YCZXT")]
)
def test_the_order_of_axes_does_not_matter(axes: str, other: str) -> None:
    noisy = noisy_array(*LAYOUTS[axes])
    moved = np.moveaxis(noisy, range(len(axes)), [other.index(a) for a in axes])
    expected = denoise(noisy, axes=axes, method=quick(), run=CPU)
    found = denoise(np.ascontiguousarray(moved), axes=other, method=quick(), run=CPU)
    np.testing.assert_array_equal(np.moveaxis(found, [other.index(a) for a in axes], range(len(axes))), expected)


@pytest.mark.parametrize(
    "arranged",
    [
        pytest.param(np.asfortranarray, id="fortran"),
        pytest.param(lambda a: np.repeat(a, 2, axis=1)[:, ::2], id="strided"),
        pytest.param(lambda a: a[::-1, ::-1].copy()[::-1, ::-1], id="backwards"),
        pytest.param(lambda a: np.pad(a, 3)[3:-3, 3:-3], id="window"),
        pytest.param(lambda a: a.tolist(), id="list"),
    ],
)
def test_memory_layout_does_not_matter(arranged: Any) -> None:
    noisy = noisy_array(12, 14).astype(np.float64)
    found = denoise(arranged(noisy), method=quick(), run=CPU)
    np.testing.assert_array_equal(found, denoise(noisy, method=quick(), run=CPU))


@pytest.mark.parametrize("gap", [0.5, np.nan])
def test_read_only_arrays_are_denoised_and_untouched(gap: float) -> None:
    noisy = noisy_array(12, 14)
    noisy[2, 3] = gap
    before = noisy.copy()
    noisy.flags.writeable = False
    denoise(noisy, method=quick(), run=CPU)
    np.testing.assert_array_equal(noisy, before)


@pytest.mark.parametrize(("a", "b"), [(100.0, 7.0), (1e-6, -3e-6), (4.0, -1e3), (1e12, 0.0)])
def test_the_result_follows_an_affine_change_of_intensities(a: float, b: float) -> None:
    noisy = noisy_array(16, 18).astype(np.float64)
    expected = denoise(noisy, method=quick(), run=CPU)
    found = denoise(a * noisy + b, method=quick(), run=CPU)
    np.testing.assert_allclose((found - b) / a, expected, rtol=0, atol=1e-4)


def test_an_image_comes_back_as_an_image() -> None:
    image = Image(noisy_array(2, 9, 12), "ZYX", {"X": 0.1}, format="tiff", metadata={"page": 1})
    found = denoise(image, method=quick(), run=CPU)
    assert isinstance(found, Image)
    assert vars(found) | {"array": image.array} == vars(image)
    np.testing.assert_array_equal(found.array, denoise(np.asarray(image.array), axes="ZYX", method=quick(), run=CPU))


def test_axes_win_over_those_of_an_image() -> None:
    image = Image(noisy_array(2, 9, 12), "ZYX")
    found = denoise(image, axes="CYX", method=quick(), run=CPU).array
    np.testing.assert_array_equal(found, denoise(np.asarray(image.array), axes="CYX", method=quick(), run=CPU))
    assert not np.array_equal(found, denoise(image, method=quick(), run=CPU).array)


def test_seed() -> None:
    noisy = noisy_array(12, 14)
    first = denoise(noisy, method=quick(), seed=1, run=CPU)
    np.testing.assert_array_equal(denoise(noisy, method=quick(), seed=1, run=CPU), first)
    assert not np.array_equal(denoise(noisy, method=quick(), seed=2, run=CPU), first)


@pytest.mark.parametrize("recipe", ["fast", "paper"])
@pytest.mark.parametrize("gap", [np.nan, np.inf, -np.inf])
def test_gaps_come_back_as_they_are_and_nothing_else_is_lost(gap: float, recipe: str) -> None:
    noisy = noisy_array(16, 18)
    noisy[3:6, 4:9] = gap
    noisy[0, 0] = noisy[15, 17] = gap
    found = denoise(noisy, method=quick(recipe), run=CPU)
    np.testing.assert_array_equal(found[~np.isfinite(noisy)], noisy[~np.isfinite(noisy)])
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(noisy))
    assert np.mean(found == noisy) < 0.1


def test_what_kind_of_gap_does_not_matter() -> None:
    noisy = noisy_array(16, 18)
    results = []
    for gap in (np.nan, np.inf, -np.inf):
        noisy[3:6, 4:9] = gap
        results.append(denoise(noisy, method=quick(), run=CPU)[np.isfinite(noisy)])
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


# --- stacks --------------------------------------------------------------------------------------------------------


def test_each_plane_of_a_stack_is_denoised_as_if_it_were_alone() -> None:
    """With the published map, which leaves values within [0, 1] alone: otherwise the map is that of the stack."""
    stack = noisy_array(3, 9, 12).clip(0, 1)
    found = denoise(stack, axes="ZYX", method=quick(), recipe="paper", run=CPU)
    for plane, alone in zip(found, stack, strict=True):
        np.testing.assert_array_equal(plane, denoise(alone, method=quick(), recipe="paper", run=CPU))


def test_a_stack_has_one_value_map() -> None:
    stack = noisy_array(3, 9, 12) * np.array([1, 10, 100], np.float32)[:, None, None]
    made, _, _ = make_plan(stack, "TYX", quick(), None, 0, CPU)
    low, high = np.percentile(stack, (0.1, 99.9))
    (value_map,) = made.value_maps
    assert (value_map.offset, value_map.offset + value_map.scale) == pytest.approx((low, high))


@pytest.mark.parametrize(("run", "trainings"), [(PLANE, 6), (SHARED, 1)], ids=["plane", "shared"])
def test_number_of_trainings(run: Run, trainings: int) -> None:
    heard: list[Step] = []
    denoise(noisy_array(2, 3, 8, 9), axes="TZYX", method=quick(), run=run, on_step=heard.append)
    learning = [step for step in heard if step.loss is not None]
    assert len(learning) == trainings * 4
    assert len({step.stage for step in learning}) == trainings * 2


def test_a_shared_fit_is_one_function_of_the_pixels() -> None:
    stack = noisy_array(3, 9, 12)
    stack[2] = stack[0]
    found = denoise(stack, axes="ZYX", method=quick("paper"), run=SHARED)
    np.testing.assert_array_equal(found[2], found[0])
    changed = stack.copy()
    changed[1] = changed[1][::-1]
    assert not np.array_equal(denoise(changed, axes="ZYX", method=quick("paper"), run=SHARED)[0], found[0])


def test_channels_one_by_one_are_denoised_as_if_they_were_alone() -> None:
    image = noisy_array(3, 9, 12) * np.array([1, 10, 100], np.float32)[:, None, None]
    heard: list[Step] = []
    each = replace(CPU, channels="each")
    found = denoise(image, axes="CYX", method=quick(), run=each, on_step=heard.append)
    for channel, alone in zip(found, image, strict=True):
        np.testing.assert_array_equal(channel, denoise(alone, method=quick(), run=CPU))
    assert len([step for step in heard if step.loss is not None]) == 3 * 4
    assert not np.array_equal(denoise(image, axes="CYX", method=quick(), run=CPU), found)


@pytest.mark.parametrize("run", [PLANE, SHARED, replace(CPU, fit="warm")], ids=["plane", "shared", "warm"])
def test_empty_planes_stay_as_they_are(run: Run) -> None:
    stack = noisy_array(4, 9, 12)
    stack[1], stack[3] = 0.25, np.nan
    found = denoise(stack, axes="ZYX", method=quick(), run=run)
    np.testing.assert_array_equal(found[1], stack[1])
    np.testing.assert_array_equal(found[3], stack[3])
    assert np.isfinite(found[[0, 2]]).all()
    assert not np.array_equal(found[0], stack[0])


def test_empty_planes_are_the_same_in_every_stage() -> None:
    stack = noisy_array(3, 9, 12)
    stack[1] = 0.25
    heard: list[Step] = []
    for image in stages(stack, axes="ZYX", method=quick(), run=PLANE, on_step=heard.append).values():
        np.testing.assert_array_equal(image[1], stack[1])
        assert not np.array_equal(image[2], stack[2])
    assert len([step for step in heard if step.loss is not None]) == 2 * 4


def test_an_empty_channel_stays_as_it_is() -> None:
    image = noisy_array(2, 9, 12)
    image[1] = 3
    found = denoise(image, axes="CYX", method=quick(), run=CPU)
    np.testing.assert_array_equal(found[1], image[1])
    assert not np.array_equal(found[0], image[0])


def test_a_gap_in_one_channel_comes_back_in_that_channel_only() -> None:
    image = noisy_array(2, 12, 12)
    image[0, 4, 4] = np.nan
    found = denoise(image, axes="CYX", method=quick(), run=CPU)
    assert np.isnan(found[0, 4, 4])
    assert np.isfinite(found).sum() == found.size - 1


def test_a_long_series_lends_evenly_spaced_planes() -> None:
    stack = np.arange(10, dtype=np.float32)[:, None, None] + noisy_array(10, 8, 8) / 100
    made, _, layout = make_plan(stack, "TYX", quick(), None, 0, SHARED)
    assert made.training_planes == 10
    some, mask = training_set(stack, replace(made, training_planes=4), layout)
    every, _ = training_set(stack, made, layout)
    assert mask is None
    np.testing.assert_array_equal(some, every[[0, 3, 6, 9]])


# --- stages, tiles, cancelling ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axes", "shape", "dtype"), [("YX", (17, 13), "f4"), ("YXS", (9, 12, 3), "u1"), ("ZYX", (2, 9, 12), ">u2")]
)
def test_the_last_stage_is_what_denoise_gives(axes: str, shape: tuple[int, ...], dtype: str) -> None:
    noisy = whole_numbers(dtype, *shape)
    found = stages(noisy, axes=axes, method=quick(), run=CPU)
    assert list(found) == ["stage1", "refined_stride2", "refined_stride4", "stage2", "stage3", "blend"]
    assert all(image.shape == shape and image.dtype == noisy.dtype for image in found.values())
    np.testing.assert_array_equal(found["blend"], denoise(noisy, axes=axes, method=quick(), run=CPU))


def test_stage2_is_the_mean_of_what_came_before() -> None:
    found = stages(noisy_array(2, 9, 14), axes="CYX", method=quick(), run=CPU)
    before = [found[name] for name in ("stage1", "refined_stride2", "refined_stride4")]
    np.testing.assert_allclose(found["stage2"], np.mean(before, axis=0), rtol=0, atol=1e-5)


def test_small_tiles_give_the_same_image() -> None:
    noisy = noisy_array(150, 70)
    small = replace(CPU, max_memory="70MB")
    assert make_plan(noisy, None, quick(), None, 0, small)[0].tile == 64
    expected, found = (stages(noisy, method=quick(), run=run) for run in (CPU, small))
    for name, image in expected.items():
        np.testing.assert_allclose(found[name], image, rtol=0, atol=1e-5)


def test_cancelling_leaves_nothing_behind() -> None:
    noisy = noisy_array(2, 9, 12)
    before, state = noisy.copy(), torch.random.get_rng_state()
    heard: list[Step] = []

    def stop(step: Step) -> None:
        heard.append(step)
        if len(heard) == 5:
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        denoise(noisy, axes="ZYX", method=quick(), run=CPU, on_step=stop)
    assert len(heard) == 5
    np.testing.assert_array_equal(noisy, before)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.gpu
def test_an_accelerator_gives_nearly_the_same(accelerator: torch.device) -> None:
    noisy = whole_numbers("u2", 2, 24, 21)
    there = replace(CPU, device=accelerator.type)
    found = denoise(noisy, axes="ZYX", method=quick(), run=there)
    np.testing.assert_allclose(found, denoise(noisy, axes="ZYX", method=quick(), run=CPU).astype(float), rtol=0, atol=2)


@pytest.mark.parametrize(
    ("noisy", "message"),
    [
        ("cells.tif", "cells.tif is the name of a file, not an image; open it with noise2detail.open"),
        (np.ma.masked_less(noisy_array(9, 9), 0.5), "a masked array would lose its mask; pass"),
    ],
    ids=["path", "masked"],
)
def test_what_only_looks_like_an_image(noisy: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        denoise(noisy)


@pytest.mark.parametrize("seed", [-1, 1.5, None, 2**64, "0"], ids=str)
def test_seeds_that_are_none(seed: Any) -> None:
    with pytest.raises(SettingError, match="expected a whole number from 0 to"):
        denoise(noisy_array(9, 9), seed=seed)


@pytest.mark.parametrize("run", [PLANE, SHARED, replace(PLANE, at_once=2)], ids=["plane", "shared", "at once"])
def test_planes_one_by_one_are_those_of_the_whole(run: Run) -> None:
    stack = whole_numbers("u1", 2, 2, 9, 12)
    stack[1, 0] = 7  # constant: it stays as it is, and comes last
    made, chosen, layout = make_plan(stack, "ZTYX", quick(), None, 0, run)
    found = dict(execute_planes(stack, made, chosen, layout))
    assert list(found)[-1] == (1, 0)
    whole = denoise(stack, axes="ZTYX", method=quick(), run=run)
    for index in layout.planes:
        assert np.array_equal(found[index], whole[index][None])
