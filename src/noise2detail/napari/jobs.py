"""What is asked of the engine process and what it tells: plain records, the interface between the window and the work.

The window never computes. It hands a request to an ``Engine`` and gets a ``Job`` at once; whatever happens then is told
to a listener, in one thread of the engine that is not the window's. Every job ends with exactly one of ``Finished``,
``Stopped`` and ``Failed``, and nothing of it is told afterwards.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from noise2detail.image import Image
from noise2detail.types import Pixels

PREVIEW_SIDE = 512
"""Rows and columns of a preview at most."""


@dataclass(frozen=True)
class Settings:
    """What a person chose, as plain data; what it means is found out in the engine."""

    method: str = "auto"
    """Id of a method; ``choices.METHODS`` lists them."""
    recipe: str | None = None
    """None: the method's default."""
    set: tuple[str, ...] = ()
    """Further settings of the method, each as ``NAME=VALUE``, as after ``--set`` on the command line."""
    seed: int = 0
    """Of every random choice."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """Fields of ``noise2detail.Run`` that are not as they are by default: ``{"fit": "shared", "anyway": True}``."""


@dataclass(frozen=True, eq=False)
class PreviewRequest:
    """A small plane, to be shown as soon as anything can be shown."""

    image: Image
    """One plane, at most ``PREVIEW_SIDE`` on each side: axes ``YX``, ``CYX`` or ``YXS``; ``regions.cut`` makes it."""
    settings: Settings = Settings()
    judge: bool = True
    """Also tell how far the final picture can be trusted."""


@dataclass(frozen=True, eq=False)
class RunRequest:
    """A whole image, to be denoised plane by plane."""

    image: Image
    """Pixels of any kind that numpy indexing reads; ``resolve.image_of`` makes it from a layer."""
    settings: Settings = Settings()
    denoiser: Path | None = None
    """Of a ``FitRequest``: the image is denoised by what was learnt there; None: by what is learnt from itself."""
    uncertainty: bool = False
    """Also the standard uncertainty of each pixel, which takes as long as so many further runs (``draws``)."""
    draws: int | None = None
    """Repeats for the uncertainty; None: as many as ``n2d denoise --uncertainty`` takes."""
    judge: bool = True
    """Also tell how far the result can be trusted."""
    levels: tuple[tuple[int, ...], ...] = ()
    """Shapes of the smaller levels of a pyramid, which the result gets too; none: no pyramid."""


@dataclass(frozen=True, eq=False)
class FitRequest:
    """One denoiser for a whole experiment: learnt from an image, then used in ``RunRequest.denoiser`` for others.

    Its plan is told when it has been learnt.
    """

    image: Image
    denoiser: Path
    """File to be written, ending in ``.safetensors``; one that is there is replaced."""
    settings: Settings = Settings()


@dataclass(frozen=True, eq=False)
class ReportRequest:
    """A page about an image before and after."""

    noisy: Image
    denoised: Image
    path: Path
    """File to be written, ending in ``.html``; one that is there is replaced."""
    name: str = "image"
    """Above the page."""
    plan: Mapping[str, Any] = field(default_factory=dict)
    """``Finished.plan`` of the run, where it is known."""
    command: str = ""
    """What to type to get the same result, shown on the page."""
    uncertainty: Pixels | None = None
    """Of each pixel, where it was measured."""


Request = PreviewRequest | RunRequest | FitRequest | ReportRequest


@dataclass(frozen=True)
class Planned:
    """What will be done, told before anything is trained."""

    words: str
    """The plan as ``n2d plan`` prints it, several lines."""
    why: tuple[str, ...]
    """The reason of each choice, one sentence each."""
    expected_seconds: float | None
    """Rough forecast for all of the job; None: nothing is known."""
    planes: int
    """That will be denoised."""


@dataclass(frozen=True, eq=False)
class NoiseCurve:
    """What the noise figure of one channel shows: dots and a line."""

    brightness: Pixels
    """Of small calm blocks of the image, in image units."""
    variance: Pixels
    """Of the noise in each block."""
    at: Pixels
    """Brightness of the points of the line."""
    measured: Pixels
    """Variance by the measured noise at each of them."""


@dataclass(frozen=True, eq=False)
class ChannelNoise:
    """The noise of one channel."""

    name: str
    """Of the channel; empty where there is one only."""
    words: tuple[tuple[str, str], ...]
    """Label and sentence of each line, as ``n2d noise`` prints them."""
    figures: Mapping[str, Any]
    """As ``n2d noise --json`` gives them: gain, pedestal, sigma, correlation_x, ..."""
    curve: NoiseCurve


@dataclass(frozen=True, eq=False)
class NoiseMeasured:
    """What was found of the noise; not told by methods that do not look at it, nor where a denoiser is applied."""

    channels: tuple[ChannelNoise, ...]


@dataclass(frozen=True)
class Progress:
    """How far a job is; told about ten times a second at most."""

    fraction: float
    """Of the whole job, from 0 to 1; it never goes back."""
    stage: str
    """What is being done, for people: ``reading``, ``plane 3/17, network``."""
    seconds_left: float | None
    """By what has been done so far; None: too early to say."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A preview as it is now, in shape, type and scale of the request's image."""

    pixels: Pixels
    stage: Literal["rough", "training", "final"]
    """``rough``: a quick estimate that only shows where it goes; ``training``: what the training has come to;
    ``final``: exactly what ``noise2detail.denoise`` gives for this image."""
    words: str
    """What it is, for people."""


@dataclass(frozen=True)
class PlaneDone:
    """A plane of the result now stands in ``Job.result``: refresh what shows it."""

    index: tuple[int, ...]
    """Over the ``T`` and ``Z`` axes that the image has, in its order; empty for a single plane."""
    done: int
    """Planes done so far."""
    count: int
    """Planes in all."""


@dataclass(frozen=True)
class UncertaintyDone:
    """The uncertainty of every pixel now stands in ``Job.uncertainty``."""

    rms: tuple[float, ...]
    """Root mean square of each channel, in image units."""
    draws: int
    """By which it was found."""


@dataclass(frozen=True)
class Judged:
    """How far a result can be trusted."""

    level: Literal["trust", "look closer", "do not trust"]
    reasons: tuple[str, ...]
    """Each with its figure, the gravest first."""
    untested: tuple[str, ...]
    """What could not be tested, and why."""


@dataclass(frozen=True)
class ReportWritten:
    """A page that can be opened now."""

    path: Path


@dataclass(frozen=True)
class DenoiserWritten:
    """A denoiser that can be used now."""

    path: Path
    channels: int
    """That images must have to be denoised by it."""


@dataclass(frozen=True)
class Finished:
    """The job is done."""

    seconds: float
    """It took."""
    plan: Mapping[str, Any] = field(default_factory=dict)
    """The plan as plain data, for ``resolve.result_of`` and the report."""


@dataclass(frozen=True)
class Stopped:
    """The job was cancelled; the planes that were done stay as they are."""

    done: int = 0
    count: int = 0


@dataclass(frozen=True)
class Failed:
    """The job cannot go on; the next one begins with a fresh engine where that is needed."""

    message: str
    """One notification: what is wrong, what was expected, what to do."""
    details: str = ""
    """A traceback, for a log; empty where the message says it all."""


Event = (
    Planned
    | NoiseMeasured
    | Progress
    | Picture
    | PlaneDone
    | UncertaintyDone
    | Judged
    | ReportWritten
    | DenoiserWritten
    | Finished
    | Stopped
    | Failed
)

ENDS = (Finished, Stopped, Failed)
"""One of them comes last."""

Listener = Callable[[Event], None]
"""Is called in a thread of the engine, one event after the other."""


class Job(Protocol):
    """A request that is being worked on."""

    @property
    def running(self) -> bool:
        """False from the moment when its last event is told."""

    @property
    def result(self) -> Pixels | None:
        """Of a ``RunRequest``, from ``Planned`` on: the denoised image, noisy where a plane is not done yet.

        It can be shown while it grows.
        """

    @property
    def levels(self) -> tuple[Pixels, ...]:
        """The result and the smaller levels of its pyramid; ``resolve.pyramid_of`` makes of it what a layer takes."""

    @property
    def uncertainty(self) -> Pixels | None:
        """Of a ``RunRequest`` that asks for it, from ``UncertaintyDone`` on."""

    def cancel(self) -> None:
        """Stop; returns at once, ``Stopped`` is told within a second. Harmless where it has ended."""

    def wait(self, seconds: float | None = None) -> bool:
        """True when it has ended, for programs without an event loop; False if the time was not enough."""


class Engine(Protocol):
    """A process that computes, one job at a time; nothing here blocks the caller."""

    def start(self) -> None:
        """Start the process, without PyTorch; harmless where it runs."""

    def preview(self, request: PreviewRequest, listen: Listener) -> Job:
        """Begin a preview; one that is running is cancelled. Raises ``BusyError`` while another job is running."""

    def run(self, request: RunRequest, listen: Listener) -> Job:
        """Begin a run; a preview that is running is cancelled. Raises ``BusyError`` while another job is running."""

    def fit(self, request: FitRequest, listen: Listener) -> Job:
        """As ``run``."""

    def report(self, request: ReportRequest, listen: Listener) -> Job:
        """As ``run``."""

    def close(self) -> None:
        """Cancel what is running and end the process; a later job would start a new one."""
