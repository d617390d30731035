"""Neighbor2Neighbor: pixels drawn from cells, both terms of the loss, and the adaptation that went wrong."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from noise2detail.engine.held_out import BLOCK, block_windows, held_out_blocks
from noise2detail.engine.schedule import Halving
from noise2detail.engine.unets import NoiseUNet, NormalisedUNet
from noise2detail.errors import SettingError
from noise2detail.method import Context
from noise2detail.methods.neighbor2neighbor import (
    PAIRS,
    Neighbor2Neighbor,
    draw_pairs,
    neighbours,
    pair_terms,
    prediction_error,
    weighted,
)
from noise2detail.tiling.walk import apply_in_tiles
from tests.material import noisy_batch

SHORT = Neighbor2Neighbor(steps=3, width=4, depth=2, crop=16)


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_pairs_are_the_four_edges_of_a_cell_in_both_directions() -> None:
    places = [((a // 2, a % 2), (b // 2, b % 2)) for a, b in PAIRS]
    assert all(abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1 for a, b in places)
    assert len(set(PAIRS)) == 8
    assert {(b, a) for a, b in PAIRS} == set(PAIRS)
    assert {frozenset(pair) for pair in PAIRS[:4]} == {frozenset(pair) for pair in PAIRS}


@pytest.mark.parametrize("size", [(4, 6), (5, 9)], ids=str)
def test_views_hold_the_drawn_pixels_of_every_cell_and_channel(size: tuple[int, int]) -> None:
    images = torch.randn(2, 3, *size, generator=draws())
    drawn = draw_pairs(images, 8, draws(1))
    found = neighbours(images, drawn)
    for image in range(2):
        for row in range(size[0] // 2):
            for column in range(size[1] // 2):
                pair = tuple(int(drawn[which, image, 0, row, column]) for which in (0, 1))
                assert pair in PAIRS
                for view, corner in zip(found, pair, strict=True):
                    expected = images[image, :, 2 * row + corner // 2, 2 * column + corner % 2]
                    assert torch.equal(view[image, :, row, column], expected)


@pytest.mark.parametrize("pairs", [4, 8])
def test_every_pair_is_drawn_as_often_as_the_others(pairs: int) -> None:
    drawn = draw_pairs(torch.zeros(1, 1, 400, 400), pairs, draws()).flatten(1)
    counts = torch.bincount(drawn[0] * 4 + drawn[1], minlength=16)
    expected = torch.zeros(16)
    for first, second in PAIRS[:pairs]:
        expected[first * 4 + second] = 40_000 / pairs
    assert bool(((counts - expected).abs() < 5 * 40_000**0.5).all())
    assert torch.equal(counts == 0, expected == 0)


def test_both_terms_of_the_loss() -> None:
    images = torch.randn(1, 2, 6, 6, generator=draws())
    drawn, again = (draw_pairs(images, 8, draws(seed)) for seed in (1, 2))

    def predict(batch: Tensor) -> Tensor:
        return 0.5 * batch.square() + 1

    given, wanted = (view.numpy() for view in neighbours(images, drawn))
    first, second = (view.numpy() for view in neighbours(predict(images), again))
    error = 0.5 * given**2 + 1 - wanted
    terms = pair_terms(predict, images, drawn, again)
    np.testing.assert_allclose(terms[0].numpy(), error**2, rtol=1e-5)
    np.testing.assert_allclose(terms[1].numpy(), (error - (first - second)) ** 2, rtol=1e-4, atol=1e-6)
    weight = torch.zeros(1, 1, 3, 3)
    weight[..., 1, 2] = weight[..., 0, 0] = 1
    expected = sum(terms[0][0, c, y, x] + 1.5 * terms[1][0, c, y, x] for c in range(2) for y, x in ((1, 2), (0, 0))) / 4
    torch.testing.assert_close(weighted(terms, 1.5, weight), expected)
    assert float(weighted(terms, 1.5, torch.zeros(1, 1, 3, 3))) == 0


def test_the_same_pixels_cost_a_network_that_changes_nothing_no_regulariser() -> None:
    """With other pixels, as in the adaptation, even that is punished."""
    images = torch.randn(1, 1, 16, 16, generator=draws())
    drawn, again = (draw_pairs(images, 8, draws(seed)) for seed in (1, 2))
    assert float(pair_terms(lambda batch: batch, images, drawn, drawn)[1].abs().max()) == 0
    assert float(pair_terms(lambda batch: batch, images, drawn, again)[1].mean()) > 0.5


def test_nothing_is_learnt_through_the_denoised_image() -> None:
    images, scale = torch.rand(1, 1, 8, 8), torch.ones((), requires_grad=True)
    drawn = draw_pairs(images, 8, draws())
    regulariser = pair_terms(lambda batch: scale * batch, images, drawn, drawn)[1]
    given, wanted = neighbours(images, drawn)
    regulariser.sum().backward()  # type: ignore[no-untyped-call]
    # d/ds of (s a - b - (a - b))^2 at s = 1 is 2 (a - a) a = 0; through the image it would be other terms that cancel
    assert scale.grad is not None
    assert float(scale.grad) == 0
    assert not torch.equal(given, wanted)
    frozen = pair_terms(lambda batch: 2 * scale * batch, images, drawn, drawn)[1]
    found = torch.autograd.grad(frozen.sum(), scale)[0]
    torch.testing.assert_close(found, (2 * (2 * given - wanted - 2 * (given - wanted)) * 2 * given).sum())


def test_the_regulariser_grows_from_nothing() -> None:
    method = Neighbor2Neighbor(steps=100, gamma=2.0)
    assert [method.strength(step) for step in (0, 49, 99)] == pytest.approx([0.02, 1.0, 2.0])
    assert {Neighbor2Neighbor.recipe("as_in_paper").strength(step) for step in (0, 50, 99)} == {2.0}


def test_tiles_equal_the_whole() -> None:
    noisy = noisy_batch(1, 1, 61, 53)
    denoiser = SHORT.fit(noisy, Context())
    assert (denoiser.halo, denoiser.alignment) == (17, 4)
    found = apply_in_tiles(denoiser, noisy, tile=12, halo=denoiser.halo, alignment=denoiser.alignment)
    torch.testing.assert_close(found, denoiser(noisy), rtol=0, atol=1e-5)


def test_the_adaptation_sees_the_whole_image_between_lowest_and_highest_value() -> None:
    method = replace(Neighbor2Neighbor.recipe("as_in_paper"), steps=3, width=4)
    noisy = 40 * noisy_batch(2, 2, 20, 24) - 7
    denoiser = method.fit(noisy, Context())
    assert denoiser.halo is None
    found = denoiser(noisy)
    for channel in range(2):
        own = noisy[:, channel]
        assert own.min() < found[:, channel].min() < found[:, channel].max() < own.max()
    assert torch.equal(denoiser(noisy[1:]), found[1:])  # each image is normalised by itself
    again = method.restore({name: value.clone() for name, value in denoiser.tensors().items()}, Context())
    assert torch.equal(again(noisy), found)


def test_redrawn_pixels_change_what_is_learnt() -> None:
    noisy = noisy_batch(1, 1, 16, 16)
    same, redrawn = (replace(SHORT, masks=masks).fit(noisy, Context())(noisy) for masks in ("same", "redrawn"))
    assert not torch.equal(same, redrawn)


def test_pixels_in_gaps_are_neither_given_nor_predicted() -> None:
    """Cells that touch a gap have no weight: what stands in the other cells alone decides."""
    noisy, mask = noisy_batch(1, 1, 16, 16), torch.ones(1, 1, 16, 16, dtype=torch.bool)
    mask[..., 3, 5] = False
    method = replace(SHORT, crop=0, gamma=0.0)
    masked, plain = (method.fit(noisy, Context(mask=own))(noisy) for own in (mask, None))
    assert not torch.equal(masked, plain)
    nothing = replace(SHORT, steps=2).fit(noisy, Context(mask=torch.zeros_like(mask))).tensors()
    more = SHORT.fit(noisy, Context(mask=torch.zeros_like(mask))).tensors()
    assert all(torch.equal(value, more[name]) for name, value in nothing.items())


@pytest.mark.parametrize("crop", [0, 32], ids=["whole", "crops"])
def test_noise_is_removed(crop: int) -> None:
    noisy = noisy_batch(1, 1, 64, 64)
    clean = noisy - 0.15 * torch.randn((1, 1, 64, 64), generator=draws())
    method = replace(SHORT, steps=150, width=8, crop=crop, schedule=Halving(3e-3, 100))
    found = method.fit(noisy, Context())(noisy)
    assert float((found - clean).square().mean()) < 0.4 * float((noisy - clean).square().mean())


def test_initial_weights_are_as_large_as_asked_for() -> None:
    """The draws are the same; biases begin at 0."""
    fresh = []
    for gain in (0.1, 1.0):
        torch.manual_seed(0)
        fresh.append(dict(replace(SHORT, gain=gain).fresh(1).state_dict()))
    for name, value in fresh[0].items():
        torch.testing.assert_close(10 * value, fresh[1][name])


def test_the_mean_of_the_weights_is_the_result() -> None:
    noisy = noisy_batch(1, 1, 16, 16)
    first = SHORT.fit(noisy, Context())
    once = replace(SHORT, steps=1)
    one = once.fit(noisy, Context(), first).tensors()
    mean = replace(once, memory=0.5).fit(noisy, Context(), first).tensors()
    assert any(not torch.equal(value, one[name]) for name, value in mean.items())
    for name, before in first.tensors().items():
        torch.testing.assert_close(mean[name], 0.1 * before + 0.9 * one[name])


def test_the_error_of_prediction_is_that_of_all_pairs_with_weight() -> None:
    images = torch.randn(2, 3, 7, 8, generator=draws())
    weight = (torch.rand(2, 1, 7, 8, generator=draws(1)) > 0.2).float()
    total, count = 0.0, 0
    for first, second in PAIRS:
        drawn = torch.tensor([first, second]).view(2, 1, 1, 1, 1).expand(2, 2, 1, 3, 4)
        given, wanted = neighbours(images, drawn)
        both = torch.stack(neighbours(weight, drawn)).prod(0)
        total += float(((given.square() - wanted).square() * both).sum())
        count += int(both.sum()) * 3
    assert float(prediction_error(torch.square, images, weight)) == pytest.approx(total / count)
    assert float(prediction_error(torch.square, images, torch.zeros_like(weight))) == 0


def test_the_network_that_predicts_held_out_blocks_best_is_the_result() -> None:
    """Trainings that differ in nothing but their length end where the longest one passes."""
    noisy = noisy_batch(1, 1, 70, 70)
    method = replace(SHORT, steps=6, schedule=Halving(0.1, 100), ramp=False, every=1)
    kept = method.fit(noisy, Context()).tensors()
    passed = [replace(method, steps=steps, every=steps).fit(noisy, Context()) for steps in range(1, 7)]
    blocks = held_out_blocks((70, 70), 1, 0)
    given = block_windows(noisy, blocks, BLOCK)
    weight = torch.zeros_like(given)
    weight[..., BLOCK : 2 * BLOCK, BLOCK : 2 * BLOCK] = 1
    with torch.no_grad():
        errors = [float(prediction_error(net.net, given, weight)) for net in passed]  # type: ignore[attr-defined]
    best = passed[errors.index(min(errors))].tensors()
    assert all(torch.equal(value, best[name]) for name, value in kept.items())
    assert errors.index(min(errors)) not in (0, 5)


def test_held_out_blocks_are_no_target() -> None:
    """What stands in them is still seen; with nothing else to compare with nothing is learnt."""
    noisy = noisy_batch(1, 1, 70, 70)
    mask = torch.zeros(1, 1, 70, 70, dtype=torch.bool)
    ((_, top, left),) = held_out_blocks((70, 70), 1, 0).tolist()
    mask[..., top : top + BLOCK, left : left + BLOCK] = True
    fits = [replace(SHORT, steps=steps, every=1).fit(noisy, Context(mask=mask)).tensors() for steps in (1, 4)]
    assert all(torch.equal(value, fits[1][name]) for name, value in fits[0].items())


@pytest.mark.parametrize(
    "setting", [{"every": -1}, {"memory": -1.0}, {"steps": 0}, {"depth": 0}, {"crop": 4}, {"gamma": -1.0}, {"batch": 0}]
)
def test_impossible_settings_are_refused(setting: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=next(iter(setting))):
        Neighbor2Neighbor(**setting)  # type: ignore[arg-type]


def test_the_recipes() -> None:
    paper, broken = (Neighbor2Neighbor.recipe(name) for name in ("paper", "as_in_paper"))
    assert (paper.width, paper.depth, paper.gamma, paper.masks, paper.pairs) == (48, 5, 2.0, "same", 8)
    rates = [paper.schedule.at(step, paper.steps) for step in (0, 1999, 2000, 4000, 6000, 8000)]
    assert rates == pytest.approx([3e-4, 3e-4, 1.5e-4, 7.5e-5, 3.75e-5, 1.875e-5])
    assert (broken.steps, broken.masks, broken.pairs, broken.crop, broken.network) == (
        100,
        "redrawn",
        4,
        0,
        "normalised",
    )
    assert isinstance(paper.fresh(1), NoiseUNet)
    assert (paper.gain, paper.memory, broken.memory) == (0.1, 0.0, 0.0)
    assert isinstance(broken.fresh(1), NormalisedUNet)
