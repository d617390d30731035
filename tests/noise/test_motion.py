"""How far content lies from where it was."""

import numpy as np
import pytest
import torch
from torch import Tensor

from noise2detail.noise.motion import shift_between
from tests.neighbouring import noise, scene


def pair(down: int, right: int, strength: float = 1.0) -> tuple[Tensor, Tensor]:
    wide, own = scene(side=160), strength * noise(2, side=96)
    first = wide[32:128, 32:128] + own[0]
    second = wide[32 - down : 128 - down, 32 - right : 128 - right] + own[1]
    return torch.from_numpy(first)[None], torch.from_numpy(second)[None]


@pytest.mark.parametrize("shift", [(0, 0), (2, 0), (0, -3), (5, 7), (-11, 10)])
@pytest.mark.parametrize("strength", [0.0, 2.0, 6.0])
def test_the_shift_is_found(shift: tuple[int, int], strength: float) -> None:
    assert shift_between(*pair(*shift, strength)) == shift


def test_what_has_nothing_in_common_stays_where_it_is() -> None:
    found = [
        shift_between(torch.from_numpy(one)[None], torch.from_numpy(other)[None])
        for one, other in (noise(2), (scene(1), scene(2)), np.zeros((2, 80, 80), np.float32))
    ]
    assert found == [(0, 0)] * 3


def test_beyond_the_reach_nothing_is_claimed() -> None:
    assert shift_between(*pair(20, 0)) == (0, 0)


def test_all_channels_together_show_what_one_does_not() -> None:
    first, second = pair(4, -6)
    blank = torch.from_numpy(noise(2, seed=3, side=96))
    assert shift_between(torch.cat([blank[:1], first]), torch.cat([blank[1:], second])) == (4, -6)
