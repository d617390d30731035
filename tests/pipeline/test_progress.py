"""What a listener hears, from the first step to the last tile."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import noise2detail as n2d
from noise2detail.errors import Cancelled
from noise2detail.method import Denoiser, Step
from noise2detail.methods.noise2detail import Noise2DetailDenoiser
from noise2detail.pipeline.progress import Part, share
from noise2detail.types import Batch
from tests.material import CPU, noisy_array, quick

WISHES: dict[str, dict[str, Any]] = {
    "plane": {"fit": "plane"},
    "warm": {"fit": "warm"},
    "warm, channels": {"fit": "warm", "channels": "each"},
    "shared": {"fit": "shared"},
    "channels": {"fit": "plane", "channels": "each"},
    "shared, channels": {"fit": "shared", "channels": "each"},
}
MODES = pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)


def heard_of(image: Any, axes: str, **wish: Any) -> list[Step]:
    heard: list[Step] = []
    n2d.denoise(image, axes=axes, method=quick(), run=replace(CPU, **wish), on_step=heard.append)
    return heard


def test_a_part_of_a_longer_work_renames_and_rescales() -> None:
    heard: list[Step] = []
    Part(2, 4, "plane").listen(heard.append)(Step("stage 1", 3, 9, torch.zeros(()), 0.5))
    Part(0, 1, "plane").listen(heard.append)(Step("stage 1", 3, 9, torch.zeros(()), 0.5))
    assert [(step.stage, step.index, step.count, step.fraction) for step in heard] == [
        ("plane 3/4, stage 1", 3, 9, 0.625),
        ("stage 1", 3, 9, 0.5),
    ]


@pytest.mark.parametrize("start", np.random.default_rng(0).random(20))
def test_the_last_share_ends_at_one_exactly(start: float) -> None:
    heard: list[Step] = []
    share(heard.append, start, 1.0)(Step("applying", 1, 1, None, 1.0))
    assert heard[0].fraction == 1.0


@MODES
def test_progress_never_falls_and_ends_at_one(wish: dict[str, Any]) -> None:
    heard = heard_of(noisy_array(3, 2, 9, 12), "ZCYX", **wish)
    fractions = [step.fraction for step in heard]
    assert fractions == sorted(fractions)
    assert 0 < fractions[0] < 0.5
    assert fractions[-1] == 1.0
    assert all((step.loss is None) == ("stage 2" in step.stage or "applying" in step.stage) for step in heard)


@MODES
def test_empty_planes_count_as_done(wish: dict[str, Any]) -> None:
    stack = noisy_array(4, 2, 9, 12)
    stack[1], stack[3] = 0.25, np.nan
    heard = heard_of(stack, "ZCYX", **wish)
    fractions = [step.fraction for step in heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    last = [step.stage.startswith("plane 4/4") for step in heard]
    assert last.index(True) == len(last) - 1


def test_training_takes_its_share_and_applying_the_rest() -> None:
    method = quick()
    heard: list[Step] = []
    n2d.denoise(noisy_array(300, 280), method=method, run=CPU, on_step=heard.append)
    cost = method.cost(1, 300, 280)
    applying = [step for step in heard if step.stage == "applying"]
    assert heard[-len(applying) - 1].fraction == pytest.approx(cost.training / cost.total)
    assert [(step.index, step.count) for step in applying] == [(n, 4) for n in range(1, 5)]
    done = np.cumsum([256 * 256, 256 * 24, 44 * 256, 44 * 24]) / (300 * 280)
    expected = (cost.training + cost.application * done) / cost.total
    assert [step.fraction for step in applying] == pytest.approx(expected.tolist())


def test_a_shared_training_comes_first_and_then_the_planes() -> None:
    heard = heard_of(noisy_array(3, 9, 12), "ZYX", fit="shared")
    assert [step.stage for step in heard if step.loss is None][-3:] == [f"plane {n}/3, applying" for n in (1, 2, 3)]
    method = quick()
    cost = [method.cost(3, 9, 12).training, method.cost(3, 9, 12).application]
    trained = max(step.fraction for step in heard if step.loss is not None)
    assert trained == pytest.approx(cost[0] / sum(cost))


def test_applying_alone_is_heard_of_from_none_to_all() -> None:
    fitted = n2d.fit(noisy_array(9, 12), method=quick(), run=CPU)
    heard: list[Step] = []
    n2d.apply(fitted, noisy_array(2, 300, 20), axes="ZYX", on_step=heard.append)
    assert [step.stage for step in heard] == [f"plane {n}/2, applying" for n in (1, 1, 2, 2)]
    assert [step.fraction for step in heard] == pytest.approx([0.5 * 256 / 300, 0.5, 0.5 + 0.5 * 256 / 300, 1.0])
    assert all(step.loss is None for step in heard)


def test_raising_between_tiles_stops_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Batch] = []
    plain = Noise2DetailDenoiser.__call__

    def counted(self: Denoiser, noisy: Batch) -> Batch:
        calls.append(noisy)
        return plain(self, noisy)  # type: ignore[arg-type]

    def stop(step: Step) -> None:
        if step.stage.endswith("applying") and step.index == 2:
            raise Cancelled("enough")

    monkeypatch.setattr(Noise2DetailDenoiser, "__call__", counted)
    noisy = noisy_array(600, 300)
    with pytest.raises(Cancelled, match="enough"):
        n2d.denoise(noisy, method=quick(), run=CPU, on_step=stop)
    fitted = n2d.fit(noisy_array(9, 12), method=quick(), run=CPU)
    before = len(calls)
    with pytest.raises(Cancelled, match="enough"):
        n2d.apply(fitted, noisy, on_step=stop)
    assert (before, len(calls)) == (2, 4)
