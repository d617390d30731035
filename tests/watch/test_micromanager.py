"""Whole acquisitions of pymmcore-plus with a camera in Python: no hardware, no device adapters."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import useq

from noise2detail.errors import InputError, SettingError
from noise2detail.watch.learning import Learning
from noise2detail.watch.micromanager import Acquisition, acquisition, relay
from tests.watch.material import QUICK, frame, our_threads

unicore = pytest.importorskip("pymmcore_plus.experimental.unicore")
SHAPE = (24, 32)


def times(loops: int, **more: Any) -> useq.MDASequence:
    """So many time points without a pause."""
    return useq.MDASequence.model_validate({"time_plan": {"interval": 0, "loops": loops}, **more})


TIMES = times(12)


class Camera(unicore.SimpleCameraDevice):  # type: ignore[misc, name-defined]
    """Gives the frames of the other tests, and fails when it is told to."""

    def __init__(self, fails_at: int | None = None) -> None:
        super().__init__()
        self.given: list[Any] = []
        self.fails_at = fails_at
        self.exposure = 1.0

    def sensor_shape(self) -> tuple[int, int]:
        return SHAPE

    def dtype(self) -> type:
        return np.uint16

    def get_exposure(self) -> float:
        return self.exposure

    def set_exposure(self, exposure: float) -> None:
        self.exposure = float(exposure)  # a preset gives text

    def snap(self, buffer: Any) -> Mapping[str, Any]:
        if len(self.given) == self.fails_at:
            raise RuntimeError("the camera lost its connection")
        self.given.append(frame(len(self.given), light=300 * self.exposure))
        buffer[:] = self.given[-1]
        return {}


def core_with(camera: Camera) -> Any:
    core = unicore.UniMMCore()
    core.loadPyDevice("Camera", camera)
    core.initializeDevice("Camera")
    core.setCameraDevice("Camera")
    core.setAutoShutter(False)  # there is none
    return core


@pytest.fixture(autouse=True)
def signals_of_no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether or not another test has begun a window in this process."""
    monkeypatch.setenv("PYMM_SIGNALS_BACKEND", "psygnal")


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert our_threads() == []


def run(core: Any, sequence: Any, learning: Learning = QUICK) -> tuple[list[Any], Acquisition]:
    """All frames of an acquisition, which runs in a thread of its own."""
    with acquisition(core, learning=learning) as frames:
        thread = threading.Thread(target=_run, args=(core, sequence))
        thread.start()
        found = [*frames]
        thread.join()
    return found, frames


def _run(core: Any, sequence: Any) -> None:
    try:
        core.mda.run(sequence)
    except RuntimeError as error:
        assert "lost its connection" in str(error)  # noqa: PT017 - the error of the acquisition is its own affair


def test_frames_in_are_frames_out_with_their_events() -> None:
    camera = Camera()
    found, frames = run(core_with(camera), TIMES)
    assert len(found) == len(camera.given) == 12
    assert [one.about.event.index["t"] for one in found] == list(range(12))
    assert all(one.denoised and one.pixels.shape == SHAPE for one in found)
    assert all(one.about.metadata["camera_device"] == "Camera" for one in found)
    assert frames.live.stats.received == frames.live.stats.given == 12


def test_frames_come_beside_a_window_whose_event_loop_does_not_run(qapp: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals are Qt's then, and this thread, which would have to handle them, waits for the frames."""
    monkeypatch.setenv("PYMM_SIGNALS_BACKEND", "qt")
    found, _ = run(core_with(Camera()), times(3))
    assert len(found) == 3


def test_a_whole_sequence_learns_every_channel_by_itself() -> None:
    core = core_with(Camera())
    for name in ("DAPI", "GFP"):
        core.defineConfig("Channel", name, "Camera", "Exposure", "5" if name == "GFP" else "1")
    positions = [{"name": "left"}, {"name": "right"}]
    sequence = times(2, axis_order="tpc", stage_positions=positions, channels=["DAPI", "GFP"])
    found, frames = run(core, sequence)
    assert len(found) == 8
    assert [one.number for one in found] == list(range(8))
    assert {one.about.event.channel.config for one in found} == {"DAPI", "GFP"}
    assert {one.about.event.pos_name for one in found} == {"left", "right"}
    assert frames.live.stats.trainings == 2


def test_cancelling_ends_the_frames() -> None:
    core = core_with(Camera())
    with acquisition(core, learning=QUICK) as frames:
        thread = threading.Thread(target=core.mda.run, args=(times(200),))
        thread.start()
        found = [next(frames) for _ in range(5)]
        core.mda.cancel()
        found += frames
        thread.join()
    assert [one.number for one in found] == list(range(len(found)))
    assert frames.live.stats.received == len(found) < 200


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # that of the camera's own thread
def test_an_error_in_a_frame_ends_the_frames_after_those_before_it() -> None:
    found, _ = run(core_with(Camera(fails_at=4)), TIMES)
    assert [one.number for one in found] == [0, 1, 2, 3]


def test_a_frame_that_cannot_be_denoised_ends_the_stream_and_not_the_acquisition() -> None:
    core = core_with(Camera())
    with acquisition(core, learning=QUICK) as frames:
        core.mda.events.frameReady.emit(frame(0), useq.MDAEvent(), {})
        core.mda.events.frameReady.emit(frame(0, shape=(10, 10)), useq.MDAEvent(), {})
        core.mda.events.frameReady.emit(frame(0), useq.MDAEvent(), {})  # nobody takes it, and nothing is raised
        with pytest.raises(InputError, match=r"frame 1 has the shape \(10, 10\)"):
            list(frames)


def test_leaving_early_disconnects() -> None:
    core = core_with(Camera())
    with acquisition(core, learning=QUICK):
        assert len(core.mda.events.frameReady) == 1
    assert len(core.mda.events.frameReady) == 0
    core.mda.run(TIMES)  # and nothing waits for us


def test_relay_hands_on_what_writers_take() -> None:
    core, heard = core_with(Camera()), []
    handed = relay(
        acquisition(core, when_late="wait", learning=replace(QUICK, frames=1)), lambda *frame: heard.append(frame)
    )
    core.mda.run(TIMES)
    handed.wait()
    assert len(heard) == 12
    pixels, event, metadata = heard[3]
    assert (pixels.shape, event.index["t"], metadata["camera_device"]) == (SHAPE, 3, "Camera")
    assert (metadata["noise2detail"]["frame"], metadata["noise2detail"]["denoised"]) == (3, True)


def test_relay_tells_what_its_receiver_failed_with() -> None:
    def full(*_: Any) -> None:
        raise OSError("the disk is full")

    core = core_with(Camera())
    handed = relay(acquisition(core, learning=QUICK), full)
    core.mda.run(TIMES)
    with pytest.raises(OSError, match="the disk is full"):
        handed.wait()


def test_something_else_than_a_core_is_refused() -> None:
    with pytest.raises(SettingError, match=r"object has no events.*noise2detail\[micromanager\]"):
        acquisition(object())
