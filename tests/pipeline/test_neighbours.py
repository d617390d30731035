"""Planes that help each other: when, why, and with what gain."""

import math
from dataclasses import asdict, replace
from typing import Literal

import numpy as np
import pytest

from noise2detail.errors import Cancelled, SettingError
from noise2detail.method import Context, Step
from noise2detail.methods.auto import Auto
from noise2detail.methods.bm3d import BM3D
from noise2detail.pipeline.denoise import denoise, plan, stages
from noise2detail.pipeline.replaying import plan_from_data, replay
from noise2detail.plans import Neighbours, Plan
from noise2detail.types import Batch
from tests.neighbouring import RUN, Values, error, mixing, noise, quick, scene, still, unrelated


def planned(noisy: Values, axes: str = "TYX", neighbours: str | int = "auto") -> Plan:
    return plan(noisy, axes=axes, method=quick(), run=replace(RUN, neighbours=neighbours))


def done(noisy: Values, axes: str = "TYX", neighbours: str | int = "auto") -> Values:
    return denoise(noisy, axes=axes, method=quick(), run=replace(RUN, neighbours=neighbours))


def why(made: Plan) -> str:
    return next((one for one in made.why if "one by one" in one or "on each side" in one), "")


# --- decided ---------------------------------------------------------------------------------------------------------


def test_frames_of_a_still_scene_help_and_the_plan_says_so() -> None:
    made = planned(still()[1])
    assert made.neighbours == Neighbours("T", 2)
    assert why(made).startswith("neighbouring frames share no noise and 100% of their structure: 2 on each side are")
    assert "windows of 5 along T together" in str(made)


def test_unrelated_planes_are_denoised_one_by_one_to_the_same_bytes() -> None:
    _, noisy = unrelated(2)
    made = planned(noisy, "ZYX")
    assert made.neighbours is None
    assert "neighbouring slices have next to no structure in common" in why(made)
    assert done(noisy, "ZYX").tobytes() == done(noisy, "ZYX", 0).tobytes()


def test_noise_that_planes_share_is_detected() -> None:
    noisy = still(4)[1]
    resampled = (noisy[1:] + noisy[:-1]) / 2
    made = planned(resampled.astype(np.float32), "ZYX")
    assert made.neighbours is None
    assert "neighbouring slices share" in why(made)
    assert "of their noise" in why(made)


def test_noise_that_moved_with_the_scene_is_detected_too() -> None:
    _, noisy = still(4, 160)
    resampled = (noisy[1:] + noisy[:-1]) / 2
    moved = np.stack([plane[40 - 5 * n : 140 - 5 * n, 30:130] for n, plane in enumerate(resampled)])
    assert "of their noise" in why(planned(np.ascontiguousarray(moved)))


def test_where_the_error_would_grow_nothing_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def grows(self: Auto, noisy: Batch, context: Context) -> float:
        tried.append(len(noisy))
        return -0.1

    monkeypatch.setattr(Auto, "saving", grows)
    made = planned(still(5)[1])
    assert made.neighbours is None
    assert "neighbouring frames are too different: 100% of their structure is the same, and using them would add" in (
        why(made)
    )
    assert sorted(set(tried)) == [3, 5]


def test_the_axis_is_the_one_along_which_content_stays() -> None:
    slices = np.stack([scene(number) for number in range(2)])
    noisy = (np.repeat(slices[None], 2, 0) + 2 * noise(4).reshape(2, 2, 80, 80)).astype(np.float32)
    made = planned(noisy, "TZYX")
    assert made.neighbours == Neighbours("T", 2)
    assert any("other axis is no help: neighbouring slices have next to no" in one for one in made.why)
    swapped = planned(noisy.swapaxes(0, 1), "TZYX")
    assert swapped.neighbours == Neighbours("Z", 2)


@pytest.mark.parametrize(
    ("axes", "neighbours", "said"),
    [("TYX", 0, "as was asked for"), ("YX", "auto", ""), ("YX", 0, "")],
)
def test_nothing_is_measured_where_there_is_no_choice(axes: str, neighbours: str | int, said: str) -> None:
    noisy = still()[1]
    made = planned(noisy if "T" in axes else noisy[0], axes, neighbours)
    assert made.neighbours is None
    assert said in why(made)


def test_one_fit_for_all_planes_uses_no_neighbours() -> None:
    made = plan(still()[1], axes="TYX", method=quick(), run=replace(RUN, fit="shared"))
    assert made.neighbours is None


def test_memory_limits_how_many_are_held() -> None:
    noisy = still(5)[1]
    assert planned(noisy).neighbours == Neighbours("T", 2)
    least = plan(noisy, axes="TYX", method=quick(), run=replace(RUN, max_memory=10**10, neighbours=1)).expected_mib
    assert least is not None
    tight = replace(RUN, max_memory=math.ceil((least + 0.1) * 2**20))
    assert plan(noisy, axes="TYX", method=quick(), run=tight).neighbours == Neighbours("T", 1)
    with pytest.raises(SettingError, match="do not fit into max_memory; expected neighbours 1 or fewer"):
        plan(noisy, axes="TYX", method=quick(), run=replace(tight, neighbours=2))


# --- asked for -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("neighbours", "axes", "message"),
    [
        ("many", "TYX", "neighbours is 'many'; expected auto, 0, or how many planes"),
        (-1, "TYX", "neighbours is -1; expected auto"),
        (True, "TYX", "neighbours is True; expected auto"),
        (2, "TZYX", "along T and along Z; expected T2 or Z2"),
        ("Z2", "TYX", "no planes along Z"),
    ],
)
def test_what_cannot_be_met_is_said(neighbours: str | int, axes: str, message: str) -> None:
    noisy = still(4)[1]
    with pytest.raises(SettingError, match=message):
        planned(noisy.reshape(2, 2, 80, 80) if axes == "TZYX" else noisy, axes, neighbours)


def test_a_method_that_knows_none_and_a_shared_fit_refuse() -> None:
    noisy = still(2)[1]
    with pytest.raises(SettingError, match="BM3D works on each plane alone"):
        plan(noisy, axes="TYX", method=BM3D(), run=replace(RUN, neighbours=1))
    with pytest.raises(SettingError, match="expected fit 'plane'"):
        plan(noisy, axes="TYX", method=quick(), run=replace(RUN, neighbours=1, fit="shared"))


# --- denoised --------------------------------------------------------------------------------------------------------


def test_planes_of_a_still_scene_gain_what_averaging_allows() -> None:
    clean, noisy = still(4, 64)
    together, single = (error(done(noisy, neighbours=n), clean) for n in (2, 0))
    average = error(done(noisy.mean(0), "YX"), clean[0])
    # better than planes alone by far, and nearly what one plane of a quarter of the variance gives
    assert together < 0.5 * single
    assert together < 1.5 * average


def test_content_that_moves_is_followed() -> None:
    wide = scene(side=120)
    clean = np.stack([wide[20 - 4 * n : 100 - 4 * n, 5 * n : 80 + 5 * n] for n in range(4)])
    noisy = clean + 2 * noise(4)
    assert planned(noisy).neighbours == Neighbours("T", 2)
    assert error(done(noisy, neighbours=2), clean) < 0.75 * error(done(noisy, neighbours=0), clean)


def test_two_planes_help_each_other() -> None:
    clean, noisy = still(2, 64)
    assert planned(noisy, "ZYX").neighbours == Neighbours("Z", 2)
    assert error(done(noisy, "ZYX", 2), clean) < 0.8 * error(done(noisy, "ZYX", 0), clean)


def test_gaps_and_constant_planes_stay_as_they_are() -> None:
    clean, noisy = still(5, 56)
    noisy[2] = 3.0
    noisy[4, 10:20, 30:50] = np.nan
    found = done(noisy, neighbours=1)
    assert np.array_equal(found[2], noisy[2])
    assert np.array_equal(np.isnan(found), np.isnan(noisy))
    kept = np.isfinite(noisy[4])
    assert error(found[4][kept], clean[4][kept]) < 0.4 * error(noisy[4][kept], clean[4][kept])


@pytest.mark.parametrize("channels", ["joint", "each"])
def test_channels_keep_their_places(channels: Literal["joint", "each"]) -> None:
    clean, noisy = still(3, 48)
    both = np.stack([noisy, 100 - 3 * noisy[:, ::-1]], 1)
    run = replace(RUN, neighbours="T1", channels=channels)
    found = denoise(both, axes="TCYX", method=quick(), run=run)
    assert error(found[:, 0], clean) < 0.3 * error(noisy, clean)
    assert error(found[:, 1], 100 - 3 * clean[:, ::-1]) < 0.3 * 9 * error(noisy, clean)


def test_a_plan_is_replayed_to_the_same_bits_and_serves_a_single_plane() -> None:
    noisy = still(3, 64)[1]
    made = planned(noisy)
    again = replay(plan_from_data(asdict(made)))
    assert again.run.neighbours == "T2"
    repeated = denoise(noisy, axes="TYX", method=again.method, seed=again.seed, run=again.run)
    assert repeated.tobytes() == done(noisy).tobytes()
    assert plan(noisy[0], method=again.method, run=again.run).neighbours is None
    alone = replay(plan_from_data(asdict(planned(noisy, neighbours=0))))
    assert alone.run.neighbours == 0


def test_every_estimate_comes_with_its_name_and_progress_ends_at_one() -> None:
    clean, noisy = still(4, 48)
    heard: list[Step] = []
    run = replace(RUN, neighbours=1)
    found = stages(noisy, axes="TYX", method=mixing(), run=run, on_step=heard.append)
    assert list(found) == ["cascades", "ridge", "network", "denoised"]
    assert all(one.shape == noisy.shape for one in found.values())
    assert error(found["denoised"], clean) < 0.3 * error(noisy, clean)
    fractions = [step.fraction for step in heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert heard[0].stage.startswith("window 1/2, ")


def test_a_listener_stops_it_and_nothing_is_changed() -> None:
    noisy = still(4, 48)[1]
    before = noisy.copy()

    def stop(step: Step) -> None:
        if step.stage.startswith("window 2/2, filters"):
            raise Cancelled

    with pytest.raises(Cancelled):
        denoise(noisy, axes="TYX", method=quick(), run=replace(RUN, neighbours=1), on_step=stop)
    assert np.array_equal(noisy, before)
