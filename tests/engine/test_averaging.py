"""The running mean, against its definition."""

import pytest
import torch

from noise2detail.engine.averaging import Averaging
from noise2detail.engine.flat import FlatParameters
from noise2detail.engine.network import new_network
from noise2detail.errors import SettingError


@pytest.mark.parametrize(("memory", "begin"), [(0.9, 0.5), (0.5, 0.0), (0.0, 0.3)])
def test_the_mean_is_exponential_from_its_beginning_on(memory: float, begin: float) -> None:
    flat, steps = FlatParameters(new_network(1, 3, 0, torch.device("cpu"))), 10
    mean = Averaging(memory, begin).on(flat, steps)
    expected = torch.zeros_like(flat.values)
    for step in range(steps):
        flat.values.fill_(float(step**2))
        mean.update(torch.tensor([step]))
        expected = flat.values.clone() if step <= int(begin * steps) else memory * expected + (1 - memory) * flat.values
    mean.take()
    torch.testing.assert_close(flat.values, expected)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(SettingError, match=r"memory is -0\.1"):
        Averaging(-0.1)
