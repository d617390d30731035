"""Our training against an independent one in NumPy, and that one against finite differences."""

from typing import Any, cast

import numpy as np
import pytest
import torch

from noise2detail.engine.network import ThreeLayerNet, new_network
from noise2detail.engine.pair_training import Pairs, Stage, train_on_pairs
from noise2detail.engine.schedule import Halving
from noise2detail.engine.training import Training
from noise2detail.method import Context
from tests.material import noisy_batch
from tests.methods.numpy_oracle import Adam, Array, Weights, loss_and_gradient

SHAPES = [pytest.param((1, 1, 8, 8), 48, id="grey-8x8"), pytest.param((2, 3, 9, 10), 6, id="two-rgb-9x10")]
LOSSES = [
    pytest.param(True, False, id="stage1"),
    pytest.param(False, False, id="stage3"),
    pytest.param(True, True, id="stage1-crossed"),
    pytest.param(False, True, id="stage3-crossed"),
]


def weights_of(net: ThreeLayerNet) -> Weights:
    return {
        name.removeprefix("layers."): value.detach().double().numpy().copy() for name, value in net.state_dict().items()
    }


def images(shape: tuple[int, ...], residual: bool) -> tuple[Any, Any]:
    target = noisy_batch(*shape)
    return (target if residual else noisy_batch(*shape, seed=1)), target


@pytest.mark.parametrize(("residual", "crossed"), LOSSES)
def test_gradient_by_hand_agrees_with_finite_differences(residual: bool, crossed: bool) -> None:
    source, target = (image.double().numpy() for image in images((1, 2, 8, 9), residual))
    weights = weights_of(new_network(2, 3, 0, torch.device("cpu")))
    _, gradient = loss_and_gradient(weights, source, target, residual=residual, crossed=crossed)

    def loss_at(name: str, index: tuple[int, ...], change: float) -> float:
        moved: Weights = {key: value.copy() for key, value in weights.items()}
        moved[name][index] += change
        return loss_and_gradient(moved, source, target, residual=residual, crossed=crossed)[0]

    for name, value in weights.items():
        found: Array = np.zeros_like(value)
        for index in np.ndindex(*value.shape):
            found[index] = (loss_at(name, index, 1e-6) - loss_at(name, index, -1e-6)) / 2e-6
        np.testing.assert_allclose(gradient[name], found, rtol=1e-5, atol=1e-8, err_msg=name)


@pytest.mark.parametrize(("residual", "crossed"), LOSSES)
@pytest.mark.parametrize(("shape", "width"), SHAPES)
def test_three_steps_agree_with_numpy(shape: tuple[int, ...], width: int, residual: bool, crossed: bool) -> None:
    source, target = images(shape, residual)
    net = new_network(shape[1], width, 3, torch.device("cpu"))
    weights, adam, expected = weights_of(net), Adam(), []
    for rate in (1e-3, 1e-3, 5e-4):
        loss, gradient = loss_and_gradient(
            weights, source.double().numpy(), target.double().numpy(), residual=residual, crossed=crossed
        )
        adam.update(weights, gradient, rate)
        expected.append(loss)

    losses: list[float] = []
    train_on_pairs(
        net,
        Pairs(source, target, "residual" if residual else "direct", "crossed" if crossed else "same"),
        Training(3, Halving(1e-3, 2)),
        Stage("training", 0.0, 1.0),
        Context(on_step=lambda step: losses.append(float(cast("torch.Tensor", step.loss)))),
    )

    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for name, value in weights_of(net).items():
        np.testing.assert_allclose(value, weights[name], rtol=0, atol=1e-5, err_msg=name)
