"""The training loop: Adam as PyTorch has it, rates as scheduled, nothing global touched."""

import pytest
import torch
from torch import Tensor, nn

from noise2detail.engine.crops import Crops
from noise2detail.engine.schedule import Halving, OneCycle, Schedule
from noise2detail.engine.training import Training, train
from noise2detail.errors import Cancelled


class Point(nn.Module):
    """One number, pulled down by a constant gradient: Adam then moves it by exactly the rate."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(()))

    def gradient(self) -> Tensor:
        self.place.backward(torch.ones(()))  # type: ignore[no-untyped-call]
        return self.place.detach().clone()


@pytest.mark.parametrize("schedule", [Halving(1e-3, 2), OneCycle(1e-2)], ids=["halving", "one-cycle"])
def test_every_step_is_as_long_as_scheduled(schedule: Schedule) -> None:
    point, places = Point(), []
    train(point, point.gradient, 6, schedule, lambda step, loss: places.append((step, float(loss))))
    expected = [-sum(schedule.at(k, 6) for k in range(n)) for n in range(6)]
    assert [step for step, _ in places] == [1, 2, 3, 4, 5, 6]
    assert [place for _, place in places] == pytest.approx(expected, rel=1e-4)
    assert float(point.place.detach()) == pytest.approx(-sum(schedule.at(k, 6) for k in range(6)), rel=1e-4)


def test_nothing_global_changes() -> None:
    before = torch.random.get_rng_state(), torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads()
    point = Point()
    train(point, point.gradient, 3, Halving(), lambda step, loss: None)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert (torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads()) == before[1:]


def test_what_the_listener_raises_stops_the_training() -> None:
    point, steps = Point(), []

    def stop(step: int, loss: Tensor) -> None:
        steps.append(step)
        if step == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(point, point.gradient, 10, Halving(1e-3), stop)
    assert steps == [1, 2]
    assert float(point.place.detach()) == pytest.approx(-2e-3, rel=1e-4)


@pytest.mark.parametrize(
    ("training", "pixels"),
    [(Training(10), 10 * 20 * 30), (Training(10, Halving(), Crops(4, 32)), 10 * 4 * 32 * 32)],
    ids=["whole", "crops"],
)
def test_pixels_are_those_that_all_steps_read(training: Training, pixels: float) -> None:
    assert training.pixels(1, 20, 30) == pixels
