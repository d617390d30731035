"""The gradient taken block by block is the gradient."""

from functools import partial

import pytest
import torch

from noise2detail.engine.full_image import WholeImages, blockwise_gradient, plain_gradient
from noise2detail.engine.network import Form, ThreeLayerNet, new_network, predict
from noise2detail.engine.pair_loss import Consistency
from noise2detail.numerics.downsample import whole_cells
from tests.material import noisy_batch

CASES = [
    pytest.param(shape, block, id=f"{'x'.join(map(str, shape))}-blocks-of-{block}")
    for shape, blocks in {
        (1, 1, 8, 8): (1, 3, 100),
        (1, 2, 9, 11): (1, 2, 5),
        (2, 1, 17, 8): (3, 5),
        (1, 3, 8, 31): (4, 100),
        (3, 1, 24, 26): (5, 12),
    }.items()
    for block in blocks
]


def gradients(way: partial[torch.Tensor], net: ThreeLayerNet) -> tuple[float, list[torch.Tensor]]:
    net.zero_grad(set_to_none=True)
    loss = float(way())
    found = [p.grad.clone() for p in net.parameters() if p.grad is not None]
    assert len(found) == 6
    return loss, found


@pytest.mark.parametrize("masked", [False, True], ids=["whole", "masked"])
@pytest.mark.parametrize("consistency", ["same", "crossed"])
@pytest.mark.parametrize("form", ["residual", "direct"])
@pytest.mark.parametrize(("shape", "block"), CASES)
def test_blocks_give_the_gradient_of_the_whole(
    shape: tuple[int, int, int, int], block: int, form: Form, consistency: Consistency, masked: bool
) -> None:
    net = new_network(shape[1], 5, 0, torch.device("cpu"))
    mask = torch.rand(shape[0], 1, *shape[-2:], generator=torch.Generator().manual_seed(2)) > 0.1
    source = noisy_batch(*shape)
    target = source if form == "residual" else noisy_batch(*shape, seed=1)
    images = WholeImages(source, target, whole_cells(mask).float() if masked else None, consistency, 0.4)

    def denoise(image: torch.Tensor) -> torch.Tensor:
        return predict(net, image, form, "zeros")

    loss, expected = gradients(partial(plain_gradient, denoise, images), net)
    found_loss, found = gradients(partial(blockwise_gradient, denoise, images, block), net)
    assert found_loss == pytest.approx(loss, rel=1e-5)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_both_ways_add_to_the_gradient_that_is_there() -> None:
    net = new_network(1, 4, 0, torch.device("cpu"))
    images = WholeImages(noisy_batch(1, 1, 8, 8), noisy_batch(1, 1, 8, 8), None, "same")
    for way in (plain_gradient, blockwise_gradient):
        _, once = gradients(partial(way, partial(predict, net, form="direct", border="zeros"), images), net)
        way(partial(predict, net, form="direct", border="zeros"), images)
        for parameter, single in zip(net.parameters(), once, strict=True):
            torch.testing.assert_close(parameter.grad, 2 * single)
