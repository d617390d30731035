"""Training on planes and applying to planes: the loop around the two calls of a method."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from noise2detail.method import Context, Denoiser, Method, Step
from noise2detail.plans import ChannelMode, Plan
from noise2detail.tiling.walk import Kinds, apply_in_tiles
from noise2detail.types import Batch

Planes = NDArray[np.float32]
"""``(plane, channel, y, x)`` in the working range."""

Valid = NDArray[np.bool_]
"""Same shape; True where a pixel is data."""


@dataclass(frozen=True)
class Part:
    """A share of a longer work: renames and rescales what a fit reports."""

    index: int
    """From 0."""
    count: int
    name: str
    """What is counted; empty: nothing worth telling."""

    def listen(self, on_step: Callable[[Step], None]) -> Callable[[Step], None]:
        """Listener for the fit of this part."""
        prefix = f"{self.name} {self.index + 1}/{self.count}, " if self.count > 1 else ""

        def report(step: Step) -> None:
            on_step(replace(step, stage=prefix + step.stage, fraction=(self.index + step.fraction) / self.count))

        return report


def channel_groups(channels: int, mode: ChannelMode) -> tuple[slice, ...]:
    """Channels that are trained together."""
    return (slice(0, channels),) if mode == "joint" else tuple(slice(c, c + 1) for c in range(channels))


def fit_planes(
    planes: Planes, valid: Valid | None, method: Method, plan: Plan, on_step: Callable[[Step], None]
) -> tuple[Denoiser, ...]:
    """One denoiser for each group of channels, each trained on all planes together."""
    groups = channel_groups(planes.shape[1], plan.channel_mode)
    return tuple(
        method.fit(
            torch.from_numpy(planes[:, group]).to(plan.device),
            Context(
                seed=plan.seed,
                device=torch.device(plan.device),
                precision=plan.precision,
                mask=None if valid is None else torch.from_numpy(valid[:, group].all(1, keepdims=True)).to(plan.device),
                on_step=Part(number, len(groups), "channel").listen(on_step),
            ),
        )
        for number, group in enumerate(groups)
    )


def apply_to_plane(denoisers: Sequence[Denoiser], plane: NDArray[np.float32], plan: Plan) -> NDArray[np.float32]:
    """Denoised plane, ``(channel, y, x)``."""
    return _apply(denoisers, plane, plan, lambda denoiser: denoiser)


def stages_of_plane(
    denoisers: Sequence[Denoiser], plane: NDArray[np.float32], plan: Plan
) -> dict[str, NDArray[np.float32]]:
    """Every image on the way of a plane to its denoised self, each ``(channel, y, x)``."""
    names: list[str] = []

    def all_stages(denoiser: Denoiser) -> Callable[[Batch], Kinds]:
        def run(noisy: Batch) -> Kinds:
            found = denoiser.stages(noisy)
            names[:] = found
            return torch.stack(list(found.values()), dim=2).flatten(1, 2)  # (batch, channel * stage, y, x)

        return run

    together = _apply(denoisers, plane, plan, all_stages)
    split = together.reshape(len(plane), len(names), *plane.shape[-2:])
    return {name: np.ascontiguousarray(split[:, n]) for n, name in enumerate(names)}


def _apply(
    denoisers: Sequence[Denoiser],
    plane: NDArray[np.float32],
    plan: Plan,
    function: Callable[[Denoiser], Callable[[Batch], Kinds]],
) -> NDArray[np.float32]:
    results = [
        apply_in_tiles(
            function(denoiser),
            torch.from_numpy(plane[None, group]).to(plan.device),
            tile=plan.tile,
            halo=denoiser.halo,
            alignment=denoiser.alignment,
        )[0]
        for denoiser, group in zip(denoisers, channel_groups(len(plane), plan.channel_mode), strict=True)
    ]
    result: NDArray[np.float32] = torch.cat(results).cpu().numpy()
    return result
