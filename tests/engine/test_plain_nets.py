"""Networks of 3x3 convolutions: their size, how far they see, and what has no bias."""

import pytest
import torch
from torch import Tensor, nn

from noise2detail.engine.plain_nets import PLAIN_DEPTH, BestNet, DnCnn, PlainNet, RunningNet, ready, weights_of


def parameters(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def test_the_network_of_noise2fast_has_as_many_parameters_as_published() -> None:
    assert parameters(PlainNet(1, 64)) == 259_201


def test_the_network_of_noise2self_has_six_normalised_layers_between_two_without_bias() -> None:
    assert parameters(DnCnn(1, 64)) == 64 * 9 + 6 * (64 * 64 * 9 + 2 * 64) + 64 * 9
    assert [layer.bias for layer in DnCnn(1, 4).modules() if isinstance(layer, nn.Conv2d)] == [None] * 8


@pytest.mark.parametrize("build", [PlainNet, DnCnn])
def test_an_output_pixel_sees_eight_pixels_on_each_side_and_no_more(build: type[nn.Module]) -> None:
    net = build(1, 3).eval()
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.5)  # nothing positive is cut off on the way
    image = torch.rand(1, 1, 25, 27, requires_grad=True)
    net(image)[0, 0, 12, 13].backward()
    assert image.grad is not None
    rows, columns = image.grad[0, 0].nonzero().unbind(1)
    assert (int(rows.min()), int(rows.max())) == (12 - PLAIN_DEPTH, 12 + PLAIN_DEPTH)
    assert (int(columns.min()), int(columns.max())) == (13 - PLAIN_DEPTH, 13 + PLAIN_DEPTH)


@pytest.mark.parametrize("build", [PlainNet, DnCnn])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_size_stays(build: type[nn.Module], channels: int) -> None:
    image = torch.rand(2, channels, 8, 11)
    assert build(channels, 4)(image).shape == image.shape


def test_without_bias_a_brighter_image_gives_a_brighter_result() -> None:
    net, image = DnCnn(1, 8).eval(), torch.rand(1, 1, 12, 12)
    torch.testing.assert_close(net(3 * image), 3 * net(image))


def test_copied_weights_stay_as_they_were() -> None:
    net = ready(DnCnn(1, 4), torch.device("cpu"))
    kept = weights_of(net)
    before: dict[str, Tensor] = {name: value.clone() for name, value in kept.items()}
    net(torch.rand(1, 1, 9, 9))  # moves the statistics
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(1)
    assert all(torch.equal(value, before[name]) for name, value in kept.items())
    assert not any(torch.equal(value, kept[name]) for name, value in net.state_dict().items())


def moved(net: nn.Module, seed: int) -> None:
    """Other weights and, by a pass in training, other statistics."""
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draws))
        net.train()(torch.randn(2, 1, 9, 9, generator=draws))


def test_the_running_mean_is_that_of_weights_and_statistics() -> None:
    net = DnCnn(1, 3)
    mean = RunningNet(net, 0.5)
    expected = weights_of(net)
    for step, share in ((1, 0.1), (2, 2 / 11), (20, 0.5)):
        moved(net, step)
        mean.update(step, net)
        for name, now in net.state_dict().items():
            if now.is_floating_point():
                expected[name] = share * expected[name] + (1 - share) * now
            else:
                expected[name] = now.clone()
    found = mean.net.state_dict()
    assert any(name.endswith("running_var") for name in found)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value)


def test_a_running_mean_without_memory_is_the_network_itself() -> None:
    net = DnCnn(1, 3)
    mean = RunningNet(net, 0.0)
    moved(net, 0)
    mean.update(1, net)
    assert all(torch.equal(value, mean.net.state_dict()[name]) for name, value in net.state_dict().items())
    assert not mean.net.training


def test_the_best_network_is_kept_as_it_was() -> None:
    net = DnCnn(1, 3)
    best = BestNet(net)
    kept = weights_of(net)
    for error, better in ((3.0, True), (4.0, False), (float("nan"), False), (1.0, True), (1.0, False)):
        moved(net, int(better) + 1 if error == error else 7)
        best.offer(error, net)
        kept = weights_of(net) if better else kept
        assert all(torch.equal(value, best.weights[name]) for name, value in kept.items())
