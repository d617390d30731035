"""A small method that chooses by the noise, as the tests register it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import pytest
import torch
from torch import Tensor

from noise2detail import settings
from noise2detail.method import Context, Cost, Denoiser, Step
from noise2detail.noise.measure import Measurement
from noise2detail.registry import METHODS, Entry
from noise2detail.types import Batch

SEEN: list[tuple[Measurement, ...]] = []
"""What the method was told, call by call."""

CONTEXTS: list[Context] = []
"""With what it was fitted."""


@dataclass(frozen=True)
class Stub:
    """Moves pixels towards the mean of the image, the more the noisier it is, and adds a little chance."""

    scope: ClassVar[Literal["any", "image"]] = "any"
    strength: float | None = None
    """None: chosen by the noise."""
    target: Literal["latent", "captured"] = "latent"

    @classmethod
    def recipe(cls, name: str) -> "Stub":
        return {"standard": cls(), "strong": cls(strength=0.9)}[name]

    def decided(self, noise: Sequence[Measurement], y: int, x: int) -> tuple["Stub", tuple[str, ...]]:
        SEEN.append(tuple(noise))
        found = max(one.model.sigma for one in noise)
        chosen = self.strength if self.strength is not None else min(0.9, found)
        return replace(self, strength=chosen), (f"strength {chosen:.2f}: the noise of {y}x{x} pixels asks for it",)

    def cost(self, images: int, y: int, x: int) -> Cost:
        return Cost(1.0 * images * y * x, 1.0 * images * y * x)

    def fit(self, noisy: Batch, context: Context, start: Denoiser | None = None) -> "Moved":
        CONTEXTS.append(context)
        assert self.strength is not None, "nobody decided"
        chance = torch.rand((), generator=torch.Generator().manual_seed(context.seed))
        context.on_step(Step("looking", 1, 1, None, 1.0))
        return Moved(torch.stack([noisy.mean(), torch.tensor(self.strength), 0.01 * chance]))

    def restore(self, tensors: Mapping[str, Tensor], context: Context) -> "Moved":
        return Moved(tensors["numbers"])


@dataclass(frozen=True, eq=False)
class Moved:
    """What the stub gives."""

    numbers: Tensor
    halo: ClassVar[int | None] = 0
    alignment: ClassVar[int] = 1

    def __call__(self, noisy: Batch) -> Batch:
        mean, strength, chance = self.numbers
        moved: Batch = noisy + strength * (mean - noisy) + chance
        return moved

    def stages(self, noisy: Batch) -> Mapping[str, Batch]:
        return {"moved": self(noisy)}

    def tensors(self) -> Mapping[str, Tensor]:
        return {"numbers": self.numbers}


def register(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the method known as ``stub`` for one test."""
    SEEN.clear()
    CONTEXTS.clear()
    entry = Entry(Stub, ("standard", "strong"), "moves pixels", "nobody", 2020, 1)
    monkeypatch.setitem(METHODS, "stub", entry)
    monkeypatch.setitem(settings.RECORDS, "Stub", Stub)
