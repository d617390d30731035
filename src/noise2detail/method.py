"""The one contract between methods and the rest of the house."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from noise2detail.noise.measure import Measurement
from noise2detail.noise.model import NoiseModel
from noise2detail.types import Batch, Mask, Precision, Scalar

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Step:
    """One training step that was just taken."""

    stage: str
    """Name of the training, as shown to people."""
    index: int
    """Number of the step within its stage, from 1."""
    count: int
    """Steps of the stage."""
    loss: Scalar | None
    """Loss before the update, still on the device: reading it waits for the device; None where nothing is trained."""
    fraction: float
    """Share of the whole fit that is done, 0 to 1."""
    snapshot: Callable[[], Batch | None] | None = None
    """What the images would be if the fit ended now, computed when it is called, which changes nothing of the fit;
    None, also as its result: that cannot be told."""


def ignore(step: Step) -> None:
    """Do nothing: the listener for those who do not want to know."""
    del step


@dataclass(frozen=True)
class Context:
    """What surrounds a fit; built by the pipeline, recorded in the plan, replayed from it."""

    seed: int = 0
    """Same seed, device and thread count: same bits."""
    device: torch.device = CPU
    """Where the fit runs."""
    precision: Precision = "float32"
    """Decided once, never inside a method."""
    mask: Mask | None = None
    """True where a pixel is data; None: everywhere."""
    noise: tuple[NoiseModel, ...] | None = None
    """Of each channel, in working units, where it is known; None: a method that needs it measures it."""
    units: tuple[float, ...] = ()
    """Image units in one working unit, for each channel: what people say in image units is divided by it; empty: 1."""
    tile: int = 256
    """Largest side of a tile where something is computed tile by tile within the fit, in pixels."""
    on_step: Callable[[Step], None] = ignore
    """Called after every step; raising ``Cancelled`` stops the fit."""

    def unit(self, channel: int) -> float:
        """Image units in one working unit of a channel."""
        return self.units[channel] if self.units else 1.0


@dataclass(frozen=True)
class Cost:
    """Work, in full-size pixels that go through a training step: what a machine's speed is measured in."""

    training: float
    """Of one fit."""
    application: float
    """Of applying the denoiser to the images that it was fitted to."""
    held: float = 2.0
    """Memory: float32 images, as many times those that are fitted to, that the fit holds at once besides them."""
    further: float = 0.0
    """Share of the work that each channel after the first takes again; 0: channels go through one network together."""

    @property
    def total(self) -> float:
        """Both together."""
        return self.training + self.application


@runtime_checkable
class Denoiser(Protocol):
    """What was learnt from an image: a plain callable."""

    @property
    def halo(self) -> int | None:
        """Context in pixels that an output pixel needs on each side; None: whole images only."""

    @property
    def alignment(self) -> int:
        """Tile origins are multiples of it."""

    def __call__(self, noisy: Batch) -> Batch:
        """Denoised images."""

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        """Every image on the way, by name, in the order in which they arise; the last is the result."""

    def tensors(self) -> Mapping[str, Tensor]:
        """Everything that was learnt, so that the method can restore it."""


@runtime_checkable
class Method(Protocol):
    """A frozen dataclass of hyper-parameters: the object is its own configuration."""

    @property
    def scope(self) -> Literal["any", "image"]:
        """``any``: the fitted denoiser may be applied to other tiles, slices and frames; ``image``: to its own only."""

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> Denoiser:
        """Denoiser learnt from all images of the batch together; ``start`` is a warm start."""

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> Denoiser:
        """Denoiser from what ``Denoiser.tensors`` gave."""

    def cost(self, images: int, y: int, x: int) -> Cost:
        """Work for one fit to so many images of this size, and for applying it to each."""

    @classmethod
    def recipe(cls, name: str) -> "Method":
        """Settings under a published or recommended name."""


@runtime_checkable
class TellsProgress(Protocol):
    """A denoiser that takes long for an image and can say how far it is."""

    def telling(self, on_progress: Callable[[float], None]) -> Denoiser:
        """The same denoiser, which calls ``on_progress`` with the share that is done; that may raise ``Cancelled``."""


@runtime_checkable
class FitsEach(Protocol):
    """A method that can train a network for each of many images in one batched program."""

    def fit_each(self, noisy: Batch, context: Context) -> tuple[Denoiser, ...]:
        """What ``fit`` would give for each image alone; ``context.mask`` holds one mask for each."""


@runtime_checkable
class SeesNeighbours(Protocol):
    """A method that can work on neighbouring planes together, where their noise is independent.

    It is handed a window of planes ``(plane, channel, y, x)`` in their order, never a whole series.
    """

    def fit_window(self, noisy: Batch, context: Context) -> Denoiser:
        """Denoiser of this very window, which takes and gives all its planes; ``context`` as for ``fit``."""

    def saving(self, noisy: Batch, context: Context) -> float:
        """Estimated share of the square error of planes one by one that is saved; negative: together is worse."""


@runtime_checkable
class Trains(Protocol):
    """A method that learns step by step what other planes can use too, and can go on from what was learnt before."""

    def briefly(self, share: float) -> Method:
        """The same for a training that goes on from a denoiser that nearly fits: with that share of its steps.

        It also learns at a lower rate, or it would forget what it begins with.
        """

    def reading(self, factor: float) -> Method:
        """The same for more material than one image: each step reads so many times as much, where it reads samples."""


@runtime_checkable
class Decides(Protocol):
    """A method that looks at the noise before it chooses how to work."""

    def decided(self, noise: Sequence[Measurement], y: int, x: int) -> tuple[Method, tuple[str, ...]]:
        """The method with every choice made, and the reason of each in one plain sentence.

        Parameters
        ----------
        noise
            Of each channel, in working units.
        y, x
            Rows and columns of a plane.
        """
