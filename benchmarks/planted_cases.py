"""Images whose truth is known, their noise as the program measures it, and what good methods make of them."""

import pickle
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage import data

import noise2detail as n2d
from noise import scene
from noise2detail.noise.measure import Measurement
from noise2detail.noise.model import NoiseModel
from noise2detail.pipeline.noise import channel_noise
from scorer import scorer

FIELD = 256
"""Side of the images with spots, in pixels."""

Values = NDArray[np.float64]

PEDESTAL, WHITE = 100.0, 1000.0
"""Values of black, and of white above it."""

METHODS: dict[str, dict[str, Any]] = {
    "auto, fast": {"method": "auto", "recipe": "fast"},
    "bm3d, stabilised": {"method": "bm3d", "run": n2d.Run(stabilize=True)},
    "noise2detail, fast": {"method": "noise2detail", "recipe": "fast"},
}
ORACLE = "oracle"
"""The clean image with a tenth of the noise left in: what a method that loses nothing could give."""

NOISES: dict[str, NoiseModel] = {
    "gaussian 10": NoiseModel(pedestal=PEDESTAL, sigma=WHITE * 10 / 255),
    "gaussian 25": NoiseModel(pedestal=PEDESTAL, sigma=WHITE * 25 / 255),
    "200 photons": NoiseModel(WHITE / 200, PEDESTAL, 10.0),
    "30 photons": NoiseModel(WHITE / 30, PEDESTAL, 40.0),
}
"""Strength at white; the last two with reading noise of 2 and 1.2 photons."""

PAIRS = (("gaussian 10", "30 photons"), ("200 photons", "gaussian 25"))
"""Two noises for each image, by turns."""


@dataclass(frozen=True, eq=False)
class Spots:
    """Spots that were laid into a clean image."""

    y: Values = field(default_factory=lambda: np.zeros(0))
    x: Values = field(default_factory=lambda: np.zeros(0))
    height: Values = field(default_factory=lambda: np.zeros(0))
    """Above the background."""
    snr: Values = field(default_factory=lambda: np.zeros(0))
    """Of a filter that knows shape and place."""
    sigma: float = 1.5
    """Of their Gaussian shape, in pixels."""


@dataclass(frozen=True, eq=False)
class Case:
    """One noisy image."""

    name: str
    noise: str
    clean: Values
    noisy: Values
    spots: Spots
    measurement: Measurement
    """By the program, from the noisy image alone."""
    results: dict[str, Values]
    """Of every method."""

    @property
    def deviation(self) -> Values:
        """Of the noise as it is, pixel by pixel."""
        model = NOISES[self.noise]
        return np.sqrt(model.gain * np.maximum(self.clean - model.pedestal, 0) + model.sigma**2)


def cases(program: Path, cache: Path) -> Iterator[Case]:
    """Every case, from the folder ``cache`` where it was made before."""
    cache.mkdir(parents=True, exist_ok=True)
    for number, (name, image, spotted) in enumerate(scenes(program)):
        for noise in PAIRS[number % 2]:
            file = cache / f"{name} {noise}.pickle".replace(" ", "-")
            if not file.exists():
                file.write_bytes(pickle.dumps(made(name, noise, image, spotted)))
            yield pickle.loads(file.read_bytes())


def scenes(program: Path) -> Iterator[tuple[str, Values, bool]]:
    """Name, clean image from 0 to 1, and whether spots are laid into it."""
    score = scorer(program)
    slices = [entry[3] for entry in score.SETS["ct-poisson30"]([0])]
    references = {entry[0]: entry[3] / 255.0 for entry in score.SETS["fmd"]([1])}
    structures = [score.read(file) / 255.0 for file in sorted((score.DATA / "biosr/Microtubules_GT").glob("*.png"))]
    photographs = {name: np.asarray(getattr(data, name)(), float)[:512, :512] for name in ("camera", "coins", "cell")}
    grounds = [
        0.3 * references["Confocal_FISH"],
        0.3 * references["TwoPhoton_MICE"],
        0.5 * slices[1],
        0.3 * structures[0],
    ]
    for number, ground in enumerate(grounds):
        yield f"spots {2 * number}", np.linspace(0.03, 0.08 + 0.05 * number, FIELD)[:, None] * np.ones((1, FIELD)), True
        yield f"spots {2 * number + 1}", np.asarray(ground, float)[128 : 128 + FIELD, 128 : 128 + FIELD], True
    yield from ((name, photograph / 255.0, False) for name, photograph in photographs.items())
    yield from ((f"ct {number}", np.asarray(slices[number], float), False) for number in range(0, len(slices), 3))
    yield from ((f"fmd {name}", image / image.max(), False) for name, image in references.items())
    yield from ((f"microtubules {number}", image, False) for number, image in enumerate(structures))
    yield "discs and threads", scene(), False
    yield "discs", discs(), False


def discs() -> Values:
    rng = np.random.default_rng(11)
    y, x = np.mgrid[:512, :512]
    image = np.full((512, 512), 0.1)
    for top, left, size, level in zip(
        *rng.uniform(0, 512, (2, 30)), rng.uniform(8, 40, 30), rng.uniform(0.2, 0.9, 30), strict=True
    ):
        image[(y - top) ** 2 + (x - left) ** 2 < size**2] = level
    return np.asarray(gaussian_filter(image, 1.0))


def made(name: str, noise: str, image: Values, spotted: bool) -> Case:
    rng = np.random.default_rng(zlib.crc32(f"{name} {noise}".encode()))
    model = NOISES[noise]
    clean, spots = PEDESTAL + WHITE * image, Spots()
    if spotted:
        clean, spots = with_spots(clean, model, rng)
    noisy = drawn(clean, model, rng)
    results = {way: np.asarray(n2d.denoise(noisy, seed=0, **settings), float) for way, settings in METHODS.items()}
    results[ORACLE] = clean + 0.1 * (noisy - clean)
    measurement = channel_noise(noisy)[0].measurement
    print(name, noise, measurement.model, f"band {measurement.band:.2f}", flush=True)
    return Case(name, noise, clean, noisy.astype(float), spots, measurement, results)


def drawn(clean: Values, model: NoiseModel, rng: np.random.Generator) -> NDArray[np.float32]:
    """The clean image as one recording of it."""
    above = np.maximum(clean - model.pedestal, 0)
    photons = rng.poisson(above / model.gain) * model.gain if model.gain else clean - model.pedestal
    return (model.pedestal + photons + rng.normal(0, model.sigma, clean.shape)).astype(np.float32)


def with_spots(ground: Values, model: NoiseModel, rng: np.random.Generator) -> tuple[Values, Spots]:
    """Spots on a grid of cells, jittered so that none covers another; their strength from 4 to 25 times the noise."""
    sigma = float(rng.uniform(1.0, 2.2))
    cell = float(rng.uniform(18, 36))
    grid = np.arange(cell / 2, FIELD - cell / 2, cell)
    y, x = (one.ravel() for one in np.meshgrid(grid, grid, indexing="ij"))
    y, x = (one + rng.uniform(-cell / 4, cell / 4, one.size) for one in (y, x))
    wished = np.exp(rng.uniform(np.log(4), np.log(25), y.size))
    heights, found, clean = [], [], ground.copy()
    for top, left, snr in zip(y, x, wished, strict=True):
        at, shape = stamp(top, left, sigma)
        own = ground[at]
        height = snr * np.sqrt(model.variance(float(own.mean()))) / np.linalg.norm(shape)
        variance = model.gain * np.maximum(own + height * shape - model.pedestal, 0) + model.sigma**2
        heights.append(height)
        found.append(float(np.sqrt(np.sum((height * shape) ** 2 / variance))))
        clean[at] += height * shape
    return clean, Spots(y, x, np.array(heights), np.array(found), sigma)


def stamp(y: float, x: float, sigma: float) -> tuple[tuple[slice, slice], Values]:
    """Where a spot lies, and its shape there, 1 at its peak."""
    reach = int(np.ceil(4 * sigma))
    top, left = (max(round(place) - reach, 0) for place in (y, x))
    bottom, right = (min(round(place) + reach + 1, FIELD) for place in (y, x))
    rows, columns = np.arange(top, bottom)[:, None] - y, np.arange(left, right)[None] - x
    return (slice(top, bottom), slice(left, right)), np.exp(-(rows**2 + columns**2) / (2 * sigma**2))
