"""Noise2Self: masks on a grid, the interpolation that blinds the network, and the held-out pixels that choose."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch

from noise2detail.engine.plain_nets import DnCnn
from noise2detail.engine.schedule import Halving
from noise2detail.errors import SettingError
from noise2detail.method import Context
from noise2detail.methods import noise2self
from noise2detail.methods.noise2self import GRID, Noise2Self, hidden_and_asked, masked_error, phases, without_masked
from noise2detail.tiling.walk import apply_in_tiles
from tests.material import noisy_batch

SHORT = Noise2Self(steps=3, width=4)


def test_every_pixel_is_in_one_of_sixteen_masks() -> None:
    found = phases(torch.zeros(2, 3, 9, 10))
    assert found.shape == (2, 1, 9, 10)
    for y in range(9):
        for x in range(10):
            assert float(found[1, 0, y, x]) == (y % 4) * 4 + x % 4


def interpolated(image: np.ndarray, y: int, x: int) -> float:
    """Mean of the neighbours inside the image, those that share an edge counted twice."""
    total = count = 0.0
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            inside = 0 <= y + down < image.shape[0] and 0 <= x + right < image.shape[1]
            weight = {0: 0.0, 1: 2.0, 2: 1.0}[down * down + right * right] * inside
            count += weight
            if weight:
                total += weight * image[y + down, x + right]
    return total / count


@pytest.mark.parametrize("number", [0, 3, 10, 15])
def test_masked_pixels_are_interpolated_and_others_stay(number: int) -> None:
    image = torch.randn(1, 2, 9, 10, generator=torch.Generator().manual_seed(0))
    masked = (phases(image) == number).float()
    found = without_masked(image, masked)
    for channel in range(2):
        own = image[0, channel].numpy()
        for y in range(9):
            for x in range(10):
                expected = interpolated(own, y, x) if (y % 4) * 4 + x % 4 == number else own[y, x]
                assert float(found[0, channel, y, x]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("together", [1, 4])
def test_what_the_network_says_of_a_masked_pixel_does_not_depend_on_it(together: int) -> None:
    net = DnCnn(1, 4).train()
    image = torch.rand(1, 1, 12, 12, requires_grad=True)
    masked = hidden_and_asked(phases(image), {1: 5, 4: 3}[together], together)[0]
    net(without_masked(image, masked))[0, 0, 5, 5].backward()  # row 1 and column 1 of a cell of four
    assert image.grad is not None
    assert float(image.grad[0, 0, 5, 5]) == 0
    assert float(image.grad[0, 0, 5, 6]) != 0


def test_the_error_is_the_mean_over_masked_pixels() -> None:
    draws = np.random.default_rng(0)
    found, noisy = draws.normal(size=(2, 3, 5, 6)), draws.normal(size=(2, 3, 5, 6))
    weight = (draws.random((2, 1, 5, 6)) > 0.7).astype(float)
    expected = ((found - noisy) ** 2)[np.broadcast_to(weight > 0, found.shape)].mean()
    arrays = (torch.from_numpy(array).float() for array in (found, noisy, weight))
    assert float(masked_error(*arrays)) == pytest.approx(expected)
    nothing = torch.zeros(1, 1, 2, 2)
    assert float(masked_error(nothing + 1, nothing, nothing)) == 0


def test_four_masks_are_hidden_in_every_other_row_and_column() -> None:
    phase = phases(torch.zeros(1, 1, 9, 10))
    for step in range(5):
        hidden, asked = (found[0, 0] for found in hidden_and_asked(phase, step, 4))
        for y in range(9):
            for x in range(10):
                own = (y % 2) * 2 + x % 2 == step % 4
                assert bool(hidden[y, x]) == own
                assert bool(asked[y, x]) == (own and (y % 4, x % 4) != (3, 3))


def test_one_mask_is_hidden_after_the_other_but_for_the_last() -> None:
    phase = phases(torch.zeros(1, 1, 9, 10))
    for step in range(31):
        hidden, asked = hidden_and_asked(phase, step, 1)
        assert torch.equal(hidden, asked)
        assert torch.equal(hidden > 0, phase == step % 15)


@pytest.mark.parametrize("together", [1, 4])
@pytest.mark.parametrize("crop", [0, 12], ids=["whole", "crops"])
def test_held_out_pixels_are_never_trained_on(
    crop: int, together: Literal[1, 4], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image is the number of the mask of each pixel, so that the targets of an error say where they come from."""
    seen: dict[bool, set[float]] = {True: set(), False: set()}
    error = noise2self.masked_error

    def recorded(found: Any, noisy: Any, weight: Any) -> Any:
        seen[found.requires_grad].update(noisy[weight > 0].tolist())
        return error(found, noisy, weight)

    monkeypatch.setattr(noise2self, "masked_error", recorded)
    numbers = phases(torch.zeros(2, 1, 21, 19))
    replace(SHORT, steps=40, crop=crop, every=10, together=together).fit(numbers, Context())
    assert seen[True] == set(range(GRID**2 - 1))
    assert seen[False] == {GRID**2 - 1}


class Ruin(Halving):
    """Good rates, and then rates that spoil the network."""

    def at(self, step: int, steps: int) -> float:
        del steps
        return self.rate if step < self.every else 1.0


def test_the_network_that_was_best_is_kept() -> None:
    noisy = noisy_batch(1, 1, 24, 24)
    method = replace(SHORT, steps=40, every=10, schedule=Ruin(1e-2, 20))
    kept = method.fit(noisy, Context()).tensors()
    best = replace(method, steps=20).fit(noisy, Context()).tensors()
    last = replace(method, steps=40, every=40).fit(noisy, Context()).tensors()
    assert all(torch.equal(value, best[name]) for name, value in kept.items())
    assert not all(torch.equal(value, last[name]) for name, value in kept.items())


def test_the_image_is_denoised_as_it_is() -> None:
    noisy = noisy_batch(2, 1, 17, 19)
    denoiser = SHORT.fit(noisy, Context())
    net: Callable[[torch.Tensor], torch.Tensor] = DnCnn(1, 4).eval()
    weights = {name.removeprefix("net."): value for name, value in denoiser.tensors().items()}
    net.load_state_dict(weights)  # type: ignore[attr-defined]
    with torch.no_grad():
        torch.testing.assert_close(denoiser(noisy), net(noisy), rtol=0, atol=1e-5)


def test_tiles_equal_the_whole() -> None:
    noisy = noisy_batch(1, 1, 45, 38)
    denoiser = SHORT.fit(noisy, Context())
    found = apply_in_tiles(denoiser, noisy, tile=8, halo=denoiser.halo, alignment=denoiser.alignment)
    torch.testing.assert_close(found, denoiser(noisy), rtol=0, atol=1e-5)


def test_gaps_teach_nothing() -> None:
    noisy, gaps = noisy_batch(1, 1, 12, 12), torch.zeros(1, 1, 12, 12, dtype=torch.bool)
    kept = SHORT.fit(noisy, Context(mask=gaps)).tensors()
    longer = replace(SHORT, steps=5).fit(noisy, Context(mask=gaps)).tensors()
    assert all(torch.equal(value, longer[name]) for name, value in kept.items())


@pytest.mark.parametrize("crop", [0, 32], ids=["whole", "crops"])
def test_noise_is_removed(crop: int) -> None:
    noisy = noisy_batch(1, 1, 64, 64)
    clean = noisy - 0.15 * torch.randn((1, 1, 64, 64), generator=torch.Generator().manual_seed(0))
    method = Noise2Self(steps=150, width=12, crop=crop, every=25, schedule=Halving(1e-2, 100))
    found = method.fit(noisy, Context())(noisy)
    assert float((found - clean).square().mean()) < 0.3 * float((noisy - clean).square().mean())


def test_the_mean_of_the_weights_is_judged_and_kept() -> None:
    """The first step leaves a tenth of what was before, whatever the memory is later."""
    noisy = noisy_batch(1, 1, 16, 16)
    first = SHORT.fit(noisy, Context(), None)
    start = replace(SHORT, steps=1, every=1)
    one = start.fit(noisy, Context(), first).tensors()
    mean = replace(start, memory=0.5).fit(noisy, Context(), first).tensors()
    before = first.tensors()
    for name, value in mean.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, 0.1 * before[name] + 0.9 * one[name])


@pytest.mark.parametrize("setting", [{"memory": -1.0}, {"steps": 0}, {"width": 0}, {"crop": 4}, {"every": 0}])
def test_impossible_settings_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(setting))):
        Noise2Self(**setting)  # type: ignore[arg-type]


def test_the_published_recipe() -> None:
    paper = Noise2Self.recipe("paper")
    assert (paper.steps, paper.width, paper.crop, paper.every) == (20_000, 64, 0, 100)
    assert {paper.schedule.at(step, paper.steps) for step in range(0, 20_000, 99)} == {1e-2}
    assert Noise2Self.recipe("standard").cost(1, 512, 512).total < 0.01 * paper.cost(1, 512, 512).total
