"""How often clipping is seen, and how often the truth lies within two standard errors; a part of ``noise.py``."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from noise2detail.noise.measure import measure_noise

SIDE = 192
SEEDS = range(2)
IMAGES = 40
Values = NDArray[np.float64]
Case = tuple[str, Values, tuple[bool, bool]]


def clipping(scenes: dict[str, Values]) -> list[dict[str, Any]]:
    """Share of images in which just the ends were seen that were clipped, for each kind."""
    counts: dict[str, list[bool]] = {}
    for name, clean in scenes.items():
        for seed in SEEDS:
            for kind, image, expected in clipped_cases(clean[:SIDE, :SIDE], np.random.default_rng([3, seed])):
                model = measure_noise(torch.from_numpy(np.ascontiguousarray(image)).float()).model
                counts.setdefault(kind, []).append((np.isfinite(model.low), np.isfinite(model.high)) == expected)
        print(name, {kind: round(float(np.mean(right)), 3) for kind, right in counts.items()}, flush=True)
    return [
        {"case": kind, "images": len(right), "judged right": float(np.mean(right))} for kind, right in counts.items()
    ]


def clipped_cases(clean: Values, rng: np.random.Generator) -> Iterator[Case]:
    image = (clean - clean.min()) / (clean.max() - clean.min())
    dark = np.where(image > np.quantile(image, 0.85), image, 0.0)
    for sigma in (0.05, 0.1, 0.2):
        for blur in (0.0, 0.7, 1.2):
            kind = "correlated" if blur else "normal"
            noise = rng.normal(size=image.shape)
            noise = gaussian_filter(noise, blur, mode="wrap") if blur else noise
            noise *= sigma / noise.std()
            for levels in (0, 255):
                stored = _stored(levels)
                yield f"{kind}, not clipped", stored(image + noise + 1), (False, False)
                yield f"{kind}, low", stored(np.clip(image + noise, 0, None)), (True, False)
                yield f"{kind}, high", stored(np.clip(image + noise, None, 0.8) + 1), (False, True)
                yield f"{kind}, both", stored(np.clip(0.9 * image + 0.05 + noise, 0.1, 0.8)), (True, True)
                yield f"{kind}, nearly all dark, low", stored(np.clip(dark + noise, 0, None)), (True, False)
    for photons in (2, 20, 200):
        for own in (image, dark):
            counts = rng.poisson(photons * own).astype(float)
            yield "counts down to 0, not clipped", counts, (False, False)
            yield "counts without their mean, not clipped", 3 * (counts - counts.mean()), (False, False)
            for reading in (0.3, 2.0):
                read = counts + rng.normal(0, reading, own.shape)
                yield "camera, not clipped", read + 50, (False, False)
                yield "camera, masked, not clipped", np.where(image > 0.6, 0, read + 50), (False, False)
                smooth = gaussian_filter(photons * own, 20)
                yield "camera, background taken away, not clipped", read - smooth, (False, False)
                yield "camera, low", np.clip(read, 0, None), (True, False)
                yield (
                    "camera, high",
                    np.clip(counts + rng.normal(0, reading, own.shape), None, 0.6 * photons),
                    (
                        False,
                        True,
                    ),
                )


def _stored(levels: int) -> Callable[[Values], Values]:
    return (lambda image: (image * levels).round()) if levels else (lambda image: image)


def coverage(clean: Values, spread: Callable[..., Values], known: Callable[[float], float]) -> list[dict[str, Any]]:
    """Share of images in which each figure lies within two standard errors of what was put there."""
    found = []
    for photons, reading, blur in ((10, 0, 0), (10, 4, 0), (50, 1, 0), (250, 4, 0), (50, 1, 0.6), (50, 4, 1.0)):
        held = []
        for seed in range(IMAGES):
            noise = spread(np.random.default_rng([9, seed]), photons * clean, reading, blur)
            one = measure_noise(torch.from_numpy(3 * (photons * clean + noise) + 20).float())
            own, correlation = one.uncertainty, known(blur)
            off = [one.model.gain - 3, one.model.pedestal - 20, one.model.sigma - 3 * reading]
            off += [value - correlation for value in one.correlation]
            errors = (own.gain, own.pedestal, own.sigma, *own.correlation)
            held.append([abs(value) <= 2.001 * error for value, error in zip(off, errors, strict=True)])
        names = ("gain", "pedestal", "sigma", "correlation y", "correlation x")
        shares = dict(zip(names, np.mean(held, 0).tolist(), strict=True))
        found.append({"case": f"{photons} photons, reading noise {reading}, blur {blur}", **shares})
        print(found[-1], flush=True)
    return found
