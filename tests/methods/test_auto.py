"""The method that measures the noise, decides by it, and mixes estimates by their risk."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import noise2detail as n2d
from noise2detail.engine.smoother import PairSmoother
from noise2detail.errors import Cancelled, SettingError
from noise2detail.fusion.denoiser import FusionDenoiser
from noise2detail.method import Context, Step
from noise2detail.methods.auto import Auto
from noise2detail.noise.colour import coloured
from noise2detail.noise.measure import Measurement, measure_noise
from noise2detail.noise.model import NoiseModel
from noise2detail.pipeline.run import Run

RUN = Run(device="cpu", precision="float32", anyway=True)


def short(steps: int = 3, **settings: Any) -> Auto:
    plain = PairSmoother()
    network = replace(plain, width=8, training=replace(plain.training, steps=steps))
    return replace(Auto(effort="quick", network=network), **settings)


def waves(y: int = 64, x: int = 64) -> Tensor:
    """0 to 1."""
    rows, columns = torch.meshgrid(torch.arange(y) / 6.0, torch.arange(x) / 8.0, indexing="ij")
    return 0.5 + 0.5 * torch.sin(rows) * torch.cos(columns)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def counted(clean: Tensor, seed: int = 0) -> Tensor:
    return torch.poisson(clean, generator=torch.Generator().manual_seed(seed))


LINE = torch.tensor([0.45, 1.0, 0.45])
SHARED = (LINE[:, None] * LINE)[None]


def scenes() -> dict[str, tuple[Tensor, Tensor, tuple[NoiseModel, ...]]]:
    """Clean and noisy images ``(1, channel, y, x)``, and their noise."""
    own = waves()[None, None]
    three = torch.cat([own, 0.7 * own + 0.1, 0.4 + 0.3 * own], 1)
    return {
        "poisson-gaussian": (
            100 + 60 * own,
            100 + 2 * counted(30 * own) + 3 * normal(1, 1, 64, 64),
            (NoiseModel(gain=2.0, pedestal=100.0, sigma=3.0),),
        ),
        "clipped": (own, (own + 0.2 * normal(1, 1, 64, 64)).clamp(0, 1), (NoiseModel(sigma=0.2, low=0.0, high=1.0),)),
        "correlated": (5 * own, 5 * own + coloured(normal(1, 1, 64, 64), SHARED), (NoiseModel(sigma=1.0),)),
        "rgb": (three, three + 0.15 * normal(1, 3, 64, 64), (NoiseModel(sigma=0.15),) * 3),
    }


SCENES = scenes()
EVERY = pytest.mark.parametrize("name", SCENES)
FITTED: dict[str, FusionDenoiser] = {}


def settled(name: str) -> Auto:
    """Nothing left to decide."""
    return short(
        spectrum="measured" if name == "correlated" else "white", band=1.0, stride=3 if name == "correlated" else 1
    )


def fitted(name: str) -> FusionDenoiser:
    """Each scene is fitted once: nothing that is fitted changes."""
    if name not in FITTED:
        FITTED[name] = settled(name).fit(SCENES[name][1], Context(seed=1, noise=SCENES[name][2]))
    return FITTED[name]


def error(found: Tensor, clean: Tensor) -> float:
    return float((found - clean).square().mean())


@pytest.fixture(autouse=True)
def chance_is_left_alone() -> Iterator[None]:
    before = torch.get_rng_state()
    yield
    assert torch.equal(before, torch.get_rng_state())


# --- what comes out ------------------------------------------------------------------------------------------------


@EVERY
def test_noise_is_removed_and_the_mixture_is_not_worse_than_its_best_part(name: str) -> None:
    clean, noisy, _ = SCENES[name]
    errors = {stage: error(found, clean) for stage, found in fitted(name).stages(noisy).items()}
    assert errors["denoised"] < (0.6 if name == "correlated" else 0.3) * error(noisy, clean)
    # risks are compared by one probe: some thousandths of the noise is what 4096 pixels can tell
    assert errors["denoised"] <= 1.06 * min(errors.values()) + 0.004 * error(noisy, clean)


@EVERY
def test_stages_are_what_the_weights_mix(name: str) -> None:
    _, noisy, _ = SCENES[name]
    stages = fitted(name).stages(noisy)
    expected = ["cascades", "network"] if name == "correlated" else ["cascades", "ridge", "network"]
    assert list(stages) == [*expected, "denoised"]
    assert torch.equal(stages["denoised"], fitted(name)(noisy))
    weights = fitted(name).weights
    assert list(weights) == expected
    assert sum(weights.values()) == pytest.approx(1)
    assert min(weights.values()) >= 0
    if name == "rgb":  # no table bends the way back
        mixed = torch.stack([weight * stages[stage] for stage, weight in weights.items()]).sum(0)
        torch.testing.assert_close(mixed, stages["denoised"], atol=1e-4, rtol=0)


def test_with_care_small_and_large_patches_are_mixed_and_restored() -> None:
    _, noisy, noise = SCENES["clipped"]
    careful = short(spectrum="white", band=1.0, stride=1, effort="careful")
    found = careful.fit(noisy, Context(seed=1, noise=noise))
    assert list(found.weights) == ["cascades", "ridge small", "ridge large", "network"]
    assert sum(found.weights.values()) == pytest.approx(1)
    again = careful.restore(found.tensors(), Context())
    assert torch.equal(again(noisy), found(noisy))
    assert {name: weight for name, weight in again.weights.items() if weight} == {
        name: weight for name, weight in found.weights.items() if weight
    }


@EVERY
def test_what_was_learnt_gives_the_same_bits_elsewhere(name: str) -> None:
    _, noisy, _ = SCENES[name]
    tensors = fitted(name).tensors()
    assert all(tensor.device.type == "cpu" for tensor in tensors.values())
    again = settled(name).restore(tensors, Context())
    assert again.seen is None
    assert torch.equal(again(noisy), fitted(name)(noisy))


def test_another_image_of_the_same_kind_is_denoised_too() -> None:
    clean = 100 + 60 * waves(48, 51)[None, None]
    noisy = 100 + 2 * counted((clean - 100) / 2, 9) + 3 * normal(1, 1, 48, 51, seed=9)
    heard: list[float] = []
    found = fitted("poisson-gaussian").telling(heard.append)(noisy)
    assert error(found, clean) < 0.3 * error(noisy, clean)
    assert heard == sorted(heard)
    assert heard[-1] == 1


def test_a_change_in_place_is_no_image_that_was_seen() -> None:
    noisy = SCENES["rgb"][1].clone()
    denoiser = replace(settled("rgb"), mixed=False).fit(noisy, Context(noise=SCENES["rgb"][2]))
    before = denoiser(noisy)
    noisy += 1
    torch.testing.assert_close(denoiser(noisy), before + 1, atol=0.05, rtol=0)


def test_shared_structure_makes_channels_better_together() -> None:
    clean, noisy, models = SCENES["rgb"]
    method = replace(settled("rgb"), mixed=False)
    alone = method.fit(noisy[:, 1:2], Context(noise=models[1:2]))(noisy[:, 1:2])
    assert error(fitted("rgb")(noisy)[:, 1:2], clean[:, 1:2]) < error(alone, clean[:, 1:2])


def test_a_channel_without_noise_comes_back_untouched() -> None:
    clean, noisy, _ = SCENES["rgb"]
    noisy = noisy.clone()
    noisy[:, 1] = clean[:, 1]
    models = (NoiseModel(sigma=0.15), NoiseModel(), NoiseModel(sigma=0.15))
    method = short(spectrum="white", band=1.0, stride=1)
    denoiser = method.fit(noisy, Context(noise=models))
    found = denoiser(noisy)
    assert torch.equal(found[:, 1], noisy[:, 1])
    assert error(found[:, ::2], clean[:, ::2]) < 0.3 * error(noisy[:, ::2], clean[:, ::2])
    assert torch.equal(method.restore(denoiser.tensors(), Context())(noisy), found)


def test_without_noise_the_image_comes_back() -> None:
    clean = SCENES["rgb"][0]
    heard: list[Step] = []
    denoiser = short().fit(clean, Context(noise=(NoiseModel(),) * 3, on_step=heard.append))
    assert torch.equal(denoiser(clean), clean)
    assert denoiser(clean) is not clean
    assert list(denoiser.stages(clean)) == ["denoised"]
    assert torch.equal(short().restore(denoiser.tensors(), Context())(clean), clean)
    assert heard[-1].fraction == 1
    decided, said = short().decided([Measurement(NoiseModel(), np.ones((1, 1)), is_noiseless=True)], 64, 64)
    assert said == ("no noise was found: the image comes back as it is",)
    assert decided.spectrum == "white"


@pytest.mark.parametrize("mixed", [True, False])
def test_progress_goes_forth_and_ends(mixed: bool) -> None:
    heard: list[float] = []
    _, noisy, models = SCENES["clipped"]
    method = replace(settled("clipped"), mixed=mixed)
    denoiser = method.fit(noisy, Context(noise=models, on_step=lambda step: heard.append(step.fraction)))
    assert all(one < other for one, other in pairwise(heard))
    assert heard[-1] == 1
    assert ("network" in denoiser.weights) == mixed
    assert torch.equal(method.restore(denoiser.tensors(), Context())(noisy), denoiser(noisy))


def test_a_listener_may_stop_it_anywhere() -> None:
    _, noisy, models = SCENES["clipped"]
    for at in (0.1, 0.7):

        def stop(step: Step, at: float = at) -> None:
            if step.fraction > at:
                raise Cancelled

        with pytest.raises(Cancelled):
            settled("clipped").fit(noisy, Context(noise=models, on_step=stop))


def test_the_same_seed_gives_the_same_bits_and_members_are_averaged() -> None:
    _, noisy, models = SCENES["clipped"]
    method = replace(settled("clipped"), members=2)
    once, twice = (method.fit(noisy, Context(seed=4, noise=models)) for _ in range(2))
    assert torch.equal(once(noisy), twice(noisy))
    assert once.estimators is not None
    assert len(once.estimators.networks) == 2
    assert torch.equal(method.restore(once.tensors(), Context())(noisy), once(noisy))


def test_both_targets_differ_where_noise_was_cut_off() -> None:
    clean, noisy, models = SCENES["clipped"]
    dark = clean < 0.05
    latent = fitted("clipped")(noisy)[dark].mean()
    captured = replace(settled("clipped"), target="captured").fit(noisy, Context(noise=models))(noisy)[dark].mean()
    assert float(captured - latent) > 0.03
    assert float(captured) == pytest.approx(float(noisy[dark].mean()), abs=0.02)


# --- through the front door ----------------------------------------------------------------------------------------


def picture(y: int = 48, x: int = 48, seed: int = 0) -> NDArray[np.float64]:
    result: NDArray[np.float64] = 100 * waves(y, x).double().numpy()
    result += 5 * np.random.default_rng(seed).standard_normal((y, x))
    return result


@cache
def usual() -> NDArray[np.float64]:
    """The picture, denoised."""
    return n2d.denoise(picture(), method=short(), run=RUN)


@pytest.mark.parametrize(("scale", "offset"), [(1e-2, 0.0), (1.0, 1000.0)])
def test_units_and_pedestal_change_the_result_accordingly(scale: float, offset: float) -> None:
    once = usual()
    other = n2d.denoise(scale * picture() + offset, method=short(), run=RUN)
    # rounding of the working range turns thresholds here and there
    apart = np.abs((other - offset) / scale - once)
    assert apart.max() < 0.3
    assert np.sqrt((apart**2).mean()) < 0.05


@pytest.mark.parametrize("scale", [1e-12, 1e9])
def test_extreme_units_make_no_difference(scale: float) -> None:
    found = n2d.denoise(scale * picture(), method=short(), run=RUN) / scale
    apart = np.abs(found - usual())
    assert apart.max() < 0.3
    assert np.sqrt((apart**2).mean()) < 0.05


def test_a_plan_decides_in_sentences_and_its_settings_give_the_same_bits() -> None:
    made = n2d.plan(picture(), method=short(), run=RUN)
    assert len(made.why) >= 3
    assert all(" " in sentence for sentence in made.why)
    assert made.settings["spectrum"] in ("white", "measured")
    assert made.settings["stride"] > 0
    assert made.settings["band"] > 0
    chosen = {name: made.settings[name] for name in ("spectrum", "band", "stride")}
    again = short(**chosen)
    assert np.array_equal(n2d.denoise(picture(), method=again, run=RUN), usual())


def test_what_is_decided_once_stays_so() -> None:
    noise = [measure_noise(torch.from_numpy(picture()).float())]
    chosen, said = short().decided(noise, 48, 48)
    assert all(said)
    assert chosen.decided(noise, 48, 48) == (chosen, said)


@pytest.mark.parametrize("peak", [0.5, 1.0, 2.0, 4.0])
def test_the_flux_of_few_photons_stays(peak: float) -> None:
    """With the noise known: what estimating its gain costs is not looked at here."""
    noisy = counted(peak * waves(128, 128)[None, None])
    method = short(mixed=False, spectrum="white", band=1.0, stride=1)
    found = method.fit(noisy, Context(noise=(NoiseModel(gain=1.0),)))(noisy)
    assert float(found.sum() / noisy.sum()) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("size", [(8, 8), (9, 31), (8, 500)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_very_small_and_very_narrow_images(size: tuple[int, int]) -> None:
    clean = (4 * waves(*size))[None, None]
    noisy = clean + normal(1, 1, *size)
    method = short(spectrum="white", band=1.0, stride=1)
    denoiser = method.fit(noisy, Context(noise=(NoiseModel(sigma=1.0),)))
    assert error(denoiser(noisy), clean) < 0.8 * error(noisy, clean)
    assert torch.equal(method.restore(denoiser.tensors(), Context())(noisy), denoiser(noisy))
    found = n2d.denoise(noisy[0, 0].numpy(), method=short(), run=RUN)
    assert found.shape == size
    assert bool(np.isfinite(found).all())


# --- settings ------------------------------------------------------------------------------------------------------


def test_recipes() -> None:
    assert Auto.recipe("standard") == Auto()
    assert Auto.recipe("fast").mixed is False
    assert Auto.recipe("best").members > 1
    costs = [Auto.recipe(name).cost(1, 256, 256).total for name in ("fast", "standard", "best")]
    assert costs == sorted(costs)
    with pytest.raises(KeyError):
        Auto.recipe("unknown")


@pytest.mark.parametrize("wrong", [{"band": -0.1}, {"stride": -1}, {"members": 0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        Auto(**wrong)
