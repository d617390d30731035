"""Noisy images made for the gallery where no recording may be shown, each with what was there without noise."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]
Made = tuple[NDArray[np.uint16] | NDArray[np.uint8], Array]
"""As recorded, and as it was."""

SIDE = 256


def wide_field() -> Made:
    """Filaments over out-of-focus light, whose noise neighbouring pixels share as on the wide-field scenes of FMD."""
    chance = np.random.default_rng(1)
    scene = 8 + 60 * filaments(chance, 16, 1.6) + 40 * ndimage.gaussian_filter(filaments(chance, 12, 6.0), 12)
    noise = chance.poisson(scene) - scene
    shared = ndimage.gaussian_filter(noise, 0.75)
    shared *= noise.std() / shared.std()
    return (20 + 3 * (scene + shared)).round().clip(0, 65535).astype(np.uint16), 20 + 3 * scene


def light_sheet() -> Made:
    """Five planes of nuclei at up to 60 photons, with a camera's offset and the shadows that a sheet casts."""
    chance = np.random.default_rng(2)
    planes, rows, columns = 5, SIDE, SIDE
    z, y, x = np.mgrid[-2:3, :rows, :columns]
    scene = np.full((planes, rows, columns), 4.0)
    for _ in range(70):
        cz, cy, cx = chance.uniform(-4, 4), chance.uniform(0, rows), chance.uniform(0, columns)
        a, b = chance.uniform(7, 12, 2)
        inside = ((z - cz) / 3) ** 2 + ((y - cy) / a) ** 2 + ((x - cx) / b) ** 2 < 1
        scene[inside] = chance.uniform(20, 56)
    grain = ndimage.gaussian_filter(chance.standard_normal(scene.shape), (1, 2, 2))
    scene *= 1 + 0.25 * grain / grain.std() * (scene > 10)
    scene = ndimage.gaussian_filter(scene, (0.8, 1.2, 1.2))
    shadow = 1 - 0.25 * np.clip(ndimage.gaussian_filter1d(chance.standard_normal(rows), 2) * 2.5, 0, 1)
    scene = np.maximum(scene, 0) * shadow[:, None]
    counts = chance.poisson(scene) + chance.normal(0, 1.6, scene.shape)
    return (100 + 2 * counts).round().clip(0, 65535).astype(np.uint16), 100 + 2 * scene


def oct_scan() -> Made:
    """Layers of a retina in logarithmic grey levels, under the speckle that coherent light makes of them."""
    chance = np.random.default_rng(3)
    rows, columns = 256, 400
    y, x = np.mgrid[:rows, :columns].astype(np.float64)
    bow = 60 + 22 * ((x - 200) / 200) ** 2 + 22 * np.exp(-(((x - 205) / 38) ** 2))
    depths = (0, 18, 40, 52, 66, 78, 92, 104, 118)
    levels = (78, 130, 92, 126, 70, 96, 60, 152, 168)
    scene = np.full((rows, columns), 30.0)
    for depth, level in zip(depths, levels, strict=True):
        thin = 1 - 0.7 * np.exp(-(((x - 205) / 38) ** 2)) if depth < 66 else 1.0
        scene[y > bow + depth * thin] = level
    beyond = np.clip(y - (bow + 128), 0, None)
    scene = np.where(beyond > 0, 30 + 110 * np.exp(-beyond / 28), scene)
    scene = ndimage.gaussian_filter(scene, 0.8)
    looks = [chance.standard_normal((2, rows, columns)) for _ in range(2)]
    speckle = np.mean([(ndimage.gaussian_filter(one, (0, 0.7, 1.0)) ** 2).sum(0) for one in looks], axis=0)
    # the logarithm of an exponential distribution has a mean of its own, which is the scene's here
    grain = np.log(speckle / speckle.mean())
    return (scene + 24 * (grain - grain.mean())).round().clip(0, 255).astype(np.uint8), scene


def few_photons() -> Made:
    """Thin filaments of two photons at their brightest: raw counts."""
    chance = np.random.default_rng(4)
    scene = 0.05 + 1.95 * filaments(chance, 30, 1.0)
    return chance.poisson(scene).astype(np.uint16), scene


def flash() -> Made:
    """Five frames of the same nuclei; in the third, and nowhere else, twelve spots of a few pixels."""
    chance = np.random.default_rng(5)
    still = (light_sheet()[1][2, 40:200, 40:200] - 100) / 2
    spots = np.zeros_like(still)
    for row in range(20, 160, 45):
        for column in range(15, 160, 55):
            spots[row, column] = 1
    frames = np.stack([still] * 5)
    frames[2] += 7 * ndimage.gaussian_filter(spots, 1.5) * 2 * np.pi * 1.5**2
    counts = chance.poisson(frames) + chance.normal(0, 1.6, frames.shape)
    return (100 + 2 * counts).round().clip(0, 65535).astype(np.uint16), 100 + 2 * frames


def counted(scene: Array, photons: float) -> Made:
    """A scene as a detector sees it: so many photons at the brightest, 12 grey levels each, over a pedestal of 40."""
    chance = np.random.default_rng(0)
    mean = scene / scene.max() * photons
    seen = 40 + 12 * chance.poisson(mean) + chance.normal(0, 3, mean.shape)
    return seen.round().clip(0, 65535).astype(np.uint16), 40 + 12 * mean


def compressed() -> Made:
    """The wide-field scene without any noise, to be kept as a JPEG."""
    scene = wide_field()[1]
    return scene.round().clip(0, 255).astype(np.uint8), scene


def filaments(chance: np.random.Generator, number: int, width: float) -> Array:
    """Smooth random curves, 1 at the brightest."""
    drawn = np.zeros((SIDE, SIDE))
    for _ in range(number):
        turn = ndimage.gaussian_filter1d(chance.standard_normal(1600), 60) * 0.35
        angle = chance.uniform(0, 2 * np.pi) + np.cumsum(turn) * 0.35
        start = chance.uniform(0, SIDE, 2)
        path = start[:, None] + np.cumsum([np.sin(angle), np.cos(angle)], axis=1) * 0.3
        inside = ((path >= 0) & (path < SIDE)).all(0)
        rows, columns = path[:, inside].astype(int)
        drawn[rows, columns] = 1
    smooth = ndimage.gaussian_filter(drawn, width)
    highest: float = np.quantile(smooth, 0.999)
    curves: Array = np.clip(smooth / highest, 0, 1)
    return curves


SCENES: Mapping[str, Callable[[], Made]] = {
    "wide_field": wide_field,
    "light_sheet": light_sheet,
    "oct_scan": oct_scan,
    "few_photons": few_photons,
    "compressed": compressed,
    "flash": flash,
}
