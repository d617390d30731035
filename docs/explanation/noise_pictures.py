"""Draw the pictures of ``noise.md``: kinds of noise, and how each figure of it is measured.

python docs/explanation/noise_pictures.py

Scenes are simulated, so that what is known can stand beside what is measured; one is the micrograph of the examples.
"""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter
from scipy.special import expit

import noise2detail as n2d
from noise2detail.noise.autocovariance import measured_autocovariance
from noise2detail.noise.blocks import BLOCK, FINE, ROUGH, look_at
from noise2detail.noise.measure import measure_noise
from noise2detail.noise.model import NoiseModel
from noise2detail.noise.stabilize import stabilise

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs" / "images"
MICROGRAPH = ROOT / "examples" / "brain_section.tif"
Values = NDArray[np.float64]

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#00795c", "#555555"
"""Of Okabe and Ito, the green darker: they keep a contrast of 4.5 on white."""

PHOTONS, PEDESTAL, READING = 10.0, 20.0, 15.0
"""Value of one photon, value without light and deviation there, of the simulated camera."""


def main() -> None:
    """Write all pictures."""
    mpl.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    draw_kinds()
    draw_blocks()
    draw_curve()
    draw_shared()


def scene(side: int) -> Values:
    """Photons per pixel: discs, threads and a slow gradient, from 2 to about 60."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[:side, :side]
    light = 3 + 8 * x / side
    for _ in range(side // 10):
        row, column, radius, height = *random.uniform(0, side, 2), random.uniform(3, 14), random.uniform(5, 40)
        light = light + height * expit(2 * (radius - np.hypot(y - row, x - column)))
    for _ in range(side // 24):
        slope, middle, height = random.uniform(-1, 1), random.uniform(0, side), random.uniform(10, 30)
        light = light + height * np.exp(-((y - middle - slope * (x - side / 2)) ** 2) / 4)
    smooth: Values = gaussian_filter(light, 0.8)
    return smooth


def captured(light: Values, random: np.random.Generator, blur: float = 0.0) -> Values:
    """What the simulated camera makes of it: photons are counted, and reading adds normal noise."""
    noise = PHOTONS * (random.poisson(light) - light) + random.normal(0, READING, light.shape)
    if blur:
        noise = gaussian_filter(noise, blur, mode="wrap") * 2 * blur * np.sqrt(np.pi)
    return PEDESTAL + PHOTONS * light + noise


def draw_kinds() -> None:
    """The same scene under six kinds of noise."""
    random = np.random.default_rng(2)
    light = scene(160)
    level = PEDESTAL + PHOTONS * light
    read = random.normal(0, 120, light.shape)
    rows = random.normal(0, 60, (len(light), 1))
    shared = gaussian_filter(random.normal(0, 120, light.shape), 0.9, mode="wrap") * 1.8 * np.sqrt(np.pi)
    kinds = {
        "no noise": level,
        "photons: grows with the signal": PEDESTAL + 40 * random.poisson(light / 4),
        "reading: the same everywhere": level + read,
        "cut off at black": np.maximum(level - 130 + read, 0) + 20,
        "shared by neighbours": level + shared,
        "rows with offsets": level + rows + read / 4,
    }
    figure = Figure((7.4, 5.3), layout="constrained")
    for place, (title, pixels) in enumerate(kinds.items(), 1):
        axes = figure.add_subplot(2, 3, place)
        axes.imshow(pixels, cmap="gray", vmin=0, vmax=560, interpolation="nearest")
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    save(figure, "noise_kinds")


def draw_blocks() -> None:
    """Power of noise and of structure in the coefficients of small blocks."""
    random = np.random.default_rng(3)
    level = PEDESTAL + PHOTONS * scene(256)
    noise = random.normal(0, 30, level.shape)
    found = {"structure alone": level, "noise alone": noise, "both": level + noise}
    figure = Figure((7.4, 2.9), layout="constrained")
    for place, (title, pixels) in enumerate(found.items(), 1):
        blocks = np.lib.stride_tricks.sliding_window_view(pixels, (BLOCK, BLOCK))[::4, ::4].reshape(-1, BLOCK, BLOCK)
        power = (dctn(blocks, axes=(1, 2), norm="ortho") ** 2).mean(0)
        axes = figure.add_subplot(1, 3, place)
        shown = axes.imshow(np.log10(power), cmap="viridis", vmin=0, vmax=5)
        outline(axes, ROUGH, "white", "--")
        outline(axes, FINE, "white", "-")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("frequency along x")
        axes.set_ylabel("along y" if place == 1 else "")
    figure.colorbar(shown, ax=figure.axes, label="log10 of the mean power", shrink=0.85)
    save(figure, "noise_blocks")


def outline(axes: Axes, part: NDArray[np.bool_], colour: str, style: str) -> None:
    """Draw the border around some of the coefficients."""
    edges = []
    for row, column in zip(*np.nonzero(part), strict=True):
        for step in ((-1, 0), (1, 0), (0, -1), (0, 1)):
            y, x = row + step[0], column + step[1]
            if not (0 <= y < BLOCK and 0 <= x < BLOCK and part[y, x]):
                middle = np.array([column + step[1] / 2, row + step[0] / 2])
                along = np.array([step[0], step[1]]) / 2
                edges.append((middle - along, middle + along))
    for edge in edges:
        axes.add_patch(Polygon(np.array(edge), closed=False, color=colour, linestyle=style, linewidth=1.5))


def draw_curve() -> None:
    """Variance by brightness: simulated beside what is known, and of the micrograph."""
    light = scene(512)
    simulated = captured(light, np.random.default_rng(4))
    recorded = np.asarray(n2d.open(MICROGRAPH).array, np.float64)
    known = NoiseModel(PHOTONS, PEDESTAL, READING)
    figure = Figure((7.4, 3.3), layout="constrained")
    for place, (title, pixels, truth) in enumerate(
        [("simulated", simulated, known), ("recorded: a brain section", recorded, None)], 1
    ):
        axes = figure.add_subplot(1, 2, place)
        own = measure_noise(torch.from_numpy(pixels).float())
        scatter(axes, pixels, own.model, truth)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("brightness around the block")
        axes.set_ylabel("variance" if place == 1 else "")
        axes.legend(frameon=False, fontsize=9, loc="upper left")
        print(title, own.model, own.uncertainty, "known", truth)
    save(figure, "noise_curve")


def scatter(axes: Axes, pixels: Values, model: NoiseModel, truth: NoiseModel | None) -> None:
    """Every eighth block, means of flat ones by brightness, and lines."""
    blocks = look_at(torch.from_numpy(pixels).float(), None)[0]
    flat = blocks.rough < 2 * np.array([model.variance(mean) for mean in blocks.near])
    far = float(np.quantile(blocks.near[flat], 0.995))
    most = 2.5 * model.variance(far)
    axes.plot(
        blocks.near[~flat][::8], blocks.fine[~flat][::8], ".", color="#c8c8c8", ms=2, label="blocks with structure"
    )
    axes.plot(blocks.near[flat][::8], blocks.fine[flat][::8], ".", color="#7fb5d8", ms=2, label="flat blocks")
    order = np.argsort(blocks.near[flat])
    groups = np.array_split(order, 14)
    means = [[float(values[flat][one].mean()) for one in groups] for values in (blocks.near, blocks.fine)]
    axes.plot(*means, "o", color=BLUE, ms=5, label="their means")
    low = float(blocks.near.min())
    ends = np.array([min(low, model.pedestal), max(low, model.pedestal), far])
    axes.plot(ends, [model.variance(end) for end in ends], color=ORANGE, lw=2, label="measured")
    if truth is not None:
        axes.plot(ends, [truth.variance(end) for end in ends], "--", color="black", lw=1.2, label="known")
    axes.set_xlim(float(ends[0]), far)
    axes.set_ylim(0, most)


def draw_shared() -> None:
    """White noise and noise that neighbours share: what it looks like, and its measured autocorrelation."""
    light, blur = scene(512), 0.8
    white = captured(light, np.random.default_rng(5))
    shared = captured(light, np.random.default_rng(5), blur)
    figure = Figure((7.4, 2.9), layout="constrained")
    first, second, axes = figure.subplots(1, 3, width_ratios=[1, 1, 1.6])
    level = PEDESTAL + PHOTONS * light
    for view, title, pixels in ((first, "white", white), (second, "shared", shared)):
        view.imshow((pixels - level)[:48, :48], cmap="gray", vmin=-120, vmax=120, interpolation="nearest")
        view.set_title(title, fontsize=10)
        view.set_axis_off()
    lags = np.arange(5)
    known = np.exp(-(lags**2) / (4 * blur**2))
    axes.plot(lags, known, "--", color="black", lw=1.2, label="shared, known")
    for label, pixels, colour, mark in (("shared", shared, ORANGE, "o"), ("white", white, BLUE, "s")):
        measured = along_x(pixels)
        axes.plot(lags, measured, mark, color=colour, label=f"{label}, measured")
        print(label, np.round(measured, 3), "known", np.round(known, 3))
    axes.set_xlabel("pixels apart, along x")
    axes.set_ylabel("correlation of the noise")
    axes.set_xticks(lags)
    axes.legend(frameon=False, fontsize=9)
    save(figure, "noise_shared")


def along_x(pixels: Values) -> Values:
    """Correlation of the noise of pixels 0 to 4 apart, measured on the image itself."""
    image = torch.from_numpy(pixels).float()
    alike = stabilise(image, measure_noise(image).model)[None]
    found: Any = measured_autocovariance(alike).double().numpy()
    y, x = (size // 2 for size in found.shape)
    correlation: Values = found[y, x : x + 5] / found[y, x]
    return correlation


def save(figure: Figure, name: str) -> None:
    """Write a PNG of 64 colours, which plots and grey images do with."""
    path = IMAGES / f"{name}.png"
    figure.savefig(path, dpi=130, metadata={"Software": None})
    drawn = Image.open(path).convert("RGB")
    drawn.quantize(64, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path.relative_to(ROOT), path.stat().st_size)


if __name__ == "__main__":
    main()
