"""Noise2Noise: which frames meet, which pixels count, and that it learns their mean."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from noise2detail.engine.schedule import OneCycle
from noise2detail.errors import InputError, SettingError
from noise2detail.method import Context, Step
from noise2detail.methods.noise2noise import FramePairs, Noise2Noise, Noise2NoiseDenoiser, pair_error
from noise2detail.tiling.walk import apply_in_tiles
from tests.material import noisy_batch

SHORT = Noise2Noise(steps=3, width=4, crops=2, size=16)
BOTH = pytest.mark.parametrize("network", ["small", "published"])


def coded(frames: int, y: int, x: int) -> Tensor:
    """Each pixel says where it is: frame, row, column."""
    found = torch.arange(frames)[:, None, None] * 10_000 + torch.arange(y)[:, None] * 100 + torch.arange(x)
    return found[:, None].float()


def test_one_frame_is_refused() -> None:
    with pytest.raises(InputError, match="two or more noisy frames of the same scene; found one; give a time series"):
        SHORT.fit(noisy_batch(1, 1, 16, 16), Context())


def test_a_crop_is_one_place_in_two_different_frames_turned_alike() -> None:
    given, wanted, weight = FramePairs(coded(3, 20, 24), Context(), 600, 8).draw()
    assert given.shape == wanted.shape == (600, 1, 8, 8)
    assert torch.equal(given % 10_000, wanted % 10_000)
    first, second = given[:, 0] // 10_000, wanted[:, 0] // 10_000
    pairs = torch.stack([first, second], -1)
    assert torch.equal(pairs, pairs[:, :1, :1].expand_as(pairs))
    met = [tuple(pair) for pair in pairs[:, 0, 0].int().tolist()]
    assert {pair: met.count(pair) > 60 for pair in met} == {(i, j): True for i in range(3) for j in range(3) if i != j}
    along = given[:, 0, 0, 1] - given[:, 0, 0, 0]
    down = given[:, 0, 1, 0] - given[:, 0, 0, 0]
    assert len({*zip(along.tolist(), down.tolist(), strict=True)}) == 8
    rows, columns = (given % 10_000) // 100, given % 100
    assert [float(own) for own in (rows.min(), rows.max(), columns.min(), columns.max())] == [0, 19, 0, 23]
    assert weight.min() == 1


def test_a_pixel_counts_where_both_frames_hold_it() -> None:
    mask = torch.rand(2, 1, 16, 16, generator=torch.Generator().manual_seed(1)) > 0.4
    given, wanted, weight = FramePairs(coded(2, 16, 16), Context(mask=mask), 30, 8).draw()
    held = [
        mask[(own // 10_000).long(), 0, (own % 10_000 // 100).long(), (own % 100).long()] for own in (given, wanted)
    ]
    assert torch.equal(weight, (held[0] & held[1]).float())
    assert 0.2 < weight.mean() < 0.5


def test_frames_without_a_common_pixel_teach_nothing() -> None:
    mask = torch.zeros(2, 1, 16, 16, dtype=torch.bool)
    mask[0, ..., :8], mask[1, ..., 8:] = True, True
    frames = noisy_batch(2, 1, 16, 16)
    apart, short = SHORT.fit(frames, Context(mask=mask)), replace(SHORT, steps=1).fit(frames, Context(mask=mask))
    assert all(torch.equal(value, short.tensors()[name]) for name, value in apart.tensors().items())
    assert not torch.equal(SHORT.fit(frames, Context())(frames), apart(frames))


def test_the_error_is_a_mean_over_what_counts() -> None:
    values = np.random.default_rng(0)
    found, wanted = values.normal(size=(2, 3, 4, 4)), values.normal(size=(2, 3, 4, 4))
    weight = (values.random((2, 1, 4, 4)) > 0.5).astype(float)
    expected = ((found - wanted) ** 2)[np.broadcast_to(weight, found.shape) > 0].mean()
    first, second, counted = (torch.from_numpy(own) for own in (found, wanted, weight))
    assert float(pair_error(first, second, counted)) == pytest.approx(expected)
    assert float(pair_error(first, second, torch.zeros(2, 1, 4, 4))) == 0.0


def test_the_published_training() -> None:
    paper = Noise2Noise.recipe("paper")
    assert sum(p.numel() for p in paper._build(1).parameters()) == 1_256_689
    rates = [paper.schedule.at(int(share * paper.steps), paper.steps) for share in (0, 0.3, 0.699, 0.85)]
    assert rates == pytest.approx([3e-4, 3e-4, 3e-4, 1.5e-4], rel=1e-3)
    assert paper.schedule.at(paper.steps - 1, paper.steps) == pytest.approx(0, abs=1e-12)
    assert (paper.optimizer.beta1, paper.optimizer.beta2, paper.size, paper.crops) == (0.9, 0.99, 256, 4)
    with pytest.raises(KeyError):
        Noise2Noise.recipe("best")


@pytest.mark.parametrize("wrong", [{"size": 7}, {"crops": 0}, {"width": 0}, {"steps": -1}])
def test_settings_are_checked(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingError, match=next(iter(wrong))):
        Noise2Noise(**wrong)  # type: ignore[arg-type]


def fitted(network: Any, channels: int = 1, **context: Any) -> Noise2NoiseDenoiser:
    found = replace(SHORT, network=network).fit(noisy_batch(2, channels, 19, 17), Context(**context))
    assert isinstance(found, Noise2NoiseDenoiser)
    return found


@BOTH
def test_each_frame_is_denoised_on_its_own_in_tiles_or_whole(network: Any) -> None:
    denoiser, frames = fitted(network), noisy_batch(2, 1, 41, 230)
    whole = denoiser(frames)
    torch.testing.assert_close(denoiser(frames[1:]), whole[1:], rtol=5e-6, atol=1e-5)
    found = apply_in_tiles(denoiser, frames, tile=64, halo=denoiser.halo, alignment=denoiser.alignment)
    # an untrained network gives values up to 4, which single precision holds to 1e-6 of themselves
    torch.testing.assert_close(found, whole, rtol=5e-6, atol=1e-5)


@BOTH
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("size", [(8, 8), (9, 31)], ids=str)
def test_frames_of_any_size(network: Any, precision: Any, size: tuple[int, int]) -> None:
    frames = noisy_batch(3, 2, *size)
    found = replace(SHORT, network=network).fit(frames, Context(precision=precision))(frames)
    assert found.shape == frames.shape
    assert found.dtype == torch.float32
    assert torch.isfinite(found).all()


@BOTH
def test_what_was_learnt_can_be_restored(network: Any) -> None:
    frames, first = noisy_batch(2, 3, 19, 17), fitted(network, 3)
    again = replace(SHORT, network=network).restore(first.tensors(), Context(seed=7))
    assert torch.equal(again(frames), first(frames))
    assert (again.halo, again.alignment) == (first.halo, first.alignment)


@BOTH
def test_same_seed_same_bits_and_nothing_global_changes(network: Any) -> None:
    before = torch.random.get_rng_state()
    first, second, other = (fitted(network, seed=seed).tensors() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    assert any(not torch.equal(value, other[name]) for name, value in first.items())


def test_every_step_is_reported() -> None:
    heard: list[Step] = []
    SHORT.fit(noisy_batch(2, 1, 8, 9), Context(on_step=heard.append))
    assert [(step.index, step.count, step.fraction) for step in heard] == [(1, 3, 1 / 3), (2, 3, 2 / 3), (3, 3, 1.0)]


def test_a_start_of_the_same_form_lends_its_weights() -> None:
    frames, first = noisy_batch(2, 1, 19, 17), fitted("small")
    still = replace(SHORT, steps=0)
    assert torch.equal(still.fit(frames, Context(seed=5), start=first)(frames), first(frames))
    wider = replace(still, width=6)
    assert torch.equal(wider.fit(frames, Context(), start=first)(frames), wider.fit(frames, Context())(frames))


def test_two_frames_are_enough_to_remove_most_of_the_noise() -> None:
    y, x = torch.meshgrid(torch.arange(64) / 6.0, torch.arange(64) / 9.0, indexing="ij")
    clean = (0.5 + 0.3 * torch.sin(y) * torch.cos(x))[None, None]
    frames = clean + 0.2 * torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(3))
    method = Noise2Noise(steps=60, width=8, size=32, schedule=OneCycle(1e-2))
    found = method.fit(frames, Context())(frames)
    assert (found - clean).square().mean() < 0.15 * (frames - clean).square().mean()
