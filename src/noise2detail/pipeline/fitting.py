"""Training on planes: the loop around the first of the two calls of a method."""

import logging

import numpy as np
import torch
from numpy.typing import NDArray

from noise2detail.engine.fit_each import fit_each
from noise2detail.errors import is_out_of_memory
from noise2detail.method import Context, Denoiser, Method, SeesNeighbours
from noise2detail.pipeline.deciding import noise_models
from noise2detail.pipeline.memory import give_back
from noise2detail.pipeline.progress import Listener, Part, share
from noise2detail.plans import ChannelMode, Plan
from noise2detail.types import Batch

log = logging.getLogger(__name__)

Planes = NDArray[np.float32]
"""``(plane, channel, y, x)`` in the working range."""

Valid = NDArray[np.bool_]
"""Same shape; True where a pixel is data."""


def channel_groups(channels: int, mode: ChannelMode) -> tuple[slice, ...]:
    """Channels that are trained together."""
    return (slice(0, channels),) if mode == "joint" else tuple(slice(c, c + 1) for c in range(channels))


def fit_planes(
    planes: Planes,
    valid: Valid | None,
    method: Method,
    plan: Plan,
    on_step: Listener,
    start: tuple[Denoiser, ...] | None = None,
) -> tuple[Denoiser, ...]:
    """One denoiser for each group of channels, each trained on all planes together; ``start`` are warm starts."""
    groups = channel_groups(planes.shape[1], plan.channel_mode)
    fitted = tuple(
        method.fit(
            *_material(planes, valid, group, plan, Part(number, len(groups), "channel").listen(on_step)),
            None if start is None else start[number],
        )
        for number, group in enumerate(groups)
    )
    give_back()
    return fitted


def fit_windows(
    planes: Planes, valid: Valid | None, method: SeesNeighbours, plan: Plan, on_step: Listener
) -> tuple[Denoiser, ...]:
    """One denoiser for each group of channels, each for all planes as one window of neighbours."""
    groups = channel_groups(planes.shape[1], plan.channel_mode)
    fitted = tuple(
        method.fit_window(*_material(planes, valid, group, plan, Part(number, len(groups), "channel").listen(on_step)))
        for number, group in enumerate(groups)
    )
    give_back()
    return fitted


def fit_each_plane(
    planes: Planes, valid: Valid | None, method: Method, plan: Plan, on_step: Listener
) -> list[tuple[Denoiser, ...]]:
    """For each plane, one denoiser for each group of channels: those of all planes are trained at once.

    Where that takes more memory than there is, half of the planes are trained at once, and so on.
    """
    if len(planes) == 1:
        return [fit_planes(planes, valid, method, plan, on_step)]
    groups = channel_groups(planes.shape[1], plan.channel_mode)
    try:
        by_group = [
            fit_each(
                method,
                *_material(planes, valid, group, plan, Part(number, len(groups), "channel").listen(on_step)),
            )
            for number, group in enumerate(groups)
        ]
        return list(zip(*by_group, strict=True))
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    half = len(planes) // 2
    log.warning("not enough memory to train %d planes at once; going on with %d", len(planes), half)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    share_of_first = half / len(planes)
    parts = (
        (slice(0, half), share(on_step, 0.0, share_of_first)),
        (slice(half, None), share(on_step, share_of_first, 1.0)),
    )
    return [
        own
        for part, listen in parts
        for own in fit_each_plane(planes[part], None if valid is None else valid[part], method, plan, listen)
    ]


def _material(
    planes: Planes, valid: Valid | None, group: slice, plan: Plan, on_step: Listener
) -> tuple[Batch, Context]:
    """What a method is given to learn a group of channels from."""
    mask = None if valid is None else torch.from_numpy(valid[:, group].all(1, keepdims=True)).to(plan.device)
    models = noise_models(plan.noise, plan.value_maps)
    context = Context(
        seed=plan.seed,
        device=torch.device(plan.device),
        precision=plan.precision,
        mask=mask,
        noise=None if models is None else models[group],
        units=tuple(value_map.scale for value_map in plan.value_maps[group]),
        tile=plan.tile,
        on_step=on_step,
    )
    return torch.from_numpy(planes[:, group]).to(plan.device), context
