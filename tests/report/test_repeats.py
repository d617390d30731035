"""Denoising again by a plan: the same bits for the same image and seed."""

from dataclasses import replace

import numpy as np
import pytest

import noise2detail as n2d
from noise2detail.errors import Cancelled, SettingError
from noise2detail.method import Step
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.report.repeats import exact_type, image_again, plane_again, target_of
from noise2detail.settings import with_setting
from noise2detail.types import Pixels
from tests.material import noisy_array

ONE = n2d.Run(device="cpu", precision="float32", threads=1)


def small_network() -> Noise2Detail:
    method = Noise2Detail()
    for name, value in (("stage1.steps", "2"), ("stage3.steps", "2"), ("width", "4")):
        method = with_setting(method, name, value)
    return method


def noise_on(shape: tuple[int, ...], seed: int = 0) -> Pixels:
    y, x = np.mgrid[: shape[-2], : shape[-1]]
    scene = 100 + 30 * np.sin(x / 5) * np.cos(y / 7)
    values: Pixels = (scene + np.random.default_rng(seed).normal(0, 8, shape)).astype(np.float32)
    return values


@pytest.mark.parametrize("method", ["auto", "bm3d", "gaussian"])
def test_an_image_again_is_the_same_image(method: str) -> None:
    noisy = noise_on((48, 40))
    recipe = "fast" if method == "auto" else None
    plan = n2d.plan(noisy, method=method, recipe=recipe, run=ONE)
    again = image_again(plan)
    np.testing.assert_array_equal(again(noisy), n2d.denoise(noisy, method=method, recipe=recipe, run=ONE))
    assert not np.array_equal(again(noise_on((48, 40), seed=1)), again(noisy))


def test_a_network_is_trained_anew_from_the_seed_of_the_plan() -> None:
    noisy = noisy_array(24, 24)
    plan = n2d.plan(noisy, method=small_network(), recipe="fast", seed=3, run=ONE)
    first = image_again(plan, repeats=2)
    np.testing.assert_array_equal(first(noisy), first(noisy))
    np.testing.assert_array_equal(
        first(noisy), n2d.denoise(noisy, method=small_network(), recipe="fast", seed=3, run=ONE)
    )
    assert not np.array_equal(image_again(plan, seed=4)(noisy), first(noisy))


def test_stacks_channels_and_integers() -> None:
    noisy = noise_on((2, 2, 24, 24)).astype(np.uint16)
    plan = n2d.plan(noisy, axes="ZCYX", method="gaussian", run=ONE)
    result = image_again(plan)(noisy)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(np.rint(result), n2d.denoise(noisy, axes="ZCYX", method="gaussian", run=ONE))
    with pytest.raises(SettingError, match="shape"):
        image_again(plan)(noisy[0])


def test_a_plane_of_any_size_is_denoised_by_itself() -> None:
    noisy = noise_on((2, 40, 48))
    plan = n2d.plan(noisy, axes="CYX", method="bm3d", run=ONE)
    half = noisy[0, ::2, ::2].copy()
    np.testing.assert_array_equal(plane_again(plan)(half), n2d.denoise(half, method="bm3d", run=ONE))
    assert plane_again(plan)(np.rint(half).astype(np.uint8)).dtype == np.float64


def test_a_plane_keeps_the_choices_and_finds_the_noise_anew() -> None:
    noisy = noise_on((48, 48))
    plan = n2d.plan(noisy, method="auto", recipe="fast", run=ONE)
    quiet = (noisy / 100).astype(np.float32)  # other units, so another noise
    found = plane_again(plan)(quiet)
    np.testing.assert_allclose(100 * found, image_again(plan)(noisy), rtol=0.02)


def test_repeats_are_one_work() -> None:
    noisy, told = noise_on((24, 24)), list[Step]()
    again = image_again(n2d.plan(noisy, method="median", run=ONE), repeats=3, on_step=told.append)
    for _ in range(3):
        again(noisy)
    fractions = [step.fraction for step in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert told[0].stage.startswith("repeat 1/3, ")
    assert told[-1].stage.startswith("repeat 3/3, ")


def test_a_repeat_can_be_stopped() -> None:
    noisy = noise_on((24, 24))

    def stop(step: Step) -> None:
        raise Cancelled(step.stage)

    with pytest.raises(Cancelled):
        image_again(n2d.plan(noisy, method="median", run=ONE), on_step=stop)(noisy)
    with pytest.raises(Cancelled):
        plane_again(n2d.plan(noisy, method="median", run=ONE), on_step=stop)(noisy)


def test_what_cannot_be_repeated_is_refused() -> None:
    plan = n2d.plan(noise_on((24, 24)), method="gaussian", run=ONE)
    with pytest.raises(SettingError, match="several frames"):
        plane_again(replace(plan, frames=True))
    with pytest.raises(SettingError, match="seed"):
        image_again(plan, seed=-1)


def test_targets_and_types() -> None:
    noisy = noise_on((24, 24))
    assert target_of(n2d.plan(noisy, method="auto", run=ONE)) == "latent"
    assert target_of(n2d.plan(noisy, method="auto", run=replace(ONE, target="captured"))) == "captured"
    assert target_of(n2d.plan(noisy, method="bm3d", run=ONE)) == "captured"
    assert target_of(n2d.plan(noisy, method="bm3d", run=replace(ONE, unclip=True))) == "latent"
    assert [exact_type(np.dtype(name)) for name in ("float16", "float32", "float64", "uint8", "int32")] == [
        np.float32, np.float32, np.float64, np.float64, np.float64,
    ]  # fmt: skip
