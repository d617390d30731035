"""Noise2Fast: pairs of a checkerboard, the stopping rule, and the mean of the last outputs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from noise2detail.engine.plain_nets import PlainNet
from noise2detail.errors import SettingError
from noise2detail.method import Context, Step
from noise2detail.methods import noise2fast
from noise2detail.methods.noise2fast import Noise2Fast, Watch, cross_entropy, directed_pair, is_flat
from tests.material import noisy_batch

SHORT = Noise2Fast(steps=3, width=4, passes=2)


def pushed_by_loops(image: np.ndarray, colour: int) -> np.ndarray:
    """Pixels of one colour, column by column."""
    y, x = image.shape
    found = np.zeros((y // 2, x))
    for column in range(x):
        rows = [row for row in range(y) if (row + column) % 2 == colour]
        found[:, column] = image[rows, column]
    return found


@pytest.mark.parametrize("size", [(4, 6), (5, 7), (8, 2)], ids=str)
def test_pairs_are_the_colours_of_a_checkerboard(size: tuple[int, int]) -> None:
    image = np.arange(size[0] * size[1], dtype=np.float32).reshape(size)
    even = image[: size[0] // 2 * 2, : size[1] // 2 * 2]
    down = pushed_by_loops(even, 0), pushed_by_loops(even, 1)
    left = pushed_by_loops(even.T, 0).T, pushed_by_loops(even.T, 1).T
    expected = [down, down[::-1], left, left[::-1]]
    for direction in range(4):
        found = directed_pair(torch.from_numpy(image)[None, None], direction)
        for view, wanted in zip(found, expected[direction], strict=True):
            np.testing.assert_array_equal(view[0, 0].numpy(), wanted)


@pytest.mark.parametrize("direction", range(4))
def test_a_view_holds_no_pixel_of_its_partner_and_both_hold_all(direction: int) -> None:
    image = torch.arange(48.0).view(1, 1, 6, 8)
    given, wanted = directed_pair(image, direction)
    together = torch.cat([given.flatten(), wanted.flatten()])
    assert torch.equal(together.sort().values, image.flatten())


def test_the_loss_is_the_cross_entropy_of_valid_pixels() -> None:
    draws = np.random.default_rng(0)
    logits, wanted = draws.normal(size=(2, 3, 4, 5)), draws.random((2, 3, 4, 5))
    weight = (draws.random((2, 1, 4, 5)) > 0.4).astype(float)
    p = 1 / (1 + np.exp(-logits))
    entropy = -(wanted * np.log(p) + (1 - wanted) * np.log(1 - p)) * weight
    found = cross_entropy(*(torch.from_numpy(array) for array in (logits, wanted, weight)))
    assert float(found) == pytest.approx(entropy.sum() / (3 * weight.sum()))


def test_nothing_valid_costs_nothing() -> None:
    zero = torch.zeros(1, 1, 2, 2)
    assert float(cross_entropy(zero, zero, zero)) == 0


def rule(method: Noise2Fast, distances: dict[int, float]) -> tuple[int, list[float]]:
    """Step at which a training with these distances ends, and the steps whose weights are kept."""
    step = 0
    watch = Watch(method, lambda: distances.get(step, 9.0), lambda: {"step": torch.tensor(float(step))})
    while step < method.steps:
        step += 1
        if watch.had_enough(step):
            break
    return step, [float(kept["step"]) for kept in watch.kept]


def test_the_training_ends_when_the_image_is_not_met_better_for_longer_than_the_patience() -> None:
    distances = {1: 5.0, 2: 4.0, 3: 4.5, 7: 3.0}
    method = Noise2Fast(steps=100, patience=5, passes=3)
    assert rule(method, distances) == (13, [11, 12, 13])
    assert rule(replace(method, patience=3), distances) == (6, [4, 5, 6])


def test_looks_are_as_rare_as_set_and_the_last_step_is_looked_at() -> None:
    method = Noise2Fast(steps=22, patience=100, passes=3, every=5)
    assert rule(method, {}) == (22, [15, 20, 22])


def test_a_short_patience_ends_a_training() -> None:
    heard: list[Step] = []
    method = Noise2Fast(steps=400, width=4, patience=1, passes=1)
    method.fit(noisy_batch(1, 1, 16, 16), Context(on_step=heard.append))
    assert 1 < len([step for step in heard if step.loss is not None]) < 400
    assert heard[-1].fraction == 1.0


def test_the_result_is_the_mean_of_the_last_outputs() -> None:
    noisy = noisy_batch(1, 1, 16, 18)
    single = [replace(SHORT, steps=steps, passes=1) for steps in (2, 3)]
    outputs = [method.fit(noisy, Context())(noisy) for method in single]
    torch.testing.assert_close(SHORT.fit(noisy, Context())(noisy), (outputs[0] + outputs[1]) / 2)


@pytest.mark.parametrize(("bright", "flat"), [(0, True), (1, True), (2, False)])
def test_a_result_with_hardly_a_bright_pixel_is_flat(bright: int, flat: bool) -> None:
    result = torch.full((1, 1, 100, 100), 0.5)
    result.view(-1)[:bright] = 0.6
    assert is_flat(result, None) is flat


def test_bright_gaps_do_not_count() -> None:
    result = torch.full((1, 1, 10, 10), 0.5)
    result[..., :3, :3] = 0.9
    mask = torch.ones(1, 1, 10, 10, dtype=torch.bool)
    assert not is_flat(result, mask)
    mask[..., :3, :3] = False
    assert is_flat(result, mask)


def test_a_dead_network_is_trained_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead(PlainNet):
        def __init__(self, channels: int, width: int) -> None:
            super().__init__(channels, width)
            bias = self.layers[14].bias
            assert isinstance(bias, Tensor)
            nn.init.constant_(bias, -100.0)

    noisy = noisy_batch(1, 1, 16, 16)
    heard: list[Step] = []
    SHORT.fit(noisy, Context(on_step=heard.append))
    assert "second training" not in {step.stage for step in heard}
    monkeypatch.setattr(noise2fast, "PlainNet", Dead)
    heard.clear()
    SHORT.fit(noisy, Context(on_step=heard.append))
    assert "second training" in {step.stage for step in heard}
    fractions = [step.fraction for step in heard]
    assert fractions == sorted(set(fractions))
    assert fractions[-1] == 1.0


def test_other_images_are_refused() -> None:
    noisy = noisy_batch(1, 1, 12, 12)
    denoiser = SHORT.fit(noisy, Context())
    with pytest.raises(SettingError, match="very image"):
        denoiser(noisy + 1)


@pytest.mark.parametrize("crop", [0, 32], ids=["whole", "crops"])
def test_noise_is_removed(crop: int) -> None:
    noisy = noisy_batch(1, 1, 48, 48)
    clean = noisy_batch(1, 1, 48, 48, seed=0) - 0.15 * torch.randn(
        (1, 1, 48, 48), generator=torch.Generator().manual_seed(0)
    )
    method = Noise2Fast(steps=120, width=12, crop=crop, every=5, passes=5)
    found = method.fit(noisy, Context())(noisy)
    assert float((found - clean).square().mean()) < 0.3 * float((noisy - clean).square().mean())


@pytest.mark.parametrize("setting", [{"steps": 0}, {"patience": 0}, {"crop": 4}, {"passes": 0}])
def test_impossible_settings_are_refused(setting: dict[str, int]) -> None:
    with pytest.raises(SettingError, match=next(iter(setting))):
        Noise2Fast(**setting)


def test_the_standard_recipe_is_reduced_and_keeps_the_rule() -> None:
    standard, paper = Noise2Fast.recipe("standard"), Noise2Fast.recipe("paper")
    assert standard.patience == paper.patience == 100
    assert standard.passes * standard.every == 100
    assert (paper.every, paper.width, paper.crop) == (1, 64, 0)
    assert standard.cost(1, 512, 512).total < 0.05 * paper.cost(1, 512, 512).total
