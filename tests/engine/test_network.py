"""The network of the paper."""

import pytest
import torch
import torch.nn.functional as F

from noise2detail.engine.network import REACH, Form, ThreeLayerNet, new_network, predict
from noise2detail.engine.passes import Pass
from noise2detail.engine.stored import load_network, named
from tests.material import noisy_batch

CPU = torch.device("cpu")


@pytest.mark.parametrize(("channels", "parameters"), [(1, 21_313), (3, 22_275)])
def test_number_of_parameters_is_the_published_one(channels: int, parameters: int) -> None:
    assert sum(p.numel() for p in ThreeLayerNet(channels, 48).parameters()) == parameters


def test_a_new_network_is_initialised_by_its_seed_alone() -> None:
    before = torch.random.get_rng_state()
    net = new_network(2, 6, 5, CPU)
    assert torch.equal(torch.random.get_rng_state(), before)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        expected = ThreeLayerNet(2, 6).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in net.state_dict().items())
    other = new_network(2, 6, 6, CPU).state_dict()
    assert not any(torch.equal(value, expected[name]) for name, value in other.items())


@pytest.mark.parametrize("shape", [(1, 1, 8, 8), (2, 3, 9, 11), (1, 2, 17, 5)], ids=str)
def test_borders(shape: tuple[int, int, int, int]) -> None:
    net, image = new_network(shape[1], 6, 0, CPU), noisy_batch(*shape)
    zeros, reflected, valid = net(image, "zeros"), net(image, "reflect"), net(image, "valid")
    torch.testing.assert_close(zeros, net.layers(image))
    torch.testing.assert_close(valid, zeros[..., REACH:-REACH, REACH:-REACH])
    torch.testing.assert_close(reflected, net(F.pad(image, (REACH,) * 4, mode="reflect"), "valid"))
    assert reflected.shape == image.shape


def test_an_output_pixel_reaches_as_far_as_declared() -> None:
    net, image = new_network(1, 6, 0, CPU), noisy_batch(1, 1, 15, 15)
    changed = image.clone()
    changed[..., 7, 7] += 1
    y, x = (net(changed) - net(image))[0, 0].detach().abs().gt(0).nonzero(as_tuple=True)
    assert (y.min(), y.max(), x.min(), x.max()) == (7 - REACH, 7 + REACH, 7 - REACH, 7 + REACH)


@pytest.mark.parametrize("form", ["residual", "direct"])
def test_the_form_says_what_the_output_is(form: Form) -> None:
    net, image = new_network(1, 6, 0, CPU), noisy_batch(1, 1, 9, 10)
    output = net(image)
    torch.testing.assert_close(predict(net, image, form, "zeros"), image - output if form == "residual" else output)
    inner = predict(net, image, form, "zeros")[..., REACH:-REACH, REACH:-REACH]
    torch.testing.assert_close(predict(net, image, form, "valid"), inner)


@pytest.mark.parametrize("clip", [True, False])
def test_a_pass_clips_where_it_shall_and_records_no_gradient(clip: bool) -> None:
    net, image = new_network(1, 6, 0, CPU), 3 * noisy_batch(1, 1, 9, 10) - 1
    found = Pass(net, "residual", "zeros", "float32", clip)(image)
    assert not found.requires_grad
    expected = predict(net, image, "residual", "zeros").detach()
    torch.testing.assert_close(found, expected.clamp(0, 1) if clip else expected)
    assert expected.min() < 0
    assert expected.max() > 1


def test_stored_weights_make_the_same_network() -> None:
    net, image = new_network(3, 7, 0, CPU), noisy_batch(1, 3, 9, 10)
    tensors = named("one", net) | named("other", new_network(3, 7, 1, CPU))
    assert all(name.startswith(("one.layers.", "other.layers.")) for name in tensors)
    assert torch.equal(load_network("one", tensors, CPU)(image), net(image))
    with pytest.raises(KeyError):
        load_network("third", tensors, CPU)
