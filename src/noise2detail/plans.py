"""Records of what will be done and of what was done: data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from noise2detail.types import Precision

FitMode = Literal["plane", "shared", "warm"]
"""One training for each plane, one for all, or one that goes on from plane to plane."""
FitWish = Literal["plane", "shared", "warm", "auto"]
"""``auto`` decides by size and measured drift."""
ChannelMode = Literal["joint", "each"]
Target = Literal["latent", "captured"]
"""What is estimated: the signal before noise was cut off, or the mean of many such recordings."""


@dataclass(frozen=True)
class ValueMap:
    """The affine map of one channel into the working range: ``(value - offset) / scale``."""

    offset: float
    """Value that becomes 0, in image units."""
    scale: float
    """Difference of the values that become 1 and 0, in image units; positive."""


@dataclass(frozen=True)
class NoiseFound:
    """What was measured of the noise of one channel, in image units."""

    gain: float
    """Values of the image for one detected photon; 0: the noise does not depend on the signal."""
    pedestal: float
    """Value where no light falls."""
    sigma: float
    """Standard deviation where no light falls."""
    clipped_below: float | None = None
    """Values below were set to it; None: none were."""
    clipped_above: float | None = None
    """Values above were set to it."""
    correlation: tuple[float, float] = (0.0, 0.0)
    """Of the noise of a pixel with that of the next one, in y and in x."""

    def __str__(self) -> str:
        if not (self.gain or self.sigma):
            return "none"
        said = [f"deviation {self.sigma:.3g}"]
        if self.gain:
            said = [f"photons worth {self.gain:.3g}", f"no light reads {self.pedestal:.4g} +- {self.sigma:.3g}"]
        said += [f"cut off below {self.clipped_below:.4g}"] if self.clipped_below is not None else []
        said += [f"cut off above {self.clipped_above:.4g}"] if self.clipped_above is not None else []
        down, across = (max(round(value, 2), 0.0) for value in self.correlation)
        return ", ".join([*said, f"correlation {across:.2f} along x, {down:.2f} along y"])


@dataclass(frozen=True)
class Neighbours:
    """Planes that are worked on together."""

    axis: str
    """``T`` or ``Z``, along which they follow each other; empty: the only one that there is."""
    reach: int
    """Planes on each side of the middle one of a window."""

    def depth(self, planes: int) -> int:
        """Planes of a window of a series of so many."""
        return min(2 * self.reach + 1, planes)

    def starts(self, planes: int) -> tuple[int, ...]:
        """First planes of the windows that cover a series; those next to each other overlap."""
        last = planes - self.depth(planes)
        return (*range(0, last, self.reach + 1), last)


@dataclass(frozen=True)
class Plan:
    """What would be done with one image and why; printed with ``print(plan)``."""

    method: str
    """Method id, as in the registry."""
    recipe: str
    """Recipe of the method."""
    settings: Mapping[str, Any]
    """Every hyper-parameter of the method."""
    why: tuple[str, ...]
    """Reasons for what was decided, one sentence each."""
    shape: tuple[int, ...]
    """Shape of the array."""
    axes: str
    """Axes of the array."""
    dtype: str
    """Pixel type of the array, and of the result."""
    planes: int
    """Number of YX planes, channels counted once."""
    channels: int
    """Channels and RGB samples of a plane."""
    value_maps: tuple[ValueMap, ...]
    """One for each channel."""
    fit: FitMode
    """One training for every plane, one shared by all, or one that goes on from plane to plane."""
    channel_mode: ChannelMode
    """Channels trained jointly, or one by one."""
    seed: int
    """Of every random choice."""
    device: str
    """Where the training runs."""
    precision: Precision
    """Of the convolutions."""
    threads: int
    """Processor threads."""
    tile: int
    """Largest side of a tile when the denoiser is applied, in pixels."""
    expected_seconds: float | None = None
    """Rough forecast for this machine; None: never measured here."""
    max_memory: int | None = None
    """Bytes on top of the image itself that may be taken; None: no limit."""
    training_planes: int = 1
    """Most planes that one training sees."""
    at_once: int = 1
    """Planes that are trained at once, each with a network of its own."""
    expected_mib: float | None = None
    """Rough forecast of the memory on top of the image itself."""
    frames: bool = False
    """All time points of a scene are learnt from together."""
    noise: tuple[NoiseFound, ...] = ()
    """Of each channel, where the method asks for it."""
    anyway: bool = False
    """Denoising was asked for although it would do harm."""
    neighbours: Neighbours | None = None
    """Planes that are worked on together; None: each is denoised by itself."""
    starts: tuple[int, ...] = ()
    """Of a warm training: planes, numbered from 0 in the order of the work, at which it begins anew."""

    def _trainings(self) -> str:
        if self.frames:
            return "one training for all frames of a scene"
        if self.neighbours:
            return f"windows of {2 * self.neighbours.reach + 1} along {self.neighbours.axis} together"
        if self.fit == "warm":
            count = len(self.starts)
            begun = "" if count == 1 else f", begun anew {count - 1} time{'s' * (count != 2)}"
            return f"one training that goes on from plane to plane{begun}"
        return "one training each" if self.fit == "plane" else "one training shared by all"

    def _noise(self) -> list[str]:
        several = len(self.noise) > 1
        return [f"channel {number}: {one}" if several else str(one) for number, one in enumerate(self.noise, 1)]

    def __str__(self) -> str:
        size = " x ".join(map(str, self.shape))
        work = f"{self.planes} plane{'s' * (self.planes != 1)}, {self.channels} channel{'s' * (self.channels != 1)}"
        if self.planes > 1:
            work += f", {self._trainings()}"
            work += f", {self.at_once} at once" if self.at_once > 1 else ""
        if self.channels > 1:
            work += ", channels one by one" if self.channel_mode == "each" else ", channels together"
        threads = f"{self.threads} thread{'s' * (self.threads != 1)}"
        lines = [
            f"image    {size} {self.dtype}, axes {self.axes}: {work}",
            f"method   {self.method}, recipe {self.recipe}",
            f"run      {self.device}, {self.precision}, {threads}, tiles of {self.tile}, seed {self.seed}",
        ]
        lines += [f"noise    {channel}" for channel in self._noise()]
        if self.expected_seconds is not None:
            lines.append(f"expect   {self.expected_seconds:.0f} s, {self.expected_mib or 0:.0f} MiB")
        return "\n".join(lines + [f"because  {reason}" for reason in self.why])


@dataclass(frozen=True)
class Provenance:
    """What was done to a file; written beside the output."""

    plan: Plan
    """What was decided."""
    seconds_denoise: float
    """Without start-up, reading and writing."""
    version: str
    """Of this package."""
    commit: str | None = None
    """Commit of this package, when it runs from a repository."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    """Versions that can change the result."""
    input_name: str = ""
    """Name of the input file, without folders."""
    input_sha256: str = ""
    """Digest of the input file."""
    input_image: int | str | None = None
    """Number of the image in the input file, where it was chosen."""
    holds: Mapping[str, Any] = field(default_factory=dict)
    """``what`` the file holds where that is not the denoised image, and how it was found."""
