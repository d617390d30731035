"""Planes laid over each other where their content has moved."""

import numpy as np
import torch

from noise2detail.noise.model import NoiseModel
from noise2detail.pipeline.following import followed
from tests.neighbouring import noise, scene, still, unrelated


def moving(steps: tuple[tuple[int, int], ...]) -> torch.Tensor:
    """A scene seen through a window that jumps, with noise of deviation 1."""
    wide = scene(side=176)
    top, left, found = 40, 40, []
    for down, right in ((0, 0), *steps):
        top, left = top - down, left - right
        found.append(wide[top : top + 96, left : left + 96])
    return torch.from_numpy(np.stack(found) + noise(len(found), side=96))[:, None]


MODEL = (NoiseModel(sigma=1.0),)


def test_what_all_planes_show_lies_at_the_same_place() -> None:
    planes = moving(((4, -3), (0, 6), (-7, 2)))
    placement = followed(planes, MODEL)
    assert placement.corners == ((4, 5), (0, 8), (0, 2), (7, 0))
    common = placement.common(planes)
    assert common.shape == (4, 1, 96 - 7, 96 - 8)
    # noise of deviation 1 is all that is left between them
    assert 1.8 < float((common[1:] - common[:1]).var()) < 2.2


def test_planes_come_back_from_their_sheets() -> None:
    planes = moving(((4, -3), (0, 6)))
    placement = followed(planes, MODEL)
    sheets = placement.put(planes)
    assert sheets.shape == (3, 1, 96 + 4, 96 + 6)
    assert torch.equal(placement.take(sheets), planes)


def test_planes_that_do_not_move_are_not_touched() -> None:
    for series in (still()[1], unrelated()[1]):
        planes = torch.from_numpy(series)[:, None]
        placement = followed(planes, MODEL)
        assert not placement.moves
        assert placement.put(planes) is planes
        assert placement.take(planes) is planes
        assert torch.equal(placement.common(planes), planes)


def test_planes_too_far_apart_are_not_followed() -> None:
    assert followed(moving(((10, 0), (10, 0))), None).moves
    assert not followed(moving(((11, 0), (11, 0), (11, 0))), None).moves


def test_channels_without_noise_have_no_say_in_its_strength() -> None:
    planes = moving(((5, 0),)).repeat(1, 2, 1, 1)
    assert followed(planes, (NoiseModel(sigma=1.0), NoiseModel())).corners == ((5, 0), (0, 0))
    assert followed(planes, (NoiseModel(), NoiseModel())).corners == ((5, 0), (0, 0))
