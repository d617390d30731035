"""Live frames: as many come out as went in, denoised as by ``fit`` and ``apply``, and every thread ends."""

import gc
import threading
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest

import noise2detail as n2d
from noise2detail.errors import Cancelled, InputError, SettingError
from noise2detail.watch import learning as learning_module
from noise2detail.watch.backlog import Backlog
from noise2detail.watch.learning import Learning
from noise2detail.watch.stream import Denoised, Stream
from tests.material import CPU
from tests.watch.material import METHOD, QUICK, Frame, frame, frames, our_threads


@pytest.fixture(scope="module")
def fitted() -> n2d.Fitted:
    return n2d.fit(frame(), method=METHOD, run=CPU)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert our_threads() == []


def test_frames_are_those_of_fit_and_apply() -> None:
    given = [*frames(6)]
    found = [*n2d.stream(given, learning=QUICK)]
    once = n2d.fit(np.stack(given[:2]), axes="TYX", method=METHOD, run=CPU)
    assert [one.number for one in found] == list(range(6))
    for one, noisy in zip(found, given, strict=True):
        np.testing.assert_array_equal(np.asarray(one), n2d.apply(once, noisy))
        assert (one.denoised, one.training, one.pixels.dtype) == (True, 1, np.uint16)


def test_a_given_denoiser_is_used_from_the_first_frame(fitted: n2d.Fitted) -> None:
    found = [*n2d.stream(frames(3), denoiser=fitted, learning=QUICK)]
    for one, noisy in zip(found, frames(3), strict=True):
        np.testing.assert_array_equal(one.pixels, n2d.apply(fitted, noisy))
        assert one.training == 0


def test_channels_go_together() -> None:
    given = [frame(number, shape=(2, 24, 24)) for number in range(3)]
    found = [*n2d.stream(given, axes="CYX", learning=QUICK)]
    once = n2d.fit(np.stack(given[:2]), axes="TCYX", method=METHOD, run=CPU)
    np.testing.assert_array_equal(found[2].pixels, n2d.apply(once, given[2], axes="CYX"))


@pytest.mark.parametrize("number", [1, 3, 30])
def test_all_frames_come_out_whatever_their_number(number: int) -> None:
    with n2d.stream(frames(number), learning=QUICK) as live:
        assert sum(1 for _ in live) == number
        assert (live.stats.received, live.stats.given, live.stats.denoised, live.stats.waiting) == (*[number] * 3, 0)


def test_no_frame_is_no_error() -> None:
    assert [*n2d.stream([], learning=QUICK)] == []


def pushed(fitted: n2d.Fitted, when_late: Any, number: int = 5) -> tuple[list[Denoised], Stream]:
    live = n2d.stream(denoiser=fitted, when_late=when_late, queue=2, learning=QUICK)
    for one in frames(number):
        live.put(one)
    live.end()
    return [*live], live


def test_late_frames_pass_as_they_came(fitted: n2d.Fitted) -> None:
    found, live = pushed(fitted, "skip")
    assert [one.denoised for one in found] == [False, False, False, True, True]
    for one, noisy in zip(found, frames(5), strict=True):
        assert one.denoised or np.array_equal(one.pixels, noisy)
    assert (live.stats.passed, live.stats.denoised, live.stats.dropped) == (3, 2, 0)


def test_dropped_frames_are_missing_and_counted(fitted: n2d.Fitted) -> None:
    found, live = pushed(fitted, "drop")
    assert [one.number for one in found] == [3, 4]
    stats = live.stats
    assert (stats.received, stats.given, stats.dropped, stats.waiting) == (5, 2, 3, 0)


def test_skip_lets_frames_pass_until_the_first_training_is_done() -> None:
    live = n2d.stream(when_late="skip", learning=QUICK)
    found = []
    for number in count():
        live.put(frame(number))
        found.append(next(live))
        if found[-1].denoised:
            break
    live.end()
    assert [*live] == []
    assert not any(one.denoised for one in found[:2])
    assert [one.number for one in found] == list(range(len(found)))


def test_latency_is_from_coming_to_handing_over(fitted: n2d.Fitted) -> None:
    ticks = count()
    backlog = Backlog(8, "wait", lambda: float(next(ticks)))
    live = Stream(None, fitted, backlog, QUICK, beside=False)
    for one in frames(3):
        live.put(one)  # at 0, 1 and 2
    live.end()
    assert [one.latency for one in live] == [3.0, 3.0, 3.0]
    assert (live.stats.mean_latency, live.stats.longest_latency) == (3.0, 3.0)


def test_the_same_frames_give_the_same_bits() -> None:
    wishes = replace(QUICK, again="wait", every=2)

    def run() -> list[bytes]:
        given = [*frames(4), *frames(4, light=4000)]
        return [one.pixels.tobytes() for one in n2d.stream(given, learning=wishes)]

    assert run() == run()


def test_a_drift_trains_again_and_says_why() -> None:
    wishes = replace(QUICK, frames=1, again="wait", every=2)
    given = [frame(number, shape=(96, 96), light=300 if number < 6 else 6000) for number in range(10)]
    with n2d.stream(given, learning=wishes) as live:
        found = [one.training for one in live]
        assert found[:6] == [1] * 6
        assert found[-1] == 2
        assert live.stats.trainings == 2
        assert len(live.stats.drifts) == 1
        assert "changed" in live.stats.drifts[0]


def test_no_drift_is_found_where_there_is_none() -> None:
    wishes = replace(QUICK, frames=1, again="wait", every=2)
    with n2d.stream((frame(number, shape=(96, 96)) for number in range(10)), learning=wishes) as live:
        assert {one.training for one in live} == {1}


def test_training_in_the_background_holds_up_no_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on, fit = threading.Event(), threading.Event(), n2d.fit

    def slow(noisy: Frame, **more: Any) -> n2d.Fitted:
        if more["seed"]:  # not the first
            begun.set()
            assert go_on.wait(60)
        return fit(noisy, **more)

    monkeypatch.setattr(learning_module, "fit", slow)
    wishes = replace(QUICK, frames=1, again="background", every=1)
    live = n2d.stream(learning=wishes)

    def through(light: float) -> int:
        live.put(frame(1, shape=(96, 96), light=light))
        return next(live).training

    through(300)
    while not begun.is_set():
        assert through(6000) == 1
    assert [through(6000) for _ in range(5)] == [1] * 5
    go_on.set()
    while through(6000) == 1:
        pass
    assert live.stats.trainings == 2
    live.close()


def test_a_training_again_that_fails_leaves_the_denoiser_in_place(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fit = n2d.fit

    def failing(noisy: Frame, **more: Any) -> n2d.Fitted:
        if more["seed"]:
            raise n2d.Noise2DetailError("it diverged")
        return fit(noisy, **more)

    monkeypatch.setattr(learning_module, "fit", failing)
    wishes = replace(QUICK, frames=1, again="wait", every=2)
    given = [frame(number, shape=(96, 96), light=300 if number < 2 else 6000) for number in range(6)]
    live = n2d.stream(given, learning=wishes)
    assert {one.training for one in live} == {1}
    assert live.stats.failed_trainings >= 1
    assert "it diverged" in caplog.text


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (
            frame(shape=(10, 32)),
            r"frame 3 has the shape \(10, 32\) and the type uint16; expected \(24, 32\) and uint16",
        ),
        (frame().astype(np.float32), r"frame 3 has the shape \(24, 32\) and the type float32; expected"),
        (np.ma.masked_less(frame(), 3), "frame 3: a masked array would lose its mask"),
    ],
    ids=["shape", "type", "mask"],
)
def test_another_kind_of_frame_is_named_after_those_before_it(odd: Frame, said: str) -> None:
    live = n2d.stream([*frames(3), odd, *frames(3)], learning=QUICK)
    with pytest.raises(InputError, match=said):
        list(live)
    assert live.stats.given == 3


def test_a_first_frame_that_is_no_image() -> None:
    with pytest.raises(InputError, match="frame 0: an array with 3 dimensions"):
        next(n2d.stream([frame(shape=(5, 24, 24))], learning=QUICK))


def test_an_error_of_the_source_arrives_after_its_frames() -> None:
    def camera() -> Iterator[Frame]:
        yield from frames(3)
        raise OSError("the camera is off")

    live = n2d.stream(camera(), learning=QUICK)
    assert [next(live).number for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="the camera is off"):
        next(live)


def test_dark_frames_pass_and_teach_nothing() -> None:
    dark = np.zeros((24, 32), np.uint16)
    given = [dark, dark, *frames(2), dark, *frames(1)]
    found = [*n2d.stream(given, learning=QUICK)]
    assert [one.denoised for one in found] == [False, False, True, True, False, True]
    once = n2d.fit(np.stack([*frames(2)]), axes="TYX", method=METHOD, run=CPU)
    np.testing.assert_array_equal(found[-1].pixels, n2d.apply(once, given[-1]))


def test_a_shutter_that_stays_closed_is_waited_for_only_so_long() -> None:
    given = [frame(), *[np.zeros((24, 32), np.uint16)] * 20, frame(1)]
    found = [*n2d.stream(given, learning=QUICK)]
    assert [one.number for one in found] == list(range(22))
    assert [found[0].denoised, found[-1].denoised] == [True, True]


def test_nothing_but_darkness() -> None:
    found = [*n2d.stream([np.zeros((24, 32), np.uint16)] * 5, learning=QUICK)]
    assert [one.denoised for one in found] == [False] * 5


def test_pixels_that_are_no_number_stay() -> None:
    given = [one.astype(np.float32) for one in frames(3)]
    given[2][4, 5] = np.nan
    last = [*n2d.stream(given, learning=QUICK)][2].pixels
    assert np.isnan(last[4, 5])
    assert np.isnan(last).sum() == 1


def test_each_kind_is_learnt_by_itself_and_the_order_stays() -> None:
    live = n2d.stream(learning=QUICK)
    bright = [frame(number, light=4000, shape=(32, 40)) for number in range(3)]
    for one, other in zip(frames(3), bright, strict=True):
        live.put(one, kind="weak")
        live.put(other, about="b", kind="bright")
    live.end()
    found = [*live]
    assert [one.number for one in found] == list(range(6))
    assert [one.about for one in found] == [None, "b"] * 3
    once = n2d.fit(np.stack(bright[:2]), axes="TYX", method=METHOD, run=CPU)
    np.testing.assert_array_equal(found[5].pixels, n2d.apply(once, bright[2]))


def test_closing_early_stops_the_source() -> None:
    closed = threading.Event()

    def camera() -> Iterator[Frame]:
        try:
            while True:
                yield frame()
        finally:
            closed.set()

    live = n2d.stream(camera(), learning=QUICK)
    next(live)
    assert our_threads() == ["noise2detail-source"]
    live.close()
    assert closed.is_set()
    with pytest.raises(Cancelled, match="takes no more frames"):
        live.put(frame())
    assert [*live] == []


def test_closing_early_stops_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    endless = replace(METHOD, stage1=replace(METHOD.stage1, steps=10**9))
    live = n2d.stream(when_late="skip", learning=replace(QUICK, frames=1, method=endless))
    live.put(frame())
    next(live)
    assert our_threads() == ["noise2detail-training"]
    live.close()


def test_a_forgotten_stream_lets_its_source_go(fitted: n2d.Fitted) -> None:
    live = n2d.stream((frame() for _ in count()), denoiser=fitted, learning=QUICK)
    next(live)
    (source,) = [one for one in threading.enumerate() if one.name == "noise2detail-source"]
    del live
    gc.collect()
    source.join(60)
    assert not source.is_alive()


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"again": "often"}, "again is 'often'; expected one of background, wait, never"),
        ({"frames": 0}, "frames is 0"),
        ({"every": 0}, "every is 0"),
    ],
)
def test_wishes_that_cannot_be_met(wishes: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        Learning(**wishes)


def test_a_method_that_is_bound_to_its_image_is_refused() -> None:
    with pytest.raises(SettingError, match="only the very planes"):
        next(n2d.stream(frames(3), learning=replace(QUICK, method="deep_image_prior")))
