"""A recorded step does what the plain step does; without CUDA it is the plain step."""

import logging

import pytest
import torch

from noise2detail.engine.crops import Crops
from noise2detail.engine.cuda_graph import recorded
from noise2detail.engine.network import new_network
from noise2detail.engine.optimizers import Adam, Muon
from noise2detail.engine.pair_training import Pairs, Stage, train_on_pairs
from noise2detail.engine.schedule import OneCycle
from noise2detail.engine.training import Training
from noise2detail.method import Context
from tests.material import noisy_batch

CPU = torch.device("cpu")


def test_a_processor_runs_the_step_as_it_is() -> None:
    def step() -> None:
        raise AssertionError

    assert recorded(step, CPU) is step


@pytest.fixture
def cuda() -> torch.device:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    return torch.device("cuda")


@pytest.mark.gpu
@pytest.mark.parametrize("crops", [None, Crops(4, 32, 1)], ids=["whole", "crops"])
@pytest.mark.parametrize("optimizer", [Adam(), Muon()], ids=["adam", "muon"])
def test_a_recorded_training_is_the_plain_one(
    cuda: torch.device, crops: Crops | None, optimizer: Adam | Muon, caplog: pytest.LogCaptureFixture
) -> None:
    image, training = noisy_batch(1, 1, 64, 64), Training(20, OneCycle(1e-3), crops, optimizer=optimizer)
    nets = []
    with caplog.at_level(logging.WARNING):
        for device in (CPU, cuda):
            net, material = new_network(1, 8, 0, device), image.to(device)
            pairs = Pairs(material, material, "residual", "same")
            train_on_pairs(net, pairs, training, Stage("training", 0.0, 1.0), Context(device=device))
            nets.append(net)
    assert not caplog.records  # such as that the step could not be recorded
    for one, other in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(one, other.cpu(), rtol=0, atol=5e-3)


@pytest.mark.gpu
def test_a_step_that_cannot_be_recorded_goes_on_as_it_is(cuda: torch.device, caplog: pytest.LogCaptureFixture) -> None:
    count = torch.zeros(1, device=cuda)

    def step() -> None:
        count.add_(1)
        float(count)  # waits for the device, which a recording forbids

    advance = recorded(step, cuda)
    with caplog.at_level(logging.WARNING):
        for _ in range(6):
            advance()
    assert float(count) == 6
    assert "cannot be recorded" in caplog.text
