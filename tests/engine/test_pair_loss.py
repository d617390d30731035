"""The loss against its formula, written out in NumPy for denoisers simple enough to see through."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from noise2detail.engine.pair_loss import Consistency, pair_loss
from noise2detail.numerics.downsample import whole_cells
from tests.material import noisy_batch


def half(image: Tensor) -> Tensor:
    return image / 2


def inner_half(image: Tensor) -> Tensor:
    """Like a network without padding: two pixels less on every side."""
    return image[..., 2:-2, 2:-2] / 2


CASES = [
    pytest.param((1, 1, 8, 8), half, 0, id="8x8"),
    pytest.param((1, 2, 12, 14), half, 0, id="12x14"),
    pytest.param((2, 1, 11, 13), half, 0, id="11x13"),
    pytest.param((1, 2, 12, 14), inner_half, 2, id="12x14-valid"),
    pytest.param((2, 1, 11, 13), inner_half, 2, id="11x13-valid"),
]


def cells(image: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Both views, ``(2, batch, channel, y, x)``."""
    a = image.double().numpy()
    y, x = a.shape[2] // 2 * 2, a.shape[3] // 2 * 2
    first = (a[:, :, 0:y:2, 0:x:2] + a[:, :, 1:y:2, 1:x:2]) / 2
    return np.stack([first, (a[:, :, 0:y:2, 1:x:2] + a[:, :, 1:y:2, 0:x:2]) / 2])


def expected(source: Tensor, target: Tensor, crossed: bool, cut: int, keep: Tensor | None) -> float:
    """Mean over the cells that count; halving and downsampling may change places."""
    x, y = cells(source) / 2, cells(target)
    agree = x[::-1] if crossed else x
    errors = ((x[1] - y[0]) ** 2 + (x[0] - y[1]) ** 2 + (x[0] - agree[0]) ** 2 + (x[1] - agree[1]) ** 2) / 2
    rows, columns = (slice(cut, size - cut) for size in errors.shape[-2:])
    weight = np.ones_like(errors) if keep is None else np.broadcast_to(keep.numpy(), errors.shape)
    return float(np.average(errors[..., rows, columns], weights=weight[..., rows, columns]))


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("consistency", ["same", "crossed"])
@pytest.mark.parametrize(("shape", "predict", "cut"), CASES)
def test_loss_is_the_formula(
    shape: tuple[int, int, int, int],
    predict: Callable[[Tensor], Tensor],
    cut: int,
    consistency: Consistency,
    masked: bool,
) -> None:
    source, target = noisy_batch(*shape), noisy_batch(*shape, seed=1)
    mask = torch.rand(shape[0], 1, *shape[-2:], generator=torch.Generator().manual_seed(0)) > 0.1
    weight = whole_cells(mask).float() if masked else None
    found = pair_loss(predict, source, target, consistency=consistency, weight=weight)
    assert float(found) == pytest.approx(expected(source, target, consistency == "crossed", cut, weight), rel=1e-5)


def test_target_pixels_that_are_no_data_do_not_matter() -> None:
    source, target = noisy_batch(1, 1, 12, 12), noisy_batch(1, 1, 12, 12, seed=1)
    mask = torch.ones(1, 1, 12, 12, dtype=torch.bool)
    mask[..., 5, 6] = mask[..., 0, 0] = False
    spoiled = torch.where(mask, target, 1e3)
    weight = whole_cells(mask).float()
    losses = [pair_loss(half, source, t, consistency="same", weight=weight) for t in (target, spoiled)]
    assert torch.equal(losses[0], losses[1])
    assert pair_loss(half, source, spoiled, consistency="same") > 1e3


def test_nothing_but_gaps_is_a_loss_of_zero() -> None:
    image = noisy_batch(1, 1, 8, 8)
    assert pair_loss(half, image, image, consistency="same", weight=torch.zeros(1, 1, 4, 4)) == 0
