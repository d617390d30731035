"""Parameters as one vector: the same network, and every gradient arrives."""

import torch

from noise2detail.engine.flat import FlatParameters
from noise2detail.engine.network import new_network
from tests.material import noisy_batch


def test_the_network_stays_what_it_was() -> None:
    net, image = new_network(2, 5, 0, torch.device("cpu")), noisy_batch(1, 2, 9, 10)
    expected, parameters = net(image), list(net.parameters())
    flat = FlatParameters(net, (net.hidden.weight,))
    assert all(a is b for a, b in zip(net.parameters(), parameters, strict=True))
    assert torch.equal(net(image), expected)
    assert flat.values.numel() == sum(p.numel() for p in net.parameters())
    assert net.hidden.weight.is_contiguous(memory_format=torch.channels_last)


def test_changing_the_vector_changes_the_network() -> None:
    net = new_network(1, 4, 0, torch.device("cpu"))
    flat = FlatParameters(net)
    flat.values.zero_()
    assert all(not p.any() for p in net.parameters())


def test_gradients_arrive_in_the_vector_and_add_up() -> None:
    net, image = new_network(1, 4, 0, torch.device("cpu")), noisy_batch(1, 1, 9, 10)
    plain = new_network(1, 4, 0, torch.device("cpu"))
    plain(image).square().sum().backward()
    found = [p.grad for p in plain.parameters() if p.grad is not None]
    expected = torch.cat([g.permute(0, 2, 3, 1).reshape(-1) if g.ndim == 4 else g for g in found])
    flat = FlatParameters(net)
    for times in (1, 2):
        net(image).square().sum().backward()
        torch.testing.assert_close(flat.gradient, times * expected)


def test_named_parameters_stand_last() -> None:
    net = new_network(1, 4, 0, torch.device("cpu"))
    flat = FlatParameters(net, (net.hidden.weight,))
    start = flat.start_of(net.hidden.weight)
    assert start == flat.values.numel() - 4 * 4 * 9
    expected = net.hidden.weight.detach().permute(0, 2, 3, 1).reshape(-1)
    assert torch.equal(flat.values[start:], expected)
