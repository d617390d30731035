import math
import sys
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from noise2detail.errors import Cancelled, SettingError
from noise2detail.method import Context, Denoiser, Method, Step
from noise2detail.methods.bm3d import BM3D
from noise2detail.methods.bm3d_reference import WHEELS, BM3DReference
from noise2detail.noise.model import NoiseModel
from noise2detail.patches.rotation import rotation
from noise2detail.patches.spectrum import kernel_autocovariance
from noise2detail.registry import REFERENCE
from tests.material import noisy_batch

BLUR = torch.tensor([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 6  # of unit energy


def squares(y: int, x: int) -> Tensor:
    """Squares of two grey levels, each 12 pixels wide, ``(1, 1, y, x)``."""
    rows, columns = torch.arange(y) // 12, torch.arange(x) // 12
    return 0.3 + 0.4 * ((rows[:, None] + columns) % 2).float()[None, None]


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def blurred(*shape: int, seed: int = 0) -> Tensor:
    """Noise of variance 1 that neighbours share."""
    white = normal(shape[0], shape[1], shape[2] + 2, shape[3] + 2, seed=seed)
    return F.conv2d(white, BLUR[None, None])


def mean_square(difference: Tensor) -> float:
    return float(difference.square().mean())


@pytest.mark.parametrize("recipe", ["standard", "paper"])
@pytest.mark.parametrize(("sigma", "gain"), [(0.1, 40), (0.25, 10)])
def test_noise_on_repeated_squares_is_removed(recipe: str, sigma: float, gain: float) -> None:
    """Weak and strong noise have published parameters of their own, those for strong noise with few references."""
    clean = squares(72, 72)
    noisy = clean + sigma * normal(1, 1, 72, 72)
    found = replace(BM3D.recipe(recipe), sigma=sigma).fit(noisy, Context())(noisy)
    assert mean_square(found - clean) < sigma**2 / gain


def test_the_second_cascade_is_better_than_the_first() -> None:
    clean = squares(72, 72) + 0.1 * torch.sin(torch.arange(72) / 2.0)
    noisy = clean + 0.1 * normal(1, 1, 72, 72)
    denoiser = BM3D(sigma=0.1).fit(noisy, Context())
    stages = denoiser.stages(noisy)
    assert mean_square(stages["denoised"] - clean) < 0.9 * mean_square(stages["hard_threshold"] - clean)
    assert torch.equal(stages["denoised"], denoiser(noisy))


def test_a_constant_and_a_scale_go_through() -> None:
    noisy = noisy_batch(1, 1, 25, 22)
    once = BM3D(sigma=0.15).fit(noisy, Context())(noisy)
    moved = BM3D(sigma=0.6).fit(4 * noisy + 3, Context())(4 * noisy + 3)
    torch.testing.assert_close(moved, 4 * once + 3, atol=1e-4, rtol=0)


@pytest.mark.parametrize("noisy", [torch.full((1, 2, 20, 20), 0.3), noisy_batch(2, 1, 16, 16)])
def test_sigma_zero_returns_the_image(noisy: Tensor) -> None:
    found = BM3D(sigma=0.0).fit(noisy, Context())(noisy)
    assert torch.equal(found, noisy)
    assert found.data_ptr() != noisy.data_ptr()


def test_a_constant_image_has_no_noise() -> None:
    noisy = torch.full((1, 1, 24, 24), 0.3)
    assert torch.equal(BM3D().fit(noisy, Context())(noisy), noisy)


def test_where_sigma_comes_from() -> None:
    noisy = noisy_batch(1, 2, 64, 64)

    def found(sigma: float | None, **context: object) -> list[float]:
        denoiser = BM3D(sigma=sigma).fit(noisy, Context(**context))  # type: ignore[arg-type]
        return [math.sqrt(value) for value in denoiser.autocovariance.flatten().tolist()]

    known = (NoiseModel(sigma=0.2), NoiseModel(gain=0.1, sigma=0.7))
    assert found(30.0, units=(100.0, 200.0), noise=known) == pytest.approx([0.3, 0.15])
    assert found(None, noise=known)[0] == pytest.approx(0.2)
    assert found(None, noise=known)[1] == pytest.approx(0.15, rel=0.1)  # not constant: measured
    assert found(None) == pytest.approx([0.15, 0.15], rel=0.1)


def test_gaps_are_not_measured() -> None:
    noisy = noisy_batch(1, 1, 64, 64)
    mask = torch.ones(1, 1, 64, 64, dtype=torch.bool)
    mask[..., 40:] = False
    noisy[..., 40:] += 3 * normal(1, 1, 64, 24)
    for method in (BM3D(), BM3D(correlated=True)):
        denoiser = method.fit(noisy, Context(mask=mask))
        assert denoiser.autocovariance.amax().sqrt() == pytest.approx(0.15, rel=0.2)


@pytest.mark.parametrize(
    "method",
    [BM3D(sigma=0.1, correlated=True), BM3D(correlated=True), BM3D(sigma=0.1, kernel=tuple(BLUR.flatten().tolist()))],
)
def test_correlated_noise_needs_its_spectrum(method: BM3D) -> None:
    clean = squares(96, 96)
    noisy = clean + 0.1 * blurred(1, 1, 96, 96)
    white = BM3D(sigma=0.1).fit(noisy, Context())(noisy)
    found = method.fit(noisy, Context())(noisy)
    assert mean_square(found - clean) < 0.7 * mean_square(white - clean)


def test_a_kernel_without_sigma_takes_the_measured_strength() -> None:
    noise = 0.1 * blurred(1, 1, 96, 96)
    denoiser = BM3D(kernel=tuple((5 * BLUR).flatten().tolist())).fit(noise, Context())
    torch.testing.assert_close(denoiser.autocovariance[0], 0.01 * kernel_autocovariance(BLUR), rtol=0.25, atol=1e-5)


def test_channels_that_share_structure_help_each_other() -> None:
    clean = squares(42, 42).repeat(1, 3, 1, 1) * torch.tensor([1.0, 0.5, 2.0]).view(1, 3, 1, 1)
    noisy = clean + 0.15 * normal(1, 3, 42, 42)
    together = BM3D(sigma=0.15).fit(noisy, Context())(noisy)
    alone = torch.cat([BM3D(sigma=0.15).fit(noisy[:, c, None], Context())(noisy[:, c, None]) for c in range(3)], 1)
    assert mean_square(together - clean) < 0.6 * mean_square(alone - clean)


def test_channels_of_unlike_noise_keep_their_own() -> None:
    sigmas = torch.tensor([0.02, 0.0, 0.2]).view(1, 3, 1, 1)
    clean = squares(60, 60).repeat(1, 3, 1, 1)
    noisy = clean + sigmas * normal(1, 3, 60, 60)
    noise = tuple(NoiseModel(sigma=float(s)) for s in sigmas.flatten())
    found = BM3D().fit(noisy, Context(noise=noise))(noisy)
    assert torch.equal(found[:, 1], noisy[:, 1])
    for channel in (0, 2):
        assert (
            mean_square(found[:, channel] - clean[:, channel]) < mean_square(noisy[:, channel] - clean[:, channel]) / 10
        )


def test_rotated_noise_is_white_and_structure_uncorrelated() -> None:
    noisy = noisy_batch(2, 3, 20, 20) @ torch.eye(20)
    covariance = torch.tensor([0.04, 0.01, 0.09]).view(3, 1, 1)
    turn = rotation(noisy, covariance, None)
    torch.testing.assert_close(turn @ torch.diag(covariance.flatten()) @ turn.mT, torch.eye(3))
    seen = torch.einsum("kc,bcyx->kbyx", turn, noisy).flatten(1).cov()
    torch.testing.assert_close(seen, torch.diag(seen.diag()), atol=1e-3, rtol=0)
    assert seen.diag().tolist() == sorted(seen.diag().tolist(), reverse=True)


@pytest.mark.parametrize("size", [(8, 8), (9, 11), (17, 8), (8, 31)], ids=lambda s: f"{s[0]}x{s[1]}")
@pytest.mark.parametrize(
    "method", [BM3D(), BM3D(correlated=True), BM3D.recipe("paper"), BM3D(sigma=0.3, profile="paper")]
)
def test_any_size(method: BM3D, size: tuple[int, int]) -> None:
    noisy = noisy_batch(1, 2, *size)
    before = noisy.clone()
    found = method.fit(noisy, Context())(noisy)
    assert found.shape == noisy.shape
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()
    assert torch.equal(noisy, before)


def test_contract() -> None:
    noisy, heard = noisy_batch(2, 3, 21, 26), list[Step]()
    method = BM3D.recipe("standard")
    denoiser = method.fit(noisy, Context(on_step=heard.append))
    assert isinstance(method, Method)
    assert isinstance(denoiser, Denoiser)
    assert [step.fraction for step in heard] == pytest.approx([1 / 3, 2 / 3, 1])
    found = denoiser(noisy)
    assert torch.equal(denoiser(noisy), found)
    for image, own in zip(noisy, found, strict=True):
        torch.testing.assert_close(denoiser(image[None])[0], own, rtol=0, atol=1e-5)
    again = method.restore({name: value.clone() for name, value in denoiser.tensors().items()}, Context())
    assert torch.equal(again(noisy), found)
    assert method.cost(2, 64, 64).application == 4 * method.cost(2, 32, 32).application > 0
    with pytest.raises(KeyError):
        BM3D.recipe("fastest")


def test_an_application_reports_and_can_be_stopped() -> None:
    noisy, heard = noisy_batch(2, 1, 50, 20), list[float]()
    denoiser = BM3D(sigma=0.15).fit(noisy, Context())
    replace(denoiser, on_progress=heard.append)(noisy)
    assert heard == sorted(set(heard))
    assert heard[-1] == 1.0
    assert len(heard) == 2 * 2 * 3

    def stop(fraction: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        replace(denoiser, on_progress=stop)(noisy)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"sigma": -1.0}, "sigma"),
        ({"sigma": math.nan}, "sigma"),
        ({"kernel": (1.0, 1.0)}, "kernel"),
        ({"kernel": (1.0,) * 4}, "kernel"),
        ({"kernel": (0.0,) * 9}, "kernel"),
        ({"kernel": (1.0,) * 9, "correlated": True}, "both"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, object], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        BM3D(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(("installed", "absent"), [("bm3d", "bm4d"), ("bm4d", "bm3d")])
def test_the_reference_is_the_users_own(monkeypatch: pytest.MonkeyPatch, installed: str, absent: str) -> None:
    """The second of the wheels makes volumes of planes."""
    noisy = noisy_batch(1, 2, 12, 14)
    calls: list[tuple[tuple[int, ...], float]] = []

    def stub(image: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
        calls.append((image.shape, sigma))
        return image * 2 if installed == "bm3d" else image[..., None] * 2

    wheel = ModuleType(installed)
    monkeypatch.setattr(wheel, installed, stub, raising=False)
    monkeypatch.setitem(sys.modules, absent, None)
    monkeypatch.setitem(sys.modules, installed, wheel)
    denoiser = BM3DReference(sigma=0.5).fit(noisy, Context(units=(1.0, 2.0)))
    torch.testing.assert_close(denoiser(noisy), 2 * noisy)
    assert calls == [((12, 14), 0.5), ((12, 14), 0.25)]
    again = BM3DReference().restore(denoiser.tensors(), Context())
    torch.testing.assert_close(again(noisy), 2 * noisy)


def test_without_a_wheel_there_is_no_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WHEELS:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingError, match="pip install bm3d"):
        BM3DReference().fit(noisy_batch(1, 1, 12, 14), Context())


def test_every_recipe_of_the_reference_is_known() -> None:
    """It is listed only where there is a wheel, so nothing else asks for them."""
    assert all(REFERENCE.method.recipe(name) == BM3DReference() for name in REFERENCE.recipes)


def test_noise_thought_white_does_not_weaken_the_removal_of_correlated_noise() -> None:
    white = torch.randn(1, 1, 66, 66, generator=torch.Generator().manual_seed(1))
    noisy = 0.5 + 0.1 * torch.nn.functional.avg_pool2d(white, 3, 1)
    method = BM3D(correlated=True)
    told = method.fit(noisy, Context(noise=(NoiseModel(sigma=0.004),)))
    assert torch.equal(told(noisy), method.fit(noisy, Context())(noisy))
