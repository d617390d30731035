"""Small noisy images and methods cut to a few steps: what the tests are made of."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from noise2detail.engine.smoother import PairSmoother
from noise2detail.engine.training import Training
from noise2detail.method import Method
from noise2detail.pipeline.run import Run
from noise2detail.registry import METHODS
from noise2detail.types import Batch

CPU = Run(device="cpu", precision="float32")
"""Measures nothing: the same on every machine."""


def noisy_batch(*shape: int, seed: int = 0) -> Batch:
    """Smooth waves plus noise, mostly within [0, 1]; ``(batch, channel, y, x)``."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(shape[-2]) / 5.0, torch.arange(shape[-1]) / 7.0, indexing="ij")
    return 0.5 + 0.2 * torch.sin(y) * torch.cos(x) + 0.15 * torch.randn(shape, generator=generator)


def noisy_array(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    """The same as an array of any number of dimensions."""
    result: NDArray[np.float32] = noisy_batch(1, *shape, seed=seed)[0].numpy()
    return result


def shortened(method: Any, steps: int = 3, width: int = 8) -> Any:
    """The method with all its trainings cut to a few steps, a thin network, and nothing clipped.

    After so few steps a network that predicts the image gives values below 0: clipped, they would all be the same.
    """
    changes: dict[str, Any] = {
        field.name: replace(getattr(method, field.name), steps=steps)
        for field in fields(method)
        if isinstance(getattr(method, field.name), Training)
    }
    for name, part in vars(method).items():
        if isinstance(part, PairSmoother):
            changes[name] = replace(part, training=replace(part.training, steps=steps), width=width)
    small = {"steps": steps, "width": width, "clip": False, "shifts": 1, "iterations": 40}
    small |= {name: min(2, getattr(method, name, 2)) for name in ("passes", "members")}
    names = {field.name for field in fields(method)}
    return replace(method, **changes, **{name: value for name, value in small.items() if name in names})


def is_trained(method: Any) -> bool:
    """Whether a method trains a network; a classical filter has no steps and no random choices."""
    kinds = (Training, PairSmoother)
    return hasattr(method, "steps") or any(isinstance(value, kinds) for value in vars(method).values())


def reads_frames(method: Any) -> bool:
    """Whether a method takes its batch for frames of one scene."""
    return bool(getattr(method, "frames", False))


EVERY_RECIPE = ("noise2detail", "zs_n2n")
"""Methods whose recipes differ in their engine: each runs the whole battery; of the others, the default does."""


def registered(steps: int = 3) -> list[Any]:
    """Every registered method, shortened, as parameters with ids."""
    return [
        pytest.param(shortened(entry.method.recipe(recipe), steps), id=f"{name}-{recipe}")
        for name, entry in METHODS.items()
        for recipe in (entry.recipes if name in EVERY_RECIPE else entry.recipes[:1])
    ]


def quick(recipe: str = "fast", steps: int = 2, **settings: Any) -> Method:
    """The default method with a thin network and next to no training."""
    method: Method = replace(shortened(METHODS["noise2detail"].method.recipe(recipe), steps, 4), **settings)
    return method
