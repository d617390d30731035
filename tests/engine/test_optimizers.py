"""Adam is PyTorch's; Muon's steps are as long in every direction; copies side by side do not know each other."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from noise2detail.engine.network import ThreeLayerNet, new_network, taken_apart
from noise2detail.engine.optimizers import Adam, Muon, nearest_orthonormal
from noise2detail.errors import SettingError
from tests.material import noisy_batch

RATES = (1e-2, 1e-2, 5e-3, 2e-2, 1e-3)


def gradients(net: ThreeLayerNet, seed: int) -> list[Tensor]:
    """Random ones, some of them zero, some huge."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for parameter in net.parameters():
        values = torch.randn(parameter.shape, generator=generator) * 10.0 ** torch.randint(
            -6, 4, parameter.shape, generator=generator
        )
        found.append(torch.where(torch.rand(parameter.shape, generator=generator) < 0.1, 0.0, values))
    return found


def take_steps(net: ThreeLayerNet, optimizer: Adam | Muon, seed: int = 0, rates: tuple[float, ...] = RATES) -> None:
    working = optimizer.on(net, net.hidden.weight, net.copies, rates)
    for step in range(len(rates)):
        for parameter, gradient in zip(net.parameters(), gradients(net, seed + step), strict=True):
            assert parameter.grad is not None
            parameter.grad.copy_(gradient)
        working.step(torch.tensor([step]))


@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.9)])
def test_adam_is_that_of_pytorch(betas: tuple[float, float]) -> None:
    net, reference = (new_network(2, 5, 0, torch.device("cpu")) for _ in range(2))
    take_steps(net, Adam(*betas))
    theirs = torch.optim.Adam(reference.parameters(), betas=betas)
    for step, rate in enumerate(RATES):
        theirs.param_groups[0]["lr"] = rate
        for parameter, gradient in zip(reference.parameters(), gradients(reference, step), strict=True):
            parameter.grad = gradient
        theirs.step()
    for one, other in zip(net.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("shape", [(1, 48, 432), (3, 5, 5), (2, 1, 9)])
def test_singular_values_become_one_and_vectors_stay(shape: tuple[int, ...]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = nearest_orthonormal(matrices * 1e3)
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    inner = u.mT @ found @ v.mT
    values = inner.diagonal(dim1=-2, dim2=-1)
    assert values.min() > 0.6
    assert values.max() < 1.25
    assert (inner - torch.diag_embed(values)).abs().max() < 1e-3


def test_the_published_iteration_gives_the_same() -> None:
    matrix = torch.randn(8, 30, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x = matrix / matrix.norm()
    for _ in range(5):
        a = x @ x.mT
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    torch.testing.assert_close(nearest_orthonormal(matrix[None])[0], x)


def test_no_gradient_no_step() -> None:
    assert not nearest_orthonormal(torch.zeros(1, 4, 9)).any()


def test_a_step_of_muon_is_as_long_as_set() -> None:
    net = new_network(1, 8, 0, torch.device("cpu"))
    before = net.hidden.weight.detach().clone()
    take_steps(net, Muon(length=3.0), rates=(0.01,))
    moved = (net.hidden.weight.detach() - before).permute(0, 2, 3, 1).reshape(8, -1)
    lengths = torch.linalg.svdvals(moved)
    assert lengths.min() > 0.6 * 0.03
    assert lengths.max() < 1.25 * 0.03


def test_muon_treats_the_other_parameters_as_adam_does() -> None:
    net, reference = (new_network(1, 6, 0, torch.device("cpu")) for _ in range(2))
    take_steps(net, Muon())
    take_steps(reference, Adam())
    for (name, one), (_, other) in zip(net.named_parameters(), reference.named_parameters(), strict=True):
        assert torch.equal(one, other) == (name != "layers.2.weight")


@pytest.mark.parametrize("optimizer", [Adam(), Muon()], ids=["adam", "muon"])
def test_copies_learn_as_if_alone(optimizer: Adam | Muon) -> None:
    together = new_network(1, 5, 0, torch.device("cpu"), copies=3)
    alone = [new_network(1, 5, 0, torch.device("cpu")) for _ in range(3)]
    image = noisy_batch(2, 3, 9, 10)
    rates = (1e-2, 5e-3)
    optimizers = [optimizer.on(net, net.hidden.weight, net.copies, rates) for net in (together, *alone)]
    for step in range(2):
        for one in optimizers:
            one.flat.gradient.zero_()
        together(image).square().sum().backward()
        for number, net in enumerate(alone):
            net(image[:, number : number + 1]).square().sum().backward()
        for one in optimizers:
            one.step(torch.tensor([step]))
    for apart, net in zip(taken_apart(together), alone, strict=True):
        for a, b in zip(apart.parameters(), net.parameters(), strict=True):
            # five rounds enlarge the rounding of small directions up to 3.4445**5 times, in a step of 0.06
            torch.testing.assert_close(a, b, rtol=1e-4, atol=5e-6)


@pytest.mark.parametrize(("name", "value"), [("length", -1.0), ("momentum", float("nan"))])
def test_impossible_settings_are_refused(name: str, value: float) -> None:
    with pytest.raises(SettingError, match=f"{name} is {value}"):
        replace(Muon(), **{name: value})  # type: ignore[arg-type]
