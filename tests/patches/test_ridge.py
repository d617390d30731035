"""Ridge regression between similar patches; the slow one solves for every patch of a group, in double precision."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from noise2detail.errors import Cancelled
from noise2detail.noise.colour import coloured
from noise2detail.patches.layout import Search
from noise2detail.patches.ridge import Ridge, regressed

WHITE = torch.ones(1, 1, 1)
SMALL = Ridge(Search(step=4, reach=6, count=24, cell=3))


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def stripes(y: int, x: int) -> Tensor:
    """Structure that repeats, of deviation 2."""
    rows, columns = torch.meshgrid(torch.arange(y) / 2.0, torch.arange(x) / 3.0, indexing="ij")
    return (4 * torch.sin(rows) * torch.cos(columns))[None]


def error(found: Tensor, clean: Tensor) -> float:
    return float((found - clean).square().mean())


@pytest.mark.parametrize("members", [1, 5, 9])
def test_a_group_is_solved_as_its_equations_say(members: int) -> None:
    """Of 9 patches, some of which do not count: (X X' + n I)^-1 between patches instead of between pixels."""
    table, pilots = 3 + 2 * random(40, 16), 3 + 2 * random(40, 16, seed=1)
    found = torch.stack([torch.randperm(40, generator=torch.Generator().manual_seed(n))[:9] for n in range(4)])
    inside = (torch.arange(9) < members).expand(4, 9)
    patches, weights = regressed(table, pilots, found, inside)
    patches, weights = patches.view(4, 9, 16).double(), weights.view(4, 9).double()
    for group in range(4):
        chosen = found[group, :members]
        noisy, guide = table[chosen].double(), pilots[chosen].double()
        mean = noisy.mean(0)
        guide = guide - guide.mean(0)
        gram = guide @ guide.mT
        combination = gram @ torch.linalg.inv(gram + 16 * torch.eye(members).double())
        expected = mean + combination @ (noisy - mean)
        # a patch's own share, with that of the mean
        own = (combination.diagonal() + 1 / members).clamp(1 / 9, 1)
        torch.testing.assert_close(weights[group, :members], 1 / own, rtol=1e-4, atol=0)
        result = patches[group, :members] / weights[group, :members, None]
        torch.testing.assert_close(result, expected, rtol=0, atol=1e-4)
    assert bool((weights[:, members:] == 0).all())
    assert bool((patches[:, members:] == 0).all())


def slow(noisy: Tensor, pilot: Tensor, search: Search) -> np.ndarray:
    """Every reference, its nearest patches, the equations, and the weighted mean; noise is white, of variance 1.

    Candidates are those corners from which patches lie in the image as it is mirrored to where references end.
    """
    side, sizes = search.side, noisy.shape
    counts = [-(-(size - side) // search.step) + 1 for size in sizes]
    ends = [search.step * (count - 1) for count in counts]
    pads = [(0, end + side - size) for end, size in zip(ends, sizes, strict=True)]
    mean = float(noisy.mean())
    values, guide = (np.pad(part.double().numpy() - mean, pads, mode="reflect") for part in (noisy, pilot))
    sums, weights = np.zeros_like(values), np.zeros_like(values)

    def patch(image: np.ndarray, at: tuple[int, int]) -> np.ndarray:
        return image[at[0] : at[0] + side, at[1] : at[1] + side].ravel()

    for top in range(0, ends[0] + 1, search.step):
        for left in range(0, ends[1] + 1, search.step):
            near = [
                (y, x)
                for y in range(max(0, top - search.reach), min(ends[0], top + search.reach) + 1)
                for x in range(max(0, left - search.reach), min(ends[1], left + search.reach) + 1)
            ]
            own = patch(guide, (top, left))
            near.sort(key=lambda at: float(((patch(guide, at) - own) ** 2).sum()))
            chosen = near[: search.count]
            x_, y_ = (np.array([patch(image, at) for at in chosen]) for image in (guide, values))
            middle = y_.mean(0)
            x_ = x_ - x_.mean(0)
            gram = x_ @ x_.T
            combination = gram @ np.linalg.inv(gram + side * side * np.eye(len(chosen)))
            result = middle + combination @ (y_ - middle)
            own_share = np.clip(np.diag(combination) + 1 / len(chosen), 1 / search.count, 1)
            for at, one, share in zip(chosen, result, own_share, strict=True):
                place = slice(at[0], at[0] + side), slice(at[1], at[1] + side)
                sums[place] += one.reshape(side, side) / share
                weights[place] += 1 / share
    return (sums / weights)[: sizes[0], : sizes[1]] + mean


@pytest.mark.parametrize("size", [(8, 8), (9, 13), (21, 18)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_an_image_comes_out_as_from_the_slow_one(size: tuple[int, int]) -> None:
    clean = stripes(*size)
    noisy, pilot = clean + random(1, *size), clean + 0.3 * random(1, *size, seed=1)
    found = SMALL.run(noisy, pilot, WHITE)
    np.testing.assert_allclose(found[0].numpy(), slow(noisy[0], pilot[0], SMALL.search), atol=2e-3)


def test_a_constant_added_is_kept() -> None:
    clean = stripes(40, 33)
    noisy, pilot = clean + random(1, 40, 33), clean
    once = SMALL.run(noisy, pilot, WHITE)
    torch.testing.assert_close(SMALL.run(noisy + 64, pilot + 64, WHITE), once + 64, atol=2e-3, rtol=0)


def test_pieces_do_not_change_the_result_and_each_is_told() -> None:
    clean = stripes(70, 45)
    noisy, heard = clean + random(1, 70, 45), []
    whole = SMALL.run(noisy, clean, WHITE, lambda: heard.append(1))
    assert len(heard) == SMALL.pieces(70, 45)
    torch.testing.assert_close(replace(SMALL, positions=1).run(noisy, clean, WHITE), whole, atol=1e-4, rtol=0)

    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        SMALL.run(noisy, clean, WHITE, stop)


def test_a_single_patch_stays_as_it_is() -> None:
    """It is the mean of its group; what else there is to know of it is for others to say."""
    noisy = random(1, 8, 8)
    torch.testing.assert_close(Ridge().run(noisy, 0.5 * noisy, WHITE), noisy, atol=1e-4, rtol=0)


@pytest.mark.parametrize("size", [(9, 31), (8, 70)], ids=lambda s: f"{s[0]}x{s[1]}")
def test_images_with_fewer_patches_than_a_group_has_room(size: tuple[int, int]) -> None:
    clean = stripes(*size)
    noisy = clean + random(1, *size)
    found = Ridge().run(noisy, clean, WHITE)
    assert found.shape == noisy.shape
    assert error(found, clean) < 0.6 * error(noisy, clean)


def test_repeated_structure_is_freed_of_nearly_all_noise() -> None:
    clean = stripes(96, 96)
    found = Ridge().run(clean + random(1, 96, 96), clean, WHITE)
    assert error(found, clean) < 0.03


def test_a_pilot_without_structure_leaves_the_mean_of_the_group() -> None:
    found = Ridge().run(7 + random(1, 64, 64), torch.full((1, 64, 64), 7.0), WHITE)
    assert error(found, torch.full_like(found, 7)) < 0.02


def test_strength_goes_with_the_noise() -> None:
    """The same image in other units."""
    clean = stripes(40, 40)
    noisy = clean + random(1, 40, 40)
    once = SMALL.run(noisy, clean, WHITE)
    torch.testing.assert_close(SMALL.run(-8 * noisy, -8 * clean, 64 * WHITE), -8 * once, atol=5e-3, rtol=0)


def test_several_channels_are_each_filtered() -> None:
    clean = torch.cat([stripes(48, 41), 0.3 * stripes(48, 41) + 5, torch.zeros(1, 48, 41)])
    strengths = torch.tensor([1.0, 0.25, 4.0])[:, None, None]
    noisy = clean + strengths.sqrt() * random(3, 48, 41)
    found = SMALL.run(noisy, clean, strengths)
    for own, before, truth, strength in zip(found, noisy, clean, strengths.flatten().tolist(), strict=True):
        assert error(own, truth) < 0.25 * error(before, truth)
        assert error(own, truth) < 0.25 * strength


def test_identical_channels_give_what_one_gives() -> None:
    clean = stripes(32, 35)
    noisy = clean + random(1, 32, 35)
    alone = SMALL.run(noisy, clean, WHITE)
    found = SMALL.run(noisy.repeat(4, 1, 1), clean.repeat(4, 1, 1), WHITE.repeat(4, 1, 1))
    torch.testing.assert_close(found, alone.repeat(4, 1, 1), atol=1e-3, rtol=0)


def test_to_know_that_noise_is_shared_helps() -> None:
    """Structure of all frequencies: noise hides most of it in the low ones, least in the high ones."""
    line = torch.tensor([0.1, 0.5, 1.0, 0.5, 0.1])
    shared = (line[:, None] * line)[None]
    errors = torch.zeros(2)
    for seed in range(3):
        clean = 0.5 * random(1, 9, 9, seed=seed + 10).repeat(1, 8, 8)
        noisy = clean + coloured(random(1, 72, 72, seed=seed), shared)
        for number, told in enumerate((shared, WHITE)):
            errors[number] += error(Ridge().run(noisy, clean, told), clean)
    assert errors[0] < 0.97 * errors[1], errors
