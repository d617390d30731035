"""The training loop: rates as scheduled, nothing global touched, and no bad result passed off as good."""

import pickle

import pytest
import torch
from torch import Tensor

from noise2detail.engine.averaging import Averaging
from noise2detail.engine.crops import Crops
from noise2detail.engine.held_out import Stopping, Watch
from noise2detail.engine.network import ThreeLayerNet, new_network, taken_apart
from noise2detail.engine.schedule import Halving, OneCycle, Schedule
from noise2detail.engine.training import Training, train
from noise2detail.errors import Cancelled, DivergedError


class Slope:
    """A network whose every parameter is pulled by the same gradient: Adam then moves it by exactly the rate."""

    def __init__(self, losses: dict[int, float] | None = None, copies: int = 1) -> None:
        self.net = new_network(1, 2, 0, torch.device("cpu"), copies)
        self.losses, self.copies = losses or {}, copies
        self.begin = self.place()

    def gradient(self, index: Tensor) -> Tensor:
        for parameter in self.net.parameters():
            assert parameter.grad is not None
            parameter.grad.add_(1.0)
        losses = torch.ones(self.copies)
        losses[0] = self.losses.get(int(index), 1.0)
        return losses

    def place(self) -> Tensor:
        return torch.cat([p.detach().flatten() for p in self.net.parameters()])

    def moved(self) -> Tensor:
        return self.begin - self.place()


def silent(step: int, loss: Tensor) -> None:
    del step, loss


def ran(slope: Slope, training: Training, watch: Watch | None = None) -> ThreeLayerNet:
    train(slope.net, slope.gradient, training, silent, watch)
    return slope.net


@pytest.mark.parametrize("schedule", [Halving(1e-3, 2), OneCycle(1e-2)], ids=["halving", "one-cycle"])
def test_every_step_is_as_long_as_scheduled(schedule: Schedule) -> None:
    slope, places = Slope(), []
    train(slope.net, slope.gradient, Training(6, schedule), lambda step, loss: places.append((step, slope.moved())))
    for number, (step, moved) in enumerate(places, 1):
        assert step == number
        expected = sum(schedule.at(k, 6) for k in range(number))
        torch.testing.assert_close(moved, torch.full_like(moved, expected), rtol=1e-3, atol=1e-6)
    assert len(places) == 6


def test_nothing_global_changes() -> None:
    before = torch.random.get_rng_state(), torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads()
    ran(Slope(), Training(3))
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert (torch.is_grad_enabled(), torch.get_default_dtype(), torch.get_num_threads()) == before[1:]


def test_what_the_listener_raises_stops_the_training() -> None:
    slope, steps = Slope(), []

    def stop(step: int, loss: Tensor) -> None:
        steps.append(step)
        if step == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(slope.net, slope.gradient, Training(10, Halving(1e-3)), stop)
    assert steps == [1, 2]
    torch.testing.assert_close(slope.moved(), torch.full_like(slope.begin, 2e-3), rtol=1e-3, atol=1e-6)


def test_no_steps_leave_the_network_alone() -> None:
    slope = Slope()
    ran(slope, Training(0))
    assert not slope.moved().any()


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e5], ids=str)
def test_a_loss_that_runs_away_is_an_error_with_step_and_rate(bad: float) -> None:
    slope = Slope({3: bad})
    with pytest.raises(DivergedError, match=r"at step 4 of 10, at a learning rate of 0.0005") as caught:
        ran(slope, Training(10, Halving(1e-3, 3)))
    assert (caught.value.step, caught.value.rate) == (4, 5e-4)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_parameters_that_are_no_numbers_are_an_error_too() -> None:
    """The update after the last loss may spoil them."""
    slope = Slope()

    def spoil(index: Tensor) -> Tensor:
        loss = slope.gradient(index)
        if int(index) == 4:
            next(slope.net.parameters()).grad.fill_(float("nan"))  # type: ignore[union-attr]
        return loss

    with pytest.raises(DivergedError, match="step 5 of 5"):
        train(slope.net, spoil, Training(5), silent)


@pytest.mark.parametrize("bad", [float("nan"), 1e5], ids=str)
def test_one_copy_that_runs_away_is_spoilt_and_leaves_the_others_alone(bad: float) -> None:
    slope = Slope({2: bad}, copies=2)
    before = taken_apart(slope.net)[1]
    first, second = taken_apart(ran(slope, Training(5, Halving(1e-3))))
    assert all(torch.isnan(parameter).all() for parameter in first.parameters())
    for one, other in zip(before.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one - other, torch.full_like(one, 5e-3), rtol=1e-3, atol=1e-6)


def test_averaged_weights_lie_between() -> None:
    slope = Slope()
    ran(slope, Training(10, Halving(1e-3), averaging=Averaging(0.5, 0.0)))
    expected, mean = 0.0, 0.0
    for step in range(10):
        expected += 1e-3
        mean = expected if step == 0 else 0.5 * mean + 0.5 * expected
    torch.testing.assert_close(slope.moved(), torch.full_like(slope.begin, mean), rtol=1e-3, atol=1e-6)


def test_stopping_takes_the_best_weights_after_its_patience() -> None:
    slope, heard = Slope(), []
    losses = iter([3.0, 2.0, 2.5, 2.4, 9.0])
    watch = Watch(Stopping(every=2, patience=2), lambda: next(losses))
    train(slope.net, slope.gradient, Training(20, Halving(1e-3)), lambda step, loss: heard.append(step), watch)
    assert heard == [*range(1, 9)]  # looks after 2, 4, 6 and 8 steps; the best was the second
    torch.testing.assert_close(slope.moved(), torch.full_like(slope.begin, 4e-3), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("training", "pixels"),
    [
        (Training(10), 10 * 20 * 30),
        (Training(10, crops=Crops(4, 32, 4)), 10 * 4 * 32 * 32),
        (Training(10, crops=Crops(4, 32, 1)), 10 * 4 * 32 * 32 / 2),
    ],
    ids=["whole", "crops", "a quarter of the agreement"],
)
def test_pixels_are_those_that_all_steps_read(training: Training, pixels: float) -> None:
    assert training.pixels(1, 20, 30) == pixels
