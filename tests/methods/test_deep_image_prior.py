"""Deep Image Prior: the published settings, the averaged output, the fall back, and what a mask leaves out."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from noise2detail.engine.own_image import OwnImage
from noise2detail.engine.seeding import seeded
from noise2detail.errors import Cancelled, SettingError
from noise2detail.method import Context, Method, Step
from noise2detail.methods.deep_image_prior import DeepImagePrior, _Drawing
from tests.material import noisy_batch

CPU = torch.device("cpu")
SMALL = DeepImagePrior(steps=3, width=8, widest=8, skips=(2, 2), inputs=3)


def drawing(method: DeepImagePrior, target: torch.Tensor, mask: torch.Tensor | None = None) -> _Drawing:
    with seeded(0, CPU):
        return _Drawing(method, target, mask)


def bias_of(own: _Drawing) -> torch.Tensor:
    """What decides how bright the whole output is."""
    assert own.net.last.bias is not None
    return own.net.last.bias


def test_published_settings() -> None:
    paper = DeepImagePrior.recipe("paper")
    assert (paper.steps, paper.rate, paper.widths, paper.skips) == (3000, 0.01, (128,) * 5, (4,) * 5)
    assert (paper.inputs, paper.jitter, paper.memory, paper.fall, paper.edge) == (32, 1 / 30, 0.99, 5.0, "reflect")
    weak = DeepImagePrior.recipe("as_in_paper")
    assert (weak.steps, weak.widths, weak.skips) == (3000, (8, 16, 32, 64, 128), (0, 0, 0, 4, 4))
    assert (weak.inputs, weak.jitter, weak.memory, weak.fall, weak.edge) == (1, 0.0, 0.0, None, "zeros")
    assert not paper.level
    assert not weak.level
    assert isinstance(DeepImagePrior.recipe("standard"), Method)
    with pytest.raises(KeyError):
        DeepImagePrior.recipe("fastest")


@pytest.mark.parametrize(("field", "value"), [("steps", 0), ("rate", -1.0), ("skips", ()), ("skips", (4, -1))])
def test_impossible_settings_are_refused(field: str, value: Any) -> None:
    with pytest.raises(SettingError, match=field):
        replace(SMALL, **{field: value})


def test_result_is_the_running_mean_of_the_outputs() -> None:
    """Against the recursion written out: mean <- memory * mean + (1 - memory) * output, from the first output on."""
    net_of = drawing(SMALL, noisy_batch(1, 1, 12, 12))
    outputs: list[torch.Tensor] = []
    net_of.net.register_forward_hook(lambda _, __, output: outputs.append(output.detach().clone()))
    with seeded(1, CPU):
        for step in range(4):
            net_of.loss(step)
    expected = outputs[0]
    for output in outputs[1:]:
        expected = SMALL.memory * expected + (1 - SMALL.memory) * output
    torch.testing.assert_close(net_of.mean, expected[..., :12, :12])
    last = drawing(replace(SMALL, memory=0.0), noisy_batch(1, 1, 12, 12))
    last.net.register_forward_hook(lambda _, __, output: outputs.append(output.detach().clone()))
    for step in range(3):
        last.loss(step)
    assert torch.equal(last.mean, outputs[-1][..., :12, :12])


def test_loss_is_the_mean_square_over_what_is_valid() -> None:
    noisy = noisy_batch(1, 2, 10, 14)
    mask = torch.rand(1, 1, 10, 14, generator=torch.Generator().manual_seed(2)) < 0.6
    own = drawing(replace(SMALL, jitter=0.0, memory=0.0), noisy, mask)
    found = float(own.loss(0).detach())
    square = (own.mean - noisy).square().numpy()
    assert found == pytest.approx(square[:, :, mask[0, 0].numpy()].mean(), rel=1e-5)
    whole = drawing(replace(SMALL, jitter=0.0, memory=0.0), noisy)
    assert float(whole.loss(0).detach()) == pytest.approx(square.mean(), rel=1e-5)


def test_input_is_drawn_once_and_shaken_at_every_step() -> None:
    shown: list[torch.Tensor] = []
    for jitter in (0.0, 1 / 30):
        own = drawing(replace(SMALL, jitter=jitter, inputs=64), noisy_batch(1, 1, 33, 33))
        own.net.register_forward_hook(lambda _, given, __: shown.append(given[0].clone()))
        own.loss(0), own.loss(1)
    still, again, first, second = shown
    assert torch.equal(still, again)
    assert 0 <= still.min() < 0.001 < 0.099 < still.max() <= 0.1
    assert float((first - still).std()) == pytest.approx(1 / 30, rel=0.02)
    assert float((second - first).std()) == pytest.approx(math.sqrt(2) / 30, rel=0.02)
    assert still.shape == (1, 64, 36, 36)


def test_level_begins_at_the_mean_of_what_is_valid() -> None:
    """With the last weights at nothing, the untrained output is the mean of each channel, gaps left out."""
    noisy = 0.2 + 0.1 * noisy_batch(1, 2, 12, 12)
    noisy[:, 1] += 0.4
    mask = torch.ones(1, 1, 12, 12, dtype=torch.bool)
    mask[..., :5] = False
    for own, expected in (
        (drawing(replace(SMALL, level=True), noisy), noisy.mean((0, 2, 3))),
        (drawing(replace(SMALL, level=True), noisy, mask), noisy[..., 5:].mean((0, 2, 3))),
        (drawing(replace(SMALL, level=True), -noisy), torch.full((2,), 0.01)),
    ):
        with torch.no_grad():
            own.net.last.weight.zero_()
            own.loss(0)
        torch.testing.assert_close(own.mean, expected[:, None, None].expand(1, 2, 12, 12), rtol=1e-5, atol=1e-6)


def test_standard_draws_a_small_bright_object_on_darkness_without_the_noise() -> None:
    """What fewer steps and the published noise on the input leave as a blur: fine bright lines in the dark."""
    method = DeepImagePrior.recipe("standard")
    clean = torch.zeros(1, 1, 64, 64)
    clean[..., 20:24, 8:56] = 1.0
    clean[..., 8:56, 40:44] = 1.0
    noisy = clean + 0.15 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(5))
    found = replace(method, steps=120).fit(noisy, Context())(noisy)
    assert (found - clean).square().mean() < (noisy - clean).square().mean() / 5


@pytest.mark.parametrize("spoilt", [1e3, math.nan], ids=["far", "no number"])
def test_weights_are_brought_back_after_a_fall(spoilt: float) -> None:
    noisy = 0.01 * noisy_batch(1, 1, 16, 16)
    own = drawing(SMALL, noisy)
    with torch.no_grad():
        bias_of(own).fill_(-4.0)  # an output near the image: there is something to lose
    own.loss(0)
    good = [parameter.detach().clone() for parameter in own.net.parameters()]
    with torch.no_grad():
        bias_of(own).fill_(spoilt)
    loss = own.loss(1)
    assert all(torch.equal(a, b) for a, b in zip(own.net.parameters(), good, strict=True))
    assert float(loss.detach()) < 0.01
    loss.backward()  # type: ignore[no-untyped-call]
    without = drawing(replace(SMALL, fall=None), noisy)
    with torch.no_grad():
        bias_of(without).fill_(spoilt)
    assert not float(without.loss(0).detach()) < 0.5


def test_an_image_has_the_result_that_it_has_alone() -> None:
    noisy = torch.cat([noisy_batch(1, 1, 12, 12, seed=n) * (n + 1) for n in range(3)])
    heard: list[Step] = []
    together = SMALL.fit(noisy, Context(seed=2, on_step=heard.append))
    for number in range(3):
        own = noisy[number : number + 1]
        assert torch.equal(together(own), SMALL.fit(own, Context(seed=2))(own))
    assert [step.stage for step in heard] == [f"image {n}/3" for n in (1, 2, 3) for _ in range(3)]
    np.testing.assert_allclose([step.fraction for step in heard], np.arange(1, 10) / 9)
    assert heard[-1].fraction == 1.0


def test_training_on_a_clean_ramp_with_noise_takes_noise_away() -> None:
    ramp = torch.linspace(0, 1, 32).expand(1, 1, 32, 32).contiguous()
    noisy = ramp + 0.15 * torch.randn(ramp.shape, generator=torch.Generator().manual_seed(3))
    method = replace(SMALL, steps=120, memory=0.9, rate=0.02)
    found = method.fit(noisy, Context())(noisy)
    assert (found - ramp).square().mean() < (noisy - ramp).square().mean() / 3


def test_all_gaps_give_finite_values_and_values_in_gaps_do_not_matter() -> None:
    noisy = noisy_batch(1, 1, 12, 12)
    nothing = SMALL.fit(noisy, Context(mask=torch.zeros(1, 1, 12, 12, dtype=torch.bool)))
    assert all(torch.isfinite(value).all() for value in nothing.tensors().values())
    mask = torch.ones(1, 1, 12, 12, dtype=torch.bool)
    mask[..., 2:5, 3:9] = False
    other = torch.where(mask, noisy, torch.full_like(noisy, 7.0))
    first, second = (SMALL.fit(image, Context(mask=mask))(image) for image in (noisy, other))
    assert torch.equal(first, second)


def test_nothing_global_is_left_after_a_cancelled_fit() -> None:
    before = torch.random.get_rng_state()

    def stop(step: Step) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        SMALL.fit(noisy_batch(1, 1, 12, 12), Context(on_step=stop))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_restored_denoiser_is_the_same_and_knows_its_image_only() -> None:
    noisy = noisy_batch(2, 2, 9, 11)
    fitted = SMALL.fit(noisy, Context())
    again = SMALL.restore(fitted.tensors(), Context())
    assert isinstance(again, OwnImage)
    assert torch.equal(again(noisy), fitted(noisy))
    with pytest.raises(SettingError, match="very image"):
        again(noisy + 1)


def test_cost_grows_with_images_steps_and_canvas() -> None:
    cost = SMALL.cost(1, 64, 64)
    assert SMALL.cost(3, 64, 64).training == pytest.approx(3 * cost.training)
    assert replace(SMALL, steps=6).cost(1, 64, 64).training == pytest.approx(2 * cost.training)
    assert SMALL.cost(1, 63, 62).training == cost.training
    assert DeepImagePrior.recipe("paper").cost(1, 512, 512).training > 3000 * 512**2
