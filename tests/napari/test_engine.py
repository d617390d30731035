"""One engine process for this file: pictures, planes, cancelling, dying. All wait for events, nothing for time."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noise2detail.errors import BusyError
from noise2detail.fitted import apply, load
from noise2detail.image import Image
from noise2detail.napari import wire
from noise2detail.napari.engine import LocalEngine
from noise2detail.napari.handover import handed_over
from noise2detail.napari.jobs import (
    DenoiserWritten,
    Event,
    Failed,
    Finished,
    FitRequest,
    Judged,
    NoiseMeasured,
    Picture,
    PlaneDone,
    Planned,
    PreviewRequest,
    Progress,
    ReportRequest,
    ReportWritten,
    RunRequest,
    Settings,
    Stopped,
    UncertaintyDone,
)
from noise2detail.napari.process import COMMAND
from noise2detail.napari.rough import rough_picture
from noise2detail.napari.worker import Asked
from noise2detail.pipeline.denoise import denoise
from noise2detail.pipeline.noise import channel_noise
from noise2detail.pipeline.run import Run
from noise2detail.registry import METHODS
from noise2detail.report.noise_words import noise_record
from noise2detail.settings import with_setting
from tests.napari.layers import noisy

RUN: dict[str, Any] = {"device": "cpu", "precision": "float32", "threads": 1}
QUICK = Settings("gaussian", run=RUN)
TRAINED = Settings("zs_n2n", set=("training.steps=7",), run=RUN)
LONG = Settings("zs_n2n", set=("training.steps=100000",), run=RUN)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalEngine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        one = LocalEngine()
        yield one
        one.close()


def same(one: Any, other: Any) -> bool:
    return np.array_equal(one, other)


class Heard:
    """A listener that keeps what it hears, and does something at the first event of a kind."""

    def __init__(self, at: type[Any] | None = None, act: Callable[[], None] = lambda: None) -> None:
        self.events: list[Event] = []
        self._at, self._act = at, act

    def __call__(self, event: Event) -> None:
        first = self._at is not None and isinstance(event, self._at) and not self.of(self._at)
        self.events.append(event)
        if first:
            self._act()

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def kinds(self) -> list[type[Any]]:
        return list(dict.fromkeys(type(event) for event in self.events))


def test_a_preview_is_rough_first_and_in_the_end_what_denoise_gives(engine: LocalEngine) -> None:
    pixels, heard = noisy(32, 40), Heard()
    engine.preview(PreviewRequest(Image(pixels, "YX"), TRAINED), heard).wait()
    pictures = heard.of(Picture)
    assert [one.stage for one in (pictures[0], pictures[-1])] == ["rough", "final"]
    assert "training" in [one.stage for one in pictures]
    assert all((one.pixels.shape, one.pixels.dtype) == ((32, 40), np.uint16) for one in pictures)
    method = with_setting(METHODS["zs_n2n"].method.recipe("fast"), "training.steps", "7")
    run = Run(device="cpu", precision="float32", threads=1)
    assert np.array_equal(pictures[-1].pixels, denoise(pixels, method=method, run=run))
    assert heard.kinds()[-1] is Finished
    assert {Planned, NoiseMeasured, Progress, Judged} <= set(heard.kinds())
    noise = heard.of(NoiseMeasured)[0].channels[0]
    assert noise.figures == noise_record(channel_noise(pixels)[0])
    assert len(noise.curve.at) == len(noise.curve.measured)


def test_a_rough_picture_is_nearer_to_what_is_there() -> None:
    y, x = np.mgrid[:64, :80]
    clean = 60 + 40 * np.sin(x / 5) * np.cos(y / 7)
    found = rough_picture(noisy(64, 80), "YX")
    assert np.std(found - clean) < 0.75 * np.std(noisy(64, 80) - clean)
    colours = rough_picture(noisy(3, 64, 80), "CYX")
    assert np.array_equal(colours[1], rough_picture(noisy(3, 64, 80)[1], "YX"))


def test_a_run_gives_planes_one_by_one_and_a_pyramid(engine: LocalEngine) -> None:
    pixels, heard = noisy(4, 24, 32), Heard()
    request = RunRequest(Image(pixels, "ZYX"), QUICK, levels=((4, 12, 16), (2, 6, 8)))
    job = engine.run(request, heard)
    assert job.wait()
    whole = denoise(pixels, axes="ZYX", method="gaussian", run=Run(device="cpu", precision="float32", threads=1))
    assert same(job.result, whole)
    assert [(one.index, one.done, one.count) for one in heard.of(PlaneDone)] == [((n,), n + 1, 4) for n in range(4)]
    blocks = whole.reshape(4, 12, 2, 16, 2).mean((2, 4))
    assert np.array_equal(job.levels[1], np.rint(blocks))
    assert job.levels[2].any()
    assert heard.kinds()[0] is Planned
    assert "gaussian" in heard.of(Planned)[0].words
    fractions = [one.fraction for one in heard.of(Progress)]
    assert fractions == sorted(fractions)
    assert heard.events[-1] == Finished(heard.events[-1].seconds, heard.events[-1].plan)  # type: ignore[union-attr]
    assert not job.running


def test_cancel_keeps_what_is_done(engine: LocalEngine) -> None:
    heard = Heard(PlaneDone, lambda: job.cancel())
    # the listener may hear of a plane before this line has its job
    pixels = noisy(4, 24, 32)
    job = engine.run(RunRequest(Image(pixels, "ZYX"), Settings("zs_n2n", set=("training.steps=40",), run=RUN)), heard)
    assert job.wait()
    assert heard.events[-1] == Stopped(1, 4)
    assert job.result is not None
    assert [same(one, other) for one, other in zip(job.result, pixels, strict=True)] == [False, True, True, True]


DEAF = """
import sys
import numpy as np
from noise2detail.napari import wire
from noise2detail.napari.growing import PlanePixels
from noise2detail.napari.jobs import Finished
from noise2detail.napari.worker import Told
source, sink = sys.stdin.buffer, sys.stdout.buffer
asked = wire.receive(source)
number, SHAPE = asked.number, asked.request.image.array.shape[-2:]
for plane in range(2):
    wire.send(sink, Told(number, PlanePixels("result", (plane,), np.ones((1, *SHAPE), np.uint16))))
    if plane == 0:
        wire.receive(source)
wire.send(sink, Told(number, Finished(0.0, {})))
"""


def test_a_cancel_that_comes_too_late_is_still_one() -> None:
    # all was computed before the engine heard of the wish; what came after it was not taken, and must not be missing
    heard = Heard(PlaneDone, lambda: job.cancel())
    engine = LocalEngine([sys.executable, "-c", DEAF])
    pixels = noisy(2, 4, 5)
    job = engine.run(RunRequest(Image(pixels, "ZYX"), QUICK), heard)
    assert job.wait()
    engine.close()
    assert heard.events[-1] == Stopped(1, 2)
    assert job.result is not None
    assert same(job.result, np.stack([np.ones_like(pixels[0]), pixels[1]]))


def test_a_layer_is_blamed_only_while_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        shape, dtype = (4, 5), np.dtype(np.uint16)

        def __getitem__(self, index: Any) -> Any:
            raise RuntimeError("the disk is away")

    def broken(*_: object) -> None:
        raise RuntimeError("a slip of ours")

    unread, later, engine = Heard(), Heard(), LocalEngine([sys.executable, "-c", DEAF])
    engine.run(RunRequest(Image(Away(), "YX"), QUICK), unread).wait()  # type: ignore[arg-type]
    monkeypatch.setattr("noise2detail.napari.engine.EngineJob._followed", broken)
    engine.run(RunRequest(Image(noisy(4, 5), "YX"), QUICK), later).wait()
    engine.close()
    assert "could not be handed to the engine (RuntimeError: the disk is away)" in unread.events[-1].message  # type: ignore[union-attr]
    assert "did not expect: RuntimeError: a slip of ours" in later.events[-1].message  # type: ignore[union-attr]


def test_the_next_preview_ends_the_one_before_and_a_run_is_left_alone(engine: LocalEngine) -> None:
    first, second, run = Heard(), Heard(), Heard()
    one = engine.preview(PreviewRequest(Image(noisy(32, 40), "YX"), LONG), first)
    other = engine.preview(PreviewRequest(Image(noisy(32, 40), "YX"), QUICK, judge=False), second)
    assert one.wait()
    assert other.wait()
    assert (type(first.events[-1]), type(second.events[-1])) == (Stopped, Finished)
    job = engine.run(RunRequest(Image(noisy(32, 40), "YX"), LONG), run)
    assert engine.busy
    with pytest.raises(BusyError, match="a run is on already"):
        engine.run(RunRequest(Image(noisy(32, 40), "YX"), QUICK), run)
    job.cancel()
    assert job.wait()
    assert type(run.events[-1]) is Stopped


def test_what_cannot_be_denoised_is_one_message(engine: LocalEngine) -> None:
    constant, unknown = Heard(), Heard()
    engine.run(RunRequest(Image(np.full((9, 9), 7), "YX"), QUICK), constant).wait()
    engine.run(RunRequest(Image(noisy(9, 9), "YX"), Settings("nlmm")), unknown).wait()
    for heard, words in ((constant, "the image is constant"), (unknown, "did you mean 'nlm'")):
        assert len(heard.events) == 1
        assert isinstance(heard.events[0], Failed)
        assert words in heard.events[0].message
        assert "Traceback" not in heard.events[0].message


def test_fit_once_and_apply_to_others(engine: LocalEngine, tmp_path: Path) -> None:
    path, fitted, applied = tmp_path / "experiment.safetensors", Heard(), Heard()
    engine.fit(FitRequest(Image(noisy(24, 32), "YX"), path, TRAINED), fitted).wait()
    assert fitted.of(DenoiserWritten) == [DenoiserWritten(path, 1)]
    other = noisy(2, 24, 32, seed=1)
    job = engine.run(RunRequest(Image(other, "ZYX"), TRAINED, denoiser=path, judge=False), applied)
    assert job.wait()
    assert isinstance(applied.events[-1], Finished)
    assert same(job.result, apply(load(path, run=Run(**RUN)), other, axes="ZYX"))


def test_the_uncertainty_comes_as_a_second_image_and_a_report_on_request(engine: LocalEngine, tmp_path: Path) -> None:
    heard, reported = Heard(), Heard()
    image = Image(noisy(2, 24, 32), "TYX")
    job = engine.run(RunRequest(image, QUICK, uncertainty=True, draws=2), heard)
    assert job.wait()
    assert heard.of(UncertaintyDone)[0].draws == 2
    assert job.uncertainty is not None
    assert job.uncertainty.dtype == np.float32
    assert job.uncertainty.shape == (2, 24, 32)
    assert float(np.sqrt(np.mean(job.uncertainty**2))) == pytest.approx(heard.of(UncertaintyDone)[0].rms[0], rel=1e-4)
    plan = heard.of(Finished)[0].plan
    page = tmp_path / "report.html"
    denoised = Image(job.result, "TYX")  # type: ignore[arg-type]
    engine.report(ReportRequest(image, denoised, page, "cells & more", plan, "n2d denoise"), reported).wait()
    assert reported.of(ReportWritten) == [ReportWritten(page)]
    assert "cells &amp; more" in page.read_text(encoding="utf-8")


class Lazy:
    """An array that is read when it is asked for, and remembers which planes were."""

    def __init__(self, pixels: Any, chunks: Any = None) -> None:
        self.shape, self.dtype, self.chunks = pixels.shape, pixels.dtype, chunks
        self.asked: list[range] = []
        self._pixels = pixels
        self._ready: threading.Event | None = None

    def wait_for(self, ready: threading.Event) -> None:
        """Before anything is read."""
        self._ready = ready

    def __getitem__(self, index: Any) -> Any:
        if self._ready is not None:
            self._ready.wait()
        self.asked.append(range(*index[0].indices(self.shape[0])))
        return self._pixels[index]


@pytest.mark.parametrize("in_message", [0, 2**25])
@pytest.mark.parametrize(
    ("chunks", "asked"),
    [
        (None, [range(n, n + 1) for n in range(5)]),
        ((2, 9, 9), [range(2), range(2, 4), range(4, 5)]),  # as zarr says it
        (((3, 2), (16,), (9, 9)), [range(3), range(3, 5)]),  # as Dask does
    ],
)
def test_what_is_read_late_is_read_once_and_stays_where_nothing_is_done(
    chunks: Any, asked: list[range], in_message: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("noise2detail.napari.handover.IN_MESSAGE", in_message)
    pixels, heard = noisy(5, 16, 18), Heard(PlaneDone, lambda: job.cancel())
    lazy, engine = Lazy(pixels, chunks), LocalEngine([sys.executable, "-c", DEAF])
    ones = np.ones_like(pixels[0])
    request = RunRequest(Image(lazy, "ZYX"), QUICK, levels=((5, 8, 9), (2, 4, 3)))  # type: ignore[arg-type]
    job = engine.run(request, heard)
    assert job.wait()
    engine.close()
    assert lazy.asked == asked
    assert heard.events[-1] == Stopped(1, 5)
    assert same(job.result, np.stack([ones, *pixels[1:]]))
    blocks = pixels[1:].reshape(4, 8, 2, 9, 2).mean((2, 4))
    assert same(job.levels[1], np.stack([ones[::2, ::2], *np.rint(blocks)]))
    assert (job.levels[2] > 30).all()


def test_planes_of_a_chunk_that_is_too_large_are_read_one_by_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("noise2detail.napari.handover.AT_ONCE", 2 * 4 * 5 * 2 - 1)
    pixels = noisy(4, 4, 5)
    lazy = Lazy(pixels, (2, 4, 5))
    found = handed_over(Image(lazy, "ZYX"), tmp_path, lambda place, part, share: None)  # type: ignore[arg-type]
    assert lazy.asked == [range(n, n + 1) for n in range(4)]
    assert same(found.array, pixels)


def test_reading_a_layer_is_cancelled_between_its_parts() -> None:
    pixels, heard = noisy(4, 24, 32), Heard(Progress, lambda: job.cancel())
    lazy, engine = Lazy(pixels), LocalEngine([sys.executable, "-c", DEAF])
    ready = threading.Event()
    lazy.wait_for(ready)
    job = engine.run(RunRequest(Image(lazy, "ZYX"), QUICK), heard)  # type: ignore[arg-type]
    ready.set()
    assert job.wait()
    engine.close()
    assert heard.kinds() == [Progress, Stopped]
    assert heard.events[-1] == Stopped(0, 4)
    assert lazy.asked == [range(1)]


def test_a_large_layer_is_read_plane_by_plane(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noise2detail.napari.handover.IN_MESSAGE", 0)
    pixels, heard = noisy(3, 24, 32), Heard()
    job = engine.run(RunRequest(Image(Lazy(pixels), "ZYX"), QUICK, judge=False), heard)  # type: ignore[arg-type]
    assert job.wait()
    assert heard.of(Progress)[0].stage == "reading"
    run = Run(device="cpu", precision="float32", threads=1)
    assert same(job.result, denoise(pixels, axes="ZYX", method="gaussian", run=run))


def test_an_engine_that_dies_is_one_message_and_the_next_job_has_a_fresh_one(engine: LocalEngine) -> None:
    heard, after = Heard(Planned, lambda: engine.process().kill()), Heard(Picture, lambda: job.cancel())
    engine.run(RunRequest(Image(noisy(32, 40), "YX"), LONG), heard).wait()
    assert isinstance(heard.events[-1], Failed)
    assert "fresh engine" in heard.events[-1].message
    # a picture is enough: for more the fresh engine would load PyTorch
    job = engine.preview(PreviewRequest(Image(noisy(9, 9), "YX"), QUICK), after)
    assert job.wait()
    assert after.kinds() == [Picture, Stopped]


def test_the_engine_ends_with_the_process_that_asked() -> None:
    # the end of its pipe is closed when a process goes, however it goes
    with subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        wire.send(worker.stdin, Asked(1, PreviewRequest(Image(noisy(32, 40), "YX"), LONG)))
        told = wire.receive(worker.stdout)
        assert (told.number, told.event.stage) == (1, "rough")
        worker.stdin.close()
        assert worker.wait(60) == 0


HEAVY = """
import sys
import noise2detail.napari, noise2detail.napari.engine, noise2detail.napari.headless, noise2detail.napari.files
import noise2detail.napari.regions, noise2detail.napari.sample_data, noise2detail.napari.choices
import noise2detail.napari.worker
print([name for name in sys.modules if name in {"torch", "matplotlib"} or name.startswith("scipy.")])
"""


def test_nothing_of_weight_is_imported_before_it_is_used() -> None:
    found = subprocess.run([sys.executable, "-c", HEAVY], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
