"""A method between a stabilising transform and its inverse, tried around a blur and a small network."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from noise2detail.engine.training import Training
from noise2detail.errors import Cancelled
from noise2detail.method import Context, Cost, Denoiser, Method, Step
from noise2detail.methods.stabilized import Stabilized
from noise2detail.methods.zs_n2n import ZeroShotNoise2Noise
from noise2detail.noise.clipping import gaussian_clipped
from noise2detail.noise.model import NoiseModel
from noise2detail.tiling.walk import apply_in_tiles
from noise2detail.types import Batch
from tests.material import noisy_batch

SEEN: list[tuple[Batch, Context, Denoiser | None]] = []
"""What the blurs of this file were given to fit."""


@dataclass(frozen=True)
class Blur:
    """Mean of a square; takes its noise level into its tensors."""

    reach: int = 2
    scope: ClassVar[Literal["any", "image"]] = "any"

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> Denoiser:
        SEEN.append((noisy, context, start))
        context.on_step(Step("blur", 1, 1, None, 1.0))
        return Blurred(self.reach)

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> Denoiser:
        SEEN.append((torch.zeros(1, 1, 8, 8), context, None))
        return Blurred(int(tensors["reach"]))

    def cost(self, images: int, y: int, x: int) -> Cost:
        return Cost(0.0, float(images * y * x))

    @classmethod
    def recipe(cls, name: str) -> "Blur":
        raise KeyError(name)


@dataclass(frozen=True, eq=False)
class Blurred:
    halo: int
    alignment: ClassVar[int] = 1

    def __call__(self, noisy: Batch) -> Batch:
        padded = F.pad(noisy, (self.halo,) * 4, mode="replicate")
        return F.avg_pool2d(padded, 2 * self.halo + 1, 1)

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        return {"noisy": noisy, "blurred": self(noisy)}

    def tensors(self) -> Mapping[str, Tensor]:
        return {"reach": torch.tensor(self.halo)}


CAMERA = NoiseModel(gain=0.02, pedestal=0.1, sigma=0.01)


def photographed(model: NoiseModel, mean: float | Tensor, side: int = 64, channels: int = 1) -> Batch:
    rng = np.random.default_rng(4)
    clean = np.broadcast_to(np.asarray(mean, np.float64), (1, channels, side, side))
    counts = model.gain * rng.poisson((clean - model.pedestal) / model.gain) + model.pedestal if model.gain else clean
    noisy = np.clip(counts + rng.normal(0, model.sigma, clean.shape), model.low, model.high)
    return torch.from_numpy(noisy).float()


def test_it_keeps_the_contract() -> None:
    method = Stabilized(Blur())
    assert isinstance(method, Method)
    assert isinstance(method.fit(noisy_batch(1, 1, 24, 24), Context()), Denoiser)
    assert method.scope == "any"
    assert hash(method) == hash(Stabilized(Blur()))
    assert method.cost(2, 30, 40) == Blur().cost(2, 30, 40)
    with pytest.raises(KeyError):
        Stabilized.recipe("standard")


def test_the_inner_method_sees_even_noise_in_ordinary_values() -> None:
    steps = torch.tensor([0.3, 0.6, 1.1, 2.0]).repeat_interleave(16).expand(64, 64)
    Stabilized(Blur()).fit(photographed(CAMERA, steps), Context(noise=(CAMERA,), units=(7.0,)))
    noisy, context, _ = SEEN[-1]
    assert context.noise is not None
    assert noisy.flatten().quantile(0.001) == pytest.approx(0, abs=1e-2)
    assert noisy.flatten().quantile(0.999) == pytest.approx(1, abs=1e-2)
    for part in torch.tensor_split(noisy[0, 0], 4, 1):
        assert float(part.std()) == pytest.approx(context.noise[0].sigma, rel=0.1)
    assert context.noise[0].gain == 0
    assert context.units[0] * context.noise[0].sigma == pytest.approx(1)


def test_noise_is_measured_where_nobody_knows_it() -> None:
    steps = torch.tensor([0.3, 0.6, 1.1, 2.0]).repeat_interleave(32).expand(128, 128)
    image = photographed(CAMERA, steps, 128)
    known, measured = (Stabilized(Blur()).fit(image, Context(noise=noise))(image) for noise in ((CAMERA,), None))
    torch.testing.assert_close(measured, known, rtol=0, atol=5e-3)
    assert not torch.equal(measured, known)


@pytest.mark.parametrize("photons", [0.2, 0.5, 2.0, 30.0])
def test_the_mean_of_an_even_image_is_kept(photons: float) -> None:
    """A plain inverse would lose up to a quarter of a photon; the whole image is one average here."""
    model = NoiseModel(gain=0.1, pedestal=-0.2, sigma=0.03)
    image = photographed(model, model.pedestal + photons * model.gain, 72)
    found = Stabilized(Blur(30)).fit(image, Context(noise=(model,)))(image)[..., 30:-30, 30:-30]
    error = model.gain * photons**0.5 / 61
    assert float(found.mean()) == pytest.approx(model.pedestal + photons * model.gain, abs=4 * error + 0.001)


@pytest.mark.parametrize("mean", [0.0, 0.04, 0.5])
def test_clipped_noise_is_undone_on_demand(mean: float) -> None:
    model = NoiseModel(sigma=0.1, low=0.0, high=1.0)
    image = photographed(model, mean, 72)
    context = Context(noise=(model,))
    plain, undone = (
        float(Stabilized(Blur(30), unclip=unclip).fit(image, context)(image)[..., 30:-30, 30:-30].mean())
        for unclip in (False, True)
    )
    assert plain == pytest.approx(float(gaussian_clipped(np.array([mean]), 0.1, 0.0, 1.0)[0][0]), abs=0.006)
    assert undone == pytest.approx(mean, abs=0.012)
    inner = SEEN[-1][1].noise
    assert inner is not None
    assert not inner[0].is_clipped


def test_stabilisation_and_clipping_are_undone_together() -> None:
    model = NoiseModel(gain=0.1, sigma=0.1, low=0.0)
    for photons in (0.5, 3.0):
        image = photographed(model, photons * 0.1, 72)
        found = Stabilized(Blur(30), unclip=True).fit(image, Context(noise=(model,)))(image)
        assert float(found[..., 30:-30, 30:-30].mean()) == pytest.approx(photons * 0.1, abs=0.015)


@pytest.mark.parametrize("inner", [Blur(), ZeroShotNoise2Noise(Training(3), width=6, clip=False)], ids=["blur", "net"])
@pytest.mark.parametrize("stabilize", [True, False])
def test_without_gain_it_is_the_inner_method(inner: Any, stabilize: bool) -> None:
    noisy = noisy_batch(1, 2, 24, 30)
    context = Context(noise=(NoiseModel(sigma=0.15), NoiseModel(sigma=0.1)), units=(3.0, 4.0))
    found = Stabilized(inner, stabilize).fit(noisy, context)
    assert torch.equal(found(noisy), inner.fit(noisy, context)(noisy))
    if isinstance(inner, Blur):
        # its listener is wrapped: what a step may show is taken back to the image's own values
        assert replace(SEEN[-2][1], on_step=context.on_step) == context


def test_the_stabilised_inner_method_is_told_apart() -> None:
    noisy = noisy_batch(1, 1, 24, 30)
    context = Context(noise=(NoiseModel(gain=0.05, pedestal=-0.1, sigma=0.05),))
    assert not torch.equal(Stabilized(Blur()).fit(noisy, context)(noisy), Blur().fit(noisy, context)(noisy))
    assert torch.equal(Stabilized(Blur(), False).fit(noisy, context)(noisy), Blur().fit(noisy, context)(noisy))


def test_channels_have_noise_of_their_own() -> None:
    models = (CAMERA, NoiseModel(sigma=0.1), NoiseModel(gain=0.1, sigma=0.02, low=0.0))
    noisy = torch.cat([photographed(model, 0.7) for model in models], 1)
    method = Stabilized(Blur(), unclip=True)
    together = method.fit(noisy, Context(noise=models))(noisy)
    for number, model in enumerate(models):
        own = noisy[:, number : number + 1]
        torch.testing.assert_close(
            together[:, number : number + 1], method.fit(own, Context(noise=(model,)))(own), rtol=0, atol=1e-6
        )


@pytest.mark.parametrize("unclip", [False, True])
def test_tiles_equal_the_whole(unclip: bool) -> None:
    model = NoiseModel(gain=0.05, sigma=0.05, low=0.0)
    noisy = photographed(model, 0.4, 45)
    denoiser = Stabilized(Blur(), unclip=unclip).fit(noisy, Context(noise=(model,)))
    assert (denoiser.halo, denoiser.alignment) == (2, 1)
    found = apply_in_tiles(denoiser, noisy, tile=16, halo=2, alignment=1)
    torch.testing.assert_close(found, denoiser(noisy), rtol=0, atol=1e-5)


@pytest.mark.parametrize("inner", [Blur(), ZeroShotNoise2Noise(Training(3), width=6, clip=False)], ids=["blur", "net"])
@pytest.mark.parametrize("unclip", [False, True])
def test_what_was_learnt_can_be_restored(inner: Any, unclip: bool) -> None:
    models = (NoiseModel(0.05, -0.2, 0.05, low=-0.2), NoiseModel(sigma=0.1, high=1.0))
    noisy = noisy_batch(1, 2, 20, 24)
    method = Stabilized(inner, unclip=unclip)
    first = method.fit(noisy, Context(noise=models, units=(2.0, 3.0)))
    tensors = {name: value.clone() for name, value in first.tensors().items()}
    again = method.restore(tensors, Context(seed=8, units=(2.0, 3.0)))
    assert torch.equal(again(noisy), first(noisy))
    assert (again.halo, again.alignment) == (first.halo, first.alignment)
    assert all(torch.equal(value, tensors[name]) for name, value in again.tensors().items())
    if isinstance(inner, Blur):
        assert (SEEN[-1][1].noise, SEEN[-1][1].units) == (SEEN[-2][1].noise, SEEN[-2][1].units)


def test_stages_are_taken_back_to_the_values_of_the_image() -> None:
    noisy = photographed(CAMERA, 0.9)
    denoiser = Stabilized(Blur()).fit(noisy, Context(noise=(CAMERA,)))
    stages = denoiser.stages(noisy)
    assert list(stages) == ["noisy", "blurred"]
    assert torch.equal(stages["blurred"], denoiser(noisy))
    # the unbiased inverse of a single reading lies a quarter of a photon above it
    assert float((stages["noisy"] - noisy).mean()) == pytest.approx(CAMERA.gain / 4, rel=0.1)


def test_a_start_lends_its_inner_denoiser() -> None:
    noisy = photographed(CAMERA, 0.9)
    first = Stabilized(Blur()).fit(noisy, Context())
    Stabilized(Blur()).fit(noisy, Context(), start=first)
    assert isinstance(SEEN[-1][2], Blurred)
    Stabilized(Blur()).fit(noisy, Context(), start=Blurred(2))
    assert SEEN[-1][2] is None


def test_gaps_have_no_say() -> None:
    noisy = photographed(CAMERA, 0.9)
    mask = torch.ones(1, 1, 64, 64, dtype=torch.bool)
    mask[..., 50:, :] = False
    Stabilized(Blur()).fit(torch.where(mask, noisy, 0.91), Context(mask=mask))
    first = SEEN[-1]
    Stabilized(Blur()).fit(torch.where(mask, noisy, 1.3), Context(mask=mask))
    second = SEEN[-1]
    assert first[1].noise == second[1].noise
    assert torch.equal(first[0][..., :50, :], second[0][..., :50, :])
    everywhere = Stabilized(Blur()).fit(noisy, Context(mask=mask & False))
    assert torch.isfinite(everywhere(noisy)).all()


@pytest.mark.parametrize("size", [(8, 8), (9, 31)])
@pytest.mark.parametrize("unclip", [False, True])
def test_small_and_constant_images(size: tuple[int, int], unclip: bool) -> None:
    for noisy in (noisy_batch(1, 2, *size), torch.zeros(1, 2, *size), torch.poisson(torch.full((2, 2, *size), 0.5))):
        before = noisy.clone()
        for noise in (None, (CAMERA, NoiseModel(sigma=0.1, low=0.0))):
            found = Stabilized(Blur(), unclip=unclip).fit(noisy, Context(noise=noise))(noisy)
            assert found.shape == noisy.shape
            assert found.dtype == torch.float32
            assert torch.isfinite(found).all()
        assert torch.equal(noisy, before)


def test_brighter_images_than_those_fitted_to_are_right() -> None:
    dark, bright = photographed(CAMERA, 0.5, 72), photographed(CAMERA, 4.0, 72)
    denoiser = Stabilized(Blur(30)).fit(dark, Context(noise=(CAMERA,)))
    assert float(denoiser(bright)[..., 30:-30, 30:-30].mean()) == pytest.approx(4.0, abs=0.02)


def test_same_seed_same_bits_and_nothing_global_changes() -> None:
    method = Stabilized(ZeroShotNoise2Noise(Training(3), width=6, clip=False))
    noisy = photographed(CAMERA, 0.9, 24)
    before = torch.random.get_rng_state()
    found = [method.fit(noisy, Context(seed=seed, noise=(CAMERA,)))(noisy) for seed in (3, 3, 4)]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert torch.equal(torch.random.get_rng_state(), before)


def test_cancelling_stops_the_inner_fit() -> None:
    def stop(step: Step) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        Stabilized(Blur()).fit(photographed(CAMERA, 0.9), replace(Context(), on_step=stop))


@pytest.mark.gpu
def test_an_accelerator_gives_nearly_the_same(accelerator: torch.device) -> None:
    model = NoiseModel(gain=0.05, sigma=0.05, low=0.0)
    noisy, method = photographed(model, 0.4), Stabilized(Blur(), unclip=True)
    found = method.fit(noisy.to(accelerator), Context(device=accelerator))(noisy.to(accelerator))
    assert found.device.type == accelerator.type
    torch.testing.assert_close(found.cpu(), method.fit(noisy, Context())(noisy), rtol=0, atol=1e-3)
