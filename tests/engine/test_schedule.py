"""Learning rates against PyTorch's schedulers and against what can be said of them."""

import pytest
import torch

from noise2detail.engine.schedule import Halving, OneCycle


def rates(scheduler: torch.optim.lr_scheduler.LRScheduler, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found.append(float(scheduler.get_last_lr()[0]))
        scheduler.optimizer.step()
        scheduler.step()
    return found


def optimizer(rate: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=rate)


@pytest.mark.parametrize("every", [1, 3, 20])
def test_halving_equals_pytorch(every: int) -> None:
    expected = rates(torch.optim.lr_scheduler.StepLR(optimizer(1e-3), every, 0.5), 45)
    assert [Halving(1e-3, every).at(step, 45) for step in range(45)] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("steps", "warmup", "start"), [(700, 0.3, 0.04), (300, 0.3, 0.04), (50, 0.5, 0.1), (20, 0.25, 0.2)]
)
def test_one_cycle_equals_pytorch(steps: int, warmup: float, start: float) -> None:
    one_cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer(1.0), 1e-2, steps, pct_start=warmup, div_factor=1 / start, final_div_factor=1e30, cycle_momentum=False
    )
    expected = rates(one_cycle, steps - 1)
    found = [OneCycle(1e-2, warmup, start).at(step, steps) for step in range(steps - 1)]
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7, 100])
def test_one_cycle_begins_low_and_stays_within_its_peak(steps: int) -> None:
    found = [OneCycle(1e-2, 0.3, 0.04).at(step, steps) for step in range(steps)]
    assert found[0] == pytest.approx(4e-4)
    assert all(0 <= rate <= 1e-2 * (1 + 1e-12) for rate in found)
    top = found.index(max(found))
    assert found == sorted(found[:top]) + sorted(found[top:], reverse=True)
