"""A filter of planes as a denoiser: its parameters as given or as found on the images, for each channel."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from noise2detail.calibration.j_invariance import FEW, STRIDE, Filling, Plane, Sample, phases_for, self_loss
from noise2detail.calibration.search import Grid, lowest
from noise2detail.calibration.windows import QUICK, Effort, choose_samples
from noise2detail.method import Context, Cost, Denoiser, Step
from noise2detail.types import Batch

Values = Mapping[str, float]
"""Parameters of a filter by name; intensities in working units."""

UNIT_SECONDS = 1.3e-6
"""Of a full-size pixel through a training step on the machine whose seconds the filters' ``seconds`` are."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a filter."""

    name: str
    """As among the settings."""
    given: int | float | None
    """None: to be calibrated."""
    grid: Grid
    """Values that are tried."""
    start: float
    """Where there is no data to calibrate on, and while another parameter is calibrated."""
    intensity: bool = False
    """Given in image units; grid and start in multiples of the noise as it looks from a pixel's neighbours."""


@dataclass(frozen=True)
class Family:
    """A filter and all values that its parameters may take."""

    parameters: tuple[Parameter, ...]
    """In the order in which they are calibrated."""
    function: Callable[[Plane, Values], Plane]
    """The filter."""
    reach: Callable[[Values], int | None]
    """Pixels on each side that an output pixel depends on; None: all."""
    seconds: float
    """For a pixel, on one core; its order of magnitude, since it depends on the parameters."""
    effort: Effort = QUICK
    """What to calibrate on."""
    filling: Filling = "noisy"
    """``mean``, as published, for a filter whose weights do not depend on the pixel's own value."""

    @property
    def free(self) -> tuple[Parameter, ...]:
        """Parameters to be calibrated."""
        return tuple(parameter for parameter in self.parameters if parameter.given is None)

    @property
    def searches(self) -> tuple[tuple[Parameter, bool], ...]:
        """Parameters in turn, and whether it is the first time: where there are two, each depends on the other."""
        first = tuple((parameter, True) for parameter in self.free)
        return first + tuple((parameter, False) for parameter in self.free if len(self.free) > 1)

    @property
    def trials(self) -> int:
        """Values tried at most, for one channel."""
        return sum(parameter.grid.most for parameter, _ in self.searches)


@dataclass(frozen=True, eq=False)
class CalibratedFilter:
    """A filter with its parameters set for each channel."""

    family: Family
    """The filter."""
    values: tuple[Values, ...]
    """For each channel."""
    alignment: ClassVar[int] = 1

    @property
    def halo(self) -> int | None:
        """What the channel that looks furthest needs."""
        reaches = [self.family.reach(values) for values in self.values]
        known = [reach for reach in reaches if reach is not None]
        return max(known) if len(known) == len(reaches) else None

    def __call__(self, noisy: Batch) -> Batch:
        """Filtered images: on the processor, in float64, wherever they come from."""
        result = torch.empty_like(noisy, device="cpu")
        for image, filtered in zip(noisy, result, strict=True):
            for plane, place, values in zip(image, filtered, self.values, strict=True):
                place.copy_(torch.from_numpy(np.ascontiguousarray(self.family.function(_plane(plane), values))))
        return result.to(noisy.device)

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        """The one stage."""
        return {"denoised": self(noisy)}

    def tensors(self) -> Mapping[str, Tensor]:
        """Each parameter: one number for each channel."""
        names = [parameter.name for parameter in self.family.parameters]
        return {name: torch.tensor([own[name] for own in self.values], dtype=torch.float64) for name in names}


def fit_filter(family: Family, noisy: Batch, context: Context, start: Denoiser | None = None) -> CalibratedFilter:
    """The filter with parameters as given, or calibrated by the self-loss of ``j_invariance``.

    Each channel has parameters of its own, found on all images together. The loss is computed with one phase of pixels
    hidden; the result then sees them all. It draws nothing, so that the seed has no say.

    Parameters
    ----------
    family
        The filter.
    noisy
        Images.
    context
        Its mask says what is data, its units what a given intensity means.
    start
        If of the same filter, the search begins at its parameters and stays near them.
    """
    images, channels = noisy.shape[:2]
    mask = torch.ones_like(noisy[:, :1], dtype=torch.bool) if context.mask is None else context.mask
    valid = [good[0].cpu().numpy() for good in mask.expand(images, 1, *noisy.shape[2:])]
    same = isinstance(start, CalibratedFilter) and start.family.function == family.function
    warm = start.values if isinstance(start, CalibratedFilter) and same and len(start.values) == channels else None
    values = []
    for channel in range(channels):
        samples = choose_samples(
            [image[channel].numpy() for image in noisy.detach().cpu()], valid, family.effort, family.filling
        )
        judge = _Judge(family, samples, context, channel, channels)
        values.append(judge.calibrate(None if warm is None else warm[channel]))
    context.on_step(Step("calibrated", 1, 1, None, 1.0))
    return CalibratedFilter(family, tuple(values))


def restore_filter(family: Family, tensors: Mapping[str, Tensor]) -> CalibratedFilter:
    """Denoiser from its tensors."""
    columns = {parameter.name: tensors[parameter.name].tolist() for parameter in family.parameters}
    rows = zip(*columns.values(), strict=True)
    return CalibratedFilter(family, tuple(dict(zip(columns, row, strict=True)) for row in rows))


def cost_of(family: Family, images: int, y: int, x: int) -> Cost:
    """Work of the calibration and of applying the filter once, by the seconds of one core."""
    pixels = images * y * x
    judged = min(pixels, family.effort.pixels)
    phases = 4 if judged >= FEW else STRIDE**2
    work = family.seconds / UNIT_SECONDS
    return Cost(phases * family.trials * judged * work, pixels * work)


def _plane(image: Tensor) -> Plane:
    return image.detach().to("cpu", torch.float64).numpy()


@dataclass(frozen=True, eq=False)
class _Judge:
    """Finds the parameters of one channel."""

    family: Family
    samples: Sequence[Sample]
    context: Context
    channel: int
    channels: int

    def calibrate(self, warm: Values | None) -> Values:
        scale = _apparent_noise(self.samples)
        values = {
            parameter.name: self._begin(parameter, scale)
            if warm is None or parameter.given is not None
            else warm[parameter.name]
            for parameter in self.family.parameters
        }
        if not self.samples:
            return values
        tried = 0
        for parameter, first in self.family.searches:
            grid = parameter.grid
            unit = scale if parameter.intensity else 1.0
            begin = grid.coarse(unit) if first and warm is None else grid.around(values[parameter.name])
            loss = self._loss(parameter, values, tried)
            values[parameter.name] = lowest(loss, grid, begin)
            tried += grid.most
        return values

    def _begin(self, parameter: Parameter, scale: float) -> float:
        if parameter.given is not None:
            return parameter.given / (self.context.unit(self.channel) if parameter.intensity else 1.0)
        return parameter.start * (scale if parameter.intensity else 1.0)

    def _loss(self, parameter: Parameter, values: Values, tried: int) -> Callable[[float], float]:
        """Self-loss by a parameter's value, told to the listener run by run."""
        grids, most = phases_for(self.samples), parameter.grid.most
        runs = len(self.samples) * len(grids)
        stage = f"calibrating {parameter.name}" + (f" of channel {self.channel + 1}" if self.channels > 1 else "")
        index = 0

        def on_run(number: int, found: float) -> None:
            done = (tried + index - 1 + number / runs) / (self.family.trials + 1)
            loss = torch.tensor(found, dtype=torch.float32) if number == runs else None
            self.context.on_step(Step(stage, index, most, loss, (self.channel + done) / self.channels))

        def loss(value: float) -> float:
            nonlocal index
            index += 1
            own = {**values, parameter.name: value}
            return self_loss(lambda plane: self.family.function(plane, own), self.samples, grids, on_run)

        return loss


def _apparent_noise(samples: Sequence[Sample]) -> float:
    """Root mean square difference of a pixel and what its neighbours say; a little more than the noise's deviation."""
    error = sum(float(np.sum((s.noisy - s.neighbours)[s.valid] ** 2)) for s in samples)
    count = sum(int(s.valid.sum()) for s in samples)
    # of constant images any filter is right, and of no data any parameter
    return float(np.sqrt(error / count)) or 1e-3 if count else 0.1
