"""Noise2Void: where it is blind, what it sees there, and that it learns from it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from noise2detail.engine.blind_pixels import Structure, hidden_lines
from noise2detail.engine.schedule import Halving, OneCycle
from noise2detail.engine.void_unet import VoidUNet
from noise2detail.errors import SettingError
from noise2detail.method import Context, Step
from noise2detail.methods.noise2void import Exercise, Noise2Void, _Lesson, _Watch
from tests.material import noisy_batch

SHORT = Noise2Void(steps=3, width=4, crops=2, size=16)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def lesson(method: Noise2Void, images: Tensor, **context: Any) -> _Lesson:
    return _Lesson(method, images, Context(**context))


@pytest.mark.parametrize("replacement", ["uniform_without_centre", "median"])
@pytest.mark.parametrize("structure", ["none", "cross"])
def test_what_the_network_sees_does_not_depend_on_the_blind_pixel(replacement: Any, structure: Any) -> None:
    method = replace(SHORT, crops=1, size=8, box=8, replacement=replacement, structure=structure)
    for seed in range(12):
        image = torch.randn(1, 1, 8, 8, generator=generator(seed))
        first = lesson(method, image, seed=seed).draw()
        blind = (image == first.wanted.item()).nonzero()[0]
        image[tuple(blind)] += 100
        second = lesson(method, image, seed=seed).draw()
        assert second.wanted.item() == pytest.approx(first.wanted.item() + 100, abs=1e-4)
        assert torch.equal(second.given, first.given)


def test_the_published_replacement_may_be_the_pixel_itself() -> None:
    image = torch.arange(256.0).view(1, 1, 16, 16)
    method = replace(SHORT, crops=64, box=4)
    drawn = lesson(method, image).draw()
    shown = drawn.given.flatten(2).gather(2, drawn.places[:, None])
    assert 0 < (shown == drawn.wanted).float().mean() < 0.05


def test_only_blind_pixels_and_lines_change() -> None:
    image = torch.arange(256.0).view(1, 1, 16, 16) + 1000
    cases: list[tuple[Structure, int]] = [("none", 9), ("horizontal", 5)]
    for structure, span in cases:
        method = replace(SHORT, crops=3, size=16, box=8, replacement="median", structure=structure, span=span)
        drawn = lesson(method, image).draw()
        for crop in range(3):
            rows, columns = drawn.places[crop] // 16, drawn.places[crop] % 16
            changed = hidden_lines(rows[None], columns[None], 16, structure, span)[0, 0]
            assert (drawn.given[crop, 0][changed].abs() <= 2).all()
            changed[rows, columns] = True
            kept = drawn.given[crop, 0][~changed]
            assert set(kept.tolist()) <= set(image.flatten().tolist())
            assert len(kept) == 256 - int(changed.sum())


def test_crops_are_turned_in_eight_ways_unless_noise_has_a_direction() -> None:
    image = torch.arange(64.0).view(1, 1, 8, 8)
    cases: list[tuple[Structure, int]] = [("none", 8), ("horizontal", 1)]
    for structure, ways in cases:
        method = replace(SHORT, crops=200, size=8, box=8, structure=structure, span=1)
        drawn = lesson(method, image).draw()
        whole = drawn.given.flatten(2).scatter(2, drawn.places[:, None], drawn.wanted).flatten(1)
        assert len({tuple(own) for own in whole.tolist()}) == ways


@pytest.mark.parametrize("kind", ["mse", "mae"])
def test_the_loss_counts_blind_pixels_that_are_data(kind: Any) -> None:
    values = np.random.default_rng(2)
    given, wanted = values.normal(size=(2, 2, 4, 4)), values.normal(size=(2, 2, 3))
    places = np.array([[0, 5, 15], [3, 3, 8]])
    weight = np.array([[1, 0, 1], [1, 1, 0]])
    error = np.stack([given[n].reshape(2, 16)[:, places[n]] for n in range(2)]) - wanted
    size = error**2 if kind == "mse" else abs(error)
    expected = (size * weight[:, None]).sum() / (weight.sum() * 2)
    shown, asked, counted = (torch.from_numpy(own).float() for own in (given, wanted, weight[:, None]))
    found = Exercise(shown, asked, counted, torch.from_numpy(places)).loss(nn.Identity(), kind)
    assert float(found) == pytest.approx(expected, rel=1e-5)
    nothing = Exercise(shown, asked, torch.zeros(2, 1, 3), torch.from_numpy(places))
    assert float(nothing.loss(nn.Identity(), kind)) == 0.0


def test_gaps_are_never_asked_for() -> None:
    image = torch.zeros(2, 1, 16, 20)
    mask = torch.rand(2, 1, 16, 20, generator=generator()) > 0.5
    image[~mask] = 1e6
    drawn = lesson(replace(SHORT, crops=50), image, mask=mask).draw()
    assert torch.equal(drawn.weight == 0, drawn.wanted == 1e6)
    assert 0.3 < drawn.weight.mean() < 0.7


def test_held_out_pixels_are_never_asked_for_again() -> None:
    image = torch.arange(2 * 24 * 32.0).view(2, 1, 24, 32)
    own = lesson(replace(SHORT, crops=400), image)
    held = set(own.hold_out().wanted.flatten().tolist())
    drawn = own.draw()
    asked = set(drawn.wanted[drawn.weight > 0].tolist())
    assert len(held) > 80
    assert not held & asked
    assert held & set(drawn.wanted[drawn.weight == 0].tolist())


def test_the_watch_lowers_the_rate_on_a_plateau_and_keeps_the_best_weights() -> None:
    losses, net = iter([3.0, 2.0, 2.5, 2.4, 1.0, 1.5]), VoidUNet(1, 2)

    def loss() -> Tensor:
        assert not net.training
        return torch.tensor(next(losses))

    method = replace(SHORT, steps=11, every=2, patience=2)
    watch = _Watch(net, loss, method, Context())
    enough = []
    for step in range(1, 12):
        nn.init.constant_(net.last.weight, step)
        enough.append(watch.had_enough(step))
    assert [step for step, stop in enumerate(enough, 1) if stop] == [8]
    assert net.training
    watch.take_best()
    assert (net.last.weight == 10).all()


def test_a_lowered_rate_goes_on_where_the_training_was() -> None:
    heard: list[Step] = []
    method = replace(SHORT, steps=9, every=1, patience=1, schedule=Halving(0.0))
    method.fit(noisy_batch(1, 1, 16, 16), Context(on_step=heard.append))
    assert [(step.index, step.count) for step in heard] == [(n, 9) for n in range(1, 10)]
    assert heard[-1].fraction == 1.0


def test_recipes() -> None:
    paper = Noise2Void.recipe("paper")
    assert (paper.steps, paper.crops, paper.size, paper.width) == (40_000, 16, 64, 32)
    assert paper.schedule.at(39_999, 40_000) == 4e-4
    assert (paper.replacement, paper.loss, paper.blur_pool, paper.top_skip) == ("uniform", "mse", False, True)
    tweaked = Noise2Void.recipe("n2v2")
    assert (tweaked.replacement, tweaked.loss, tweaked.blur_pool, tweaked.top_skip) == ("median", "mae", True, False)
    assert Noise2Void.recipe("struct").structure == "horizontal"
    with pytest.raises(KeyError):
        Noise2Void.recipe("best")


@pytest.mark.parametrize("wrong", [{"size": 7}, {"box": 0}, {"span": 0}, {"patience": -1}, {"width": 0}])
def test_settings_are_checked(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingError, match=next(iter(wrong))):
        Noise2Void(**wrong)  # type: ignore[arg-type]


def scene(side: int = 64) -> Tensor:
    y, x = torch.meshgrid(torch.arange(side) / 6.0, torch.arange(side) / 9.0, indexing="ij")
    return (0.5 + 0.3 * torch.sin(y) * torch.cos(x))[None, None]


def error(found: Tensor) -> float:
    return float((found - scene()).square().mean())


LEARN = Noise2Void(steps=60, width=8, crops=4, size=32, schedule=OneCycle(1e-2))


@pytest.mark.parametrize("recipe", ["standard", "n2v2"])
def test_it_removes_most_of_white_noise(recipe: str) -> None:
    noisy = scene() + 0.2 * torch.randn(1, 1, 64, 64, generator=generator(3))
    own = Noise2Void.recipe(recipe)
    method = replace(own, steps=60, width=8, size=32, schedule=OneCycle(1e-2))
    assert error(method.fit(noisy, Context())(noisy)) < 0.25 * error(noisy)


def test_hiding_lines_removes_noise_that_runs_along_them() -> None:
    white = torch.randn(1, 1, 64, 67, generator=generator(4))
    noisy = scene() + 0.2 * sum(white[..., shift : shift + 64] for shift in range(4)) / 2
    plain = error(LEARN.fit(noisy, Context())(noisy))
    along = error(replace(LEARN, structure="horizontal", box=8).fit(noisy, Context())(noisy))
    across = error(replace(LEARN, structure="vertical", box=8).fit(noisy, Context())(noisy))
    assert along < 0.75 * plain
    assert along < 0.75 * across
