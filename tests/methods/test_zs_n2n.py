"""Zero-Shot Noise2Noise is stage 1 of Noise2Detail."""

from dataclasses import replace

import pytest
import torch

from noise2detail.engine.crops import Crops
from noise2detail.engine.schedule import Halving, OneCycle
from noise2detail.engine.training import Training
from noise2detail.method import Context
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.methods.zs_n2n import ZeroShotNoise2Noise
from tests.material import noisy_batch


@pytest.mark.parametrize(
    "training", [Training(3, Halving(1e-2)), Training(3, OneCycle(1e-2), Crops(2, 16))], ids=["whole", "crops"]
)
@pytest.mark.parametrize("clip", [True, False], ids=["clipped", "unclipped"])
def test_it_is_stage_1_of_noise2detail(training: Training, clip: bool) -> None:
    noisy = noisy_batch(1, 2, 16, 20)
    simple = ZeroShotNoise2Noise(training, width=6, clip=clip).fit(noisy, Context(seed=2))
    full = Noise2Detail(stage1=training, stage3=Training(0), width=6, clip=clip).fit(noisy, Context(seed=2))
    torch.testing.assert_close(simple(noisy), full.stages(noisy)["stage1"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_passes_follow_each_other(passes: int) -> None:
    noisy = noisy_batch(1, 1, 16, 20)
    own = ZeroShotNoise2Noise(Training(2, OneCycle(1e-2), Crops(2, 16)), width=6, clip=False, passes=passes)
    denoiser = own.fit(noisy, Context())
    expected, once = noisy, replace(own, passes=1).fit(noisy, Context())
    for _ in range(passes):
        expected = once(expected)
    assert torch.equal(denoiser(noisy), expected)
    assert denoiser.halo == 2 * passes


@pytest.mark.parametrize(("recipe", "steps", "every"), [("paper", 2000, 1500), ("demo", 3000, 1000)])
def test_recipes_are_the_published_schedules(recipe: str, steps: int, every: int) -> None:
    assert ZeroShotNoise2Noise.recipe(recipe).training == Training(steps, Halving(1e-3, every))


def test_the_result_may_go_on_into_a_computation_with_gradients() -> None:
    noisy = noisy_batch(1, 1, 9, 9)
    found = ZeroShotNoise2Noise(Training(1), width=4).fit(noisy, Context())(noisy)
    assert (found * torch.ones(1, requires_grad=True)).sum().requires_grad
