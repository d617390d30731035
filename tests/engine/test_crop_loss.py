"""One pass over views and quarters gives the pair loss; fewer quarters give it on average; copies are independent."""

from functools import partial
from itertools import product

import pytest
import torch
from torch import Tensor

from noise2detail.engine.crop_loss import SMALLEST_CROP, CropLoss
from noise2detail.engine.network import Form, ThreeLayerNet, new_network, predict, taken_apart
from noise2detail.engine.pair_loss import Consistency, pair_loss
from noise2detail.numerics.downsample import whole_cells
from tests.material import noisy_batch

CPU = torch.device("cpu")


def gradient_of(loss: Tensor, net: ThreeLayerNet) -> list[Tensor]:
    net.zero_grad()
    loss.sum().backward()  # type: ignore[no-untyped-call]
    return [parameter.grad.clone() for parameter in net.parameters() if parameter.grad is not None]


def weight_of(crops: int, copies: int, size: int) -> Tensor:
    mask = torch.rand(crops, copies, size, size, generator=torch.Generator().manual_seed(5)) > 0.05
    return whole_cells(mask).float()


@pytest.mark.parametrize("consistency", ["same", "crossed"])
@pytest.mark.parametrize("form", ["residual", "direct"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", [SMALLEST_CROP, 20, 32])
@pytest.mark.parametrize(("crops", "channels"), [(1, 1), (3, 2), (9, 1)])
def test_four_quarters_are_the_plain_way(
    consistency: Consistency, form: Form, masked: bool, size: int, crops: int, channels: int
) -> None:
    net = new_network(channels, 5, 0, CPU)
    source, target = noisy_batch(crops, channels, size, size), noisy_batch(crops, channels, size, size, seed=1)
    weight = weight_of(crops, 1, size) if masked else None
    denoise = partial(predict, net, form=form, border="valid")
    plain = pair_loss(denoise, source, target, consistency=consistency, agreement=0.3, weight=weight)
    expected = gradient_of(plain, net)
    found = CropLoss(consistency, agreement=0.3)(denoise, source, target, weight)
    assert found.shape == (1,)
    assert float(found.detach()) == pytest.approx(float(plain.detach()), rel=1e-5)
    for one, other in zip(gradient_of(found, net), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("consistency", ["same", "crossed"])
@pytest.mark.parametrize("form", ["residual", "direct"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("quarters", [1, 3, 4])
@pytest.mark.parametrize(("crops", "copies", "channels"), [(1, 1, 1), (5, 1, 2), (6, 3, 2)])
def test_the_slope_written_out_is_the_one_found_automatically(
    consistency: Consistency, form: Form, masked: bool, quarters: int, crops: int, copies: int, channels: int
) -> None:
    net = new_network(channels, 5, 0, CPU, copies)
    source, target = (noisy_batch(crops, copies * channels, 20, 20, seed=seed) for seed in (0, 1))
    weight = weight_of(crops, copies, 20) if masked else None
    denoise = partial(predict, net, form=form, border="valid")
    loss = CropLoss(consistency, quarters, 0.3, copies)
    plain = loss(denoise, source, target, weight)
    expected = gradient_of(plain, net)
    net.zero_grad()
    found = loss.gradient(denoise, source, target, weight)
    torch.testing.assert_close(found, plain.detach(), rtol=1e-5, atol=1e-7)
    for parameter, other in zip(net.parameters(), expected, strict=True):
        assert parameter.grad is not None
        torch.testing.assert_close(parameter.grad, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_fewer_quarters_are_the_same_on_average(quarters: int) -> None:
    """Over the four orders of four crops, in which each quarter of each crop has its turn."""
    net, images = new_network(1, 5, 0, CPU), noisy_batch(4, 1, 24, 24)
    denoise = partial(predict, net, form="residual", border="valid")
    expected = float(CropLoss("same")(denoise, images, images).detach())
    loss = CropLoss("same", quarters)
    found = [float(loss(denoise, images.roll(n, 0), images.roll(n, 0)).detach()) for n in range(4)]
    assert sum(found) / 4 == pytest.approx(expected, rel=1e-5)
    assert max(found) - min(found) > 1e-4 * expected


@pytest.mark.parametrize(("quarters", "masked"), list(product([1, 4], [False, True])))
def test_every_copy_has_its_own_loss(quarters: int, masked: bool) -> None:
    together = new_network(2, 5, 0, CPU, copies=3)
    with torch.no_grad():
        for parameter in together.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3)))
    source, target = noisy_batch(5, 6, 16, 16), noisy_batch(5, 6, 16, 16, seed=1)
    weight = weight_of(5, 3, 16) if masked else None
    found = CropLoss("same", quarters, copies=3)(
        partial(predict, together, form="direct", border="valid"), source, target, weight
    )
    assert found.shape == (3,)
    for number, net in enumerate(taken_apart(together)):
        own = slice(2 * number, 2 * number + 2)
        alone = CropLoss("same", quarters)(
            partial(predict, net, form="direct", border="valid"),
            source[:, own],
            target[:, own],
            None if weight is None else weight[:, number : number + 1],
        )
        assert float(found[number].detach()) == pytest.approx(float(alone.detach()), rel=1e-5)


def test_nothing_but_gaps_is_no_loss() -> None:
    net, image = new_network(1, 5, 0, CPU), noisy_batch(2, 1, 16, 16)
    loss = CropLoss("same", 1)(
        partial(predict, net, form="direct", border="valid"), image, image, torch.zeros(2, 1, 8, 8)
    )
    assert float(loss.detach()) == 0
    assert not any(gradient.any() for gradient in gradient_of(loss, net))
