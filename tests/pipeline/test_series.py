"""How the trainings of a stack hang together: what is decided, why, and that it is done."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage import data

import noise2detail as n2d
from noise2detail.errors import Cancelled, SettingError
from noise2detail.io.sidecar import plain
from noise2detail.method import Step, Trains
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.methods.stabilized import Stabilized
from noise2detail.pipeline.layout import Layout
from noise2detail.pipeline.replaying import plan_from_data, replay
from noise2detail.pipeline.series import briefly, in_order, series_of
from noise2detail.plans import FitWish, Plan
from noise2detail.registry import METHODS
from noise2detail.settings import to_data
from tests.material import CPU, quick

Stack = NDArray[np.float32]
SIGMAS = (4.0,) * 6
WARM = replace(CPU, fit="warm")


def moving(sigmas: tuple[float, ...] = SIGMAS, speed: int = 2, seed: int = 0) -> Stack:
    """A picture that moves a little from plane to plane, with noise of these deviations."""
    rng = np.random.default_rng(seed)
    wide = np.asarray(data.camera(), np.float32)[150:246]  # type: ignore[no-untyped-call]
    planes = [wide[:, 100 + speed * n : 196 + speed * n] for n in range(len(sigmas))]
    noisy = [plane + rng.normal(0, sigma, plane.shape) for plane, sigma in zip(planes, sigmas, strict=True)]
    return np.stack(noisy).astype(np.float32)


def unrelated(count: int = 5) -> Stack:
    """Planes of other brightness, contrast and noise each."""
    rng = np.random.default_rng(1)
    scales = [10.0 ** (n % 2) for n in range(count)]
    return np.stack([s * (n + one) for n, (s, one) in enumerate(zip(scales, moving(), strict=False))]).astype(
        np.float32
    ) + rng.normal(0, 1, (count, 96, 96)).astype(np.float32)


def _own(**changes: Any) -> Noise2Detail:
    method = quick()
    assert isinstance(method, Noise2Detail)
    return replace(method, **changes)


def planned(stack: Stack, axes: str = "ZYX", method: Any = "noise2detail", **run: Any) -> Plan:
    return n2d.plan(stack, axes=axes, method=method, run=replace(CPU, **run))


@pytest.mark.parametrize(
    ("stack", "fit", "word"),
    [
        (moving(), "shared", "noise does not drift"),
        (moving((3.0, 3.2, 3.4, 3.6, 3.8, 4.1, 4.4, 4.7, 5.0, 5.4, 5.8, 6.2)), "warm", "the noise drifts"),
        (unrelated(), "plane", "too little in common"),
    ],
    ids=["alike", "drifting", "unrelated"],
)
def test_auto_decides_by_what_drifts(stack: Stack, fit: str, word: str) -> None:
    plan = planned(stack)
    assert plan.fit == fit
    assert any(word in reason for reason in plan.why), plan.why


@pytest.mark.parametrize("method", ["auto", "bm3d", "gaussian", "deep_image_prior", "noise2void", "zs_n2n"])
def test_auto_is_plane_by_plane_where_nothing_lasts(method: str) -> None:
    plan = planned(moving((8.0,) * 3), method=method)
    lasts = isinstance(METHODS[method].method.recipe(METHODS[method].recipes[0]), Trains)
    assert plan.fit == ("shared" if lasts else "plane")
    assert lasts or plan.neighbours or any("every plane by itself" in reason for reason in plan.why)


def test_a_single_plane_leaves_nothing_to_decide() -> None:
    plan = planned(moving()[0], "YX")
    assert (plan.fit, plan.starts) == ("plane", ())
    assert not any("training" in reason for reason in plan.why)


def test_a_shared_training_reads_more_in_a_step_with_more_planes() -> None:
    def crops(count: int, **own: Any) -> int:
        return int(planned(moving((4.0,) * count), fit="shared", **own).settings["stage1"]["crops"]["count"])

    assert (crops(2), crops(4)) == (7, 10)
    assert crops(4, decide=False) == 4  # as a replayed plan, which has them already
    assert crops(4, method=_own(width=5)) == 4  # the user's own
    assert planned(moving(), method=Noise2Detail(), fit="shared").settings["stage1"]["crops"] is None
    void = [
        n2d.plan(moving(), axes="ZYX", method="noise2void", recipe=r, run=replace(CPU, fit="shared")).settings
        for r in ("standard", "paper")
    ]
    assert [own["crops"] for own in void] == [round(4 * (1 + 0.75 * np.log2(6))), 16]


def test_the_next_plane_takes_a_tenth_of_the_steps_and_a_change_begins_anew() -> None:
    stack = moving((4.0, 4.0, 4.0, 16.0, 16.0))
    method = _own(stage1=replace(_own().stage1, steps=20), stage3=replace(_own().stage3, steps=10))
    plan = n2d.plan(stack, axes="ZYX", method=method, run=WARM)
    assert plan.starts == (0, 3)
    assert "begun anew 1 time" in str(plan)
    assert any("plane 4: the noise changed" in reason and "sigma" in reason for reason in plan.why)
    heard: list[Step] = []
    n2d.denoise(stack, axes="ZYX", method=method, run=WARM, on_step=heard.append)
    counts = [step.count for step in heard if step.stage.endswith("stage 1") and step.index == 1]
    assert counts == [20, 2, 2, 20, 2]
    stages = dict.fromkeys(step.stage for step in heard if step.stage.endswith("stage 1"))
    assert list(stages)[:2] == ["plane 1/5, stage 1", "plane 2/5, going on, stage 1"]
    assert list(stages)[3] == "plane 4/5, anew, stage 1"


def test_the_first_plane_is_as_if_alone_and_the_next_begins_with_its_weights() -> None:
    stack, method = moving((4.0, 4.0)), quick()
    first = n2d.denoise(stack, axes="ZYX", method=method, run=WARM)
    plane = n2d.denoise(stack, axes="ZYX", method=method, run=replace(CPU, fit="plane"))
    np.testing.assert_array_equal(first[0], plane[0])
    assert not np.array_equal(first[1], plane[1])
    # a change of what came before changes it, as nothing else in the plan of two planes does
    other = n2d.denoise(np.stack([stack[0][::-1], stack[1]]), axes="ZYX", method=method, run=WARM)
    assert not np.array_equal(first[1], other[1])


@pytest.mark.parametrize(
    "method", [name for name, entry in METHODS.items() if isinstance(entry.method.recipe(entry.recipes[0]), Trains)]
)
def test_every_method_that_lasts_takes_fewer_steps_at_a_lower_rate(method: str) -> None:
    entry = METHODS[method]
    whole = entry.method.recipe(entry.recipes[0])
    for inner in (whole, Stabilized(whole)):
        brief = briefly(inner)
        assert brief.cost(1, 64, 64).training < 0.5 * inner.cost(1, 64, 64).training
        assert to_data(brief) != to_data(inner)


def test_a_plan_is_read_and_replayed_to_the_same_bits() -> None:
    stack = moving((4.0, 4.0, 16.0))
    plan = n2d.plan(stack, axes="ZYX", method=quick(), run=WARM)
    again = plan_from_data(json.loads(json.dumps(plain(plan))))
    assert again == plan
    found = replay(again)
    one, other = (
        n2d.denoise(stack, axes="ZYX", method=method, seed=plan.seed, run=run)
        for method, run in ((quick(), WARM), (found.method, found.run))
    )
    np.testing.assert_array_equal(one, other)


def test_a_plan_of_earlier_days_is_read() -> None:
    plan = planned(moving(), method=quick(), fit="plane")
    assert plan_from_data(plain(plan) | {"fit": "each"}) == plan


@pytest.mark.parametrize("hole", [0.0, np.nan], ids=str)
@pytest.mark.parametrize("fit", ["plane", "shared", "warm", "auto"])
def test_a_plane_of_nothing_stays_and_disturbs_nobody(fit: FitWish, hole: float) -> None:
    stack = moving()
    stack[0], stack[3] = hole, hole
    run = replace(CPU, fit=fit)
    plan = n2d.plan(stack, axes="ZYX", method=quick(), run=run)
    assert plan.fit == ("shared" if fit == "auto" else fit)
    assert plan.starts == ((1,) if fit == "warm" else ())
    found = n2d.denoise(stack, axes="ZYX", method=quick(), run=run)
    np.testing.assert_array_equal(found[[0, 3]], stack[[0, 3]])
    assert not np.isnan(found[[1, 2, 4, 5]]).any()
    assert (found[4] != stack[4]).any()


def test_time_and_depth_are_followed_along_the_longer_one() -> None:
    layout = Layout("TZYX", (2, 3, 9, 9))
    assert series_of(layout) == (((0, 0), (0, 1), (0, 2)), ((1, 0), (1, 1), (1, 2)))
    layout = Layout("TZYX", (3, 2, 9, 9))
    assert series_of(layout) == (((0, 0), (1, 0), (2, 0)), ((0, 1), (1, 1), (2, 1)))
    assert in_order(layout, "plane") == layout.planes
    assert sorted(in_order(layout, "warm")) == sorted(layout.planes)
    stack = np.stack([moving((4.0,) * 3), moving((4.0,) * 3, seed=5)], 1)  # (t, z, y, x)
    assert planned(stack, "TZYX", method=quick(), fit="warm").starts == (0, 3)


def test_channels_are_followed_each_with_its_own_units() -> None:
    stack = np.stack([moving((4.0,) * 3), 1000 * moving((4.0, 4.0, 16.0), seed=3)], 1)  # (z, c, y, x)
    plan = planned(stack, "ZCYX", method=quick(), fit="warm", channels="each")
    assert plan.starts == (0, 2)
    assert any("channel 2, the noise changed" in reason for reason in plan.why)
    assert n2d.denoise(stack, axes="ZCYX", method=quick(), run=replace(WARM, channels="each")).shape == stack.shape


def test_two_planes_are_a_stack() -> None:
    assert planned(moving((4.0, 4.0)), method=quick()).fit == "shared"
    assert planned(moving((4.0, 20.0)), method=quick()).fit == "plane"


def test_what_cannot_go_on_says_so() -> None:
    with pytest.raises(SettingError, match=r"fit is 'warm'.*expected fit 'plane'"):
        planned(moving(), method="bm3d", fit="warm")
    with pytest.raises(SettingError, match="fit is 'each'"):
        replace(CPU, fit="each")  # type: ignore[arg-type]


def test_a_warm_training_can_be_stopped() -> None:
    def stop(step: Step) -> None:
        if "going on" in step.stage:
            raise Cancelled

    with pytest.raises(Cancelled):
        n2d.denoise(moving(), axes="ZYX", method=quick(), run=WARM, on_step=stop)


def test_the_drift_test_draws_nothing_from_the_global_generator() -> None:
    state = torch.random.get_rng_state()
    planned(moving(), fit="warm")
    assert torch.equal(state, torch.random.get_rng_state())
