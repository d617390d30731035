"""Steps of the work to what a window shows."""

from typing import Any

import numpy as np
import pytest
import torch

from noise2detail.errors import Cancelled
from noise2detail.method import Step
from noise2detail.napari import telling
from noise2detail.napari.jobs import Picture, Progress
from noise2detail.napari.telling import Teller
from noise2detail.pipeline.planning import make_plan
from noise2detail.pipeline.run import Run
from tests.napari.layers import noisy


class Clock:
    """A second passes with every look at it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    own = Clock()
    monkeypatch.setattr(telling, "time", own)
    return own


def test_progress_never_goes_back_and_says_how_long_it_takes_by_its_pace(clock: Clock) -> None:
    heard: list[Any] = []
    teller = Teller(heard.append, lambda: None, 30.0)
    for seconds, fraction in ((1, 0.01), (10, 0.5), (12, 0.4)):
        clock.now = seconds
        teller.step(Step("network", 1, 9, None, fraction))
    assert all(isinstance(one, Progress) for one in heard)
    assert [one.fraction for one in heard] == [0.01, 0.5, 0.5]
    assert heard[0].seconds_left == pytest.approx(29.7)  # as expected
    assert heard[1].seconds_left == pytest.approx(10)  # half took ten seconds


def test_a_wish_to_stop_is_heard_at_every_step() -> None:
    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        Teller(lambda event: None, stop, None).step(Step("network", 1, 9, None, 0.1))


def test_pictures_have_the_values_of_the_image_and_wait_until_something_was_learnt() -> None:
    pixels, heard = noisy(9, 12), list[Any]()
    made, _, layout = make_plan(pixels, "YX", "gaussian", None, 0, Run(device="cpu", precision="float32"))
    teller = Teller(heard.append, lambda: None, None)
    teller.show(pixels, made, layout)
    loss = torch.tensor(1.0)

    def halfway() -> torch.Tensor:
        return torch.full((1, 1, 9, 12), 0.5)

    teller.step(Step("network", 1, 100, loss, 0.01, halfway))
    assert not [one for one in heard if isinstance(one, Picture)]
    teller.step(Step("network", 90, 100, loss, 0.9, halfway))
    (found,) = [one for one in heard if isinstance(one, Picture)]
    expected = round(made.value_maps[0].offset + 0.5 * made.value_maps[0].scale)
    assert found.pixels.dtype == np.uint16
    assert np.unique(found.pixels).tolist() == [expected]
    for unshown in (lambda: None, lambda: torch.full((1, 1, 9, 12), torch.nan), lambda: torch.zeros(1, 2, 9, 12)):
        teller.step(Step("network", 95, 100, loss, 0.95, unshown))
    assert len([one for one in heard if isinstance(one, Picture)]) == 1
