"""The hourglass of Deep Image Prior: its parameters counted by hand, its sizes, its prior."""

import pytest
import torch
from torch import nn

from noise2detail.engine.seeding import seeded
from noise2detail.engine.skip_net import Edge, SkipNet, smallest_side
from noise2detail.errors import SettingError

CPU = torch.device("cpu")


def built(inputs: int, widths: tuple[int, ...], skips: tuple[int, ...], edge: Edge = "reflect") -> SkipNet:
    with seeded(0, CPU):
        return SkipNet(inputs, 1, widths, skips, edge)


def counted(inputs: int, outputs: int, widths: tuple[int, ...], skips: tuple[int, ...]) -> int:
    """Parameters of the published network, layer by layer: a convolution's, then two for each normalised channel."""
    total = widths[0] * outputs + outputs
    for scale, (width, skip) in enumerate(zip(widths, skips, strict=True)):
        total += 9 * inputs * width + width + 2 * width
        total += 9 * width * width + width + 2 * width
        total += inputs * skip + skip + 2 * skip
        below = skip + (widths[scale + 1] if scale + 1 < len(widths) else width)
        total += 2 * below
        total += 9 * below * width + width + 2 * width
        total += width * width + width + 2 * width
        inputs = width
    return total


@pytest.mark.parametrize(
    ("inputs", "outputs", "widths", "skips", "known"),
    [
        (32, 3, (128,) * 5, (4,) * 5, 2_217_831),  # of the authors' notebook on denoising a colour image
        (1, 1, (8, 16, 32, 64, 128), (0, 0, 0, 4, 4), None),
        (4, 2, (8,), (2,), None),
    ],
)
def test_parameters_are_those_counted_by_hand(
    inputs: int, outputs: int, widths: tuple[int, ...], skips: tuple[int, ...], known: int | None
) -> None:
    found = sum(parameter.numel() for parameter in SkipNet(inputs, outputs, widths, skips).parameters())
    assert found == counted(inputs, outputs, widths, skips)
    assert known is None or found == known


@pytest.mark.parametrize("edge", ["reflect", "zeros"])
@pytest.mark.parametrize(("y", "x"), [(8, 8), (8, 12), (16, 20)])
def test_output_has_the_size_of_the_input_and_lies_between_0_and_1(edge: Edge, y: int, x: int) -> None:
    net = built(3, (8, 8), (2, 0), edge)
    output = net(torch.rand(1, 3, y, x))
    assert output.shape == (1, 1, y, x)
    assert 0 < output.min() < output.max() < 1


def test_smallest_side_is_the_least_that_can_be_normalised() -> None:
    net = built(2, (4, 4, 4), (0, 0, 0))
    assert torch.isfinite(net(torch.rand(1, 2, smallest_side(3), smallest_side(3)))).all()
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        net(torch.rand(1, 2, smallest_side(3) // 2, smallest_side(3) // 2))


def test_scales_and_skips_must_match() -> None:
    for widths, skips in (((8, 8), (4,)), ((), ())):
        with pytest.raises(SettingError, match="expected as many"):
            SkipNet(1, 1, widths, skips)


def test_edges_differ_at_the_border_only_before_any_statistics() -> None:
    """The same weights under both paddings: a constant image stays constant where it is reflected, not under zeros."""
    reflected, zeros = built(1, (6, 6), (2, 2), "reflect"), built(1, (6, 6), (2, 2), "zeros")
    zeros.load_state_dict(reflected.state_dict())
    image = torch.full((1, 1, 16, 16), 0.7)
    assert reflected(image).std() < 1e-4
    assert zeros(image).std() > 1e-3


def test_statistics_are_those_of_the_input_in_evaluation_too() -> None:
    net = built(2, (8, 8), (2, 2))
    image = torch.rand(1, 2, 16, 16)
    trained = net(image)
    assert torch.equal(net.eval()(image), trained)
    assert all(not layer.track_running_stats for layer in net.modules() if isinstance(layer, nn.BatchNorm2d))


def test_untrained_output_is_smoother_than_noise() -> None:
    """The prior itself: neighbouring pixels of what random weights make of white noise are alike."""
    net = built(8, (16,) * 4, (0,) * 4)
    output = net(torch.rand(1, 8, 64, 64))
    steps = (output[..., 1:] - output[..., :-1]).square().mean() / (2 * output.var())
    assert steps < 0.3  # 1 for white noise
