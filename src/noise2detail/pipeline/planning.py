"""Wishes and data resolved into one frozen plan, before anything is trained."""

import numpy as np
import torch

from noise2detail import registry
from noise2detail.engine.machine import Machine, has_bfloat16, measure
from noise2detail.errors import SettingError
from noise2detail.method import Method
from noise2detail.pipeline.layout import Layout, check_pixel_type, lay_out
from noise2detail.pipeline.memory_size import parse_size
from noise2detail.pipeline.run import Run, find_device
from noise2detail.pipeline.values import check_content, percentile_map, published_map
from noise2detail.plans import Plan
from noise2detail.settings import to_data
from noise2detail.tiling.geometry import TILE
from noise2detail.types import Pixels, Precision

PUBLISHED_RANGE = ("paper", "demo")
"""Recipes that map values as their authors do."""

LARGEST_TILE = 1024
"""However much memory there is; a larger one would only be slower."""

BYTES_PER_PIXEL = 2.5 * 48 * 4
"""Of a tile while a network is applied to it: two hidden layers and what surrounds them, in float32."""


def choose_method(method: str | Method, recipe: str | None) -> tuple[str, str, Method]:
    """Id, recipe and settings of the method that is meant.

    Parameters
    ----------
    method
        An id of the registry, or an object with own settings.
    recipe
        None: the method's default. With an object it only says how values are mapped.

    Raises
    ------
    SettingError
        No such method or recipe; the message names the nearest.
    """
    if not isinstance(method, str):
        if not isinstance(method, Method):
            known = ", ".join(registry.METHODS)
            raise SettingError(
                f"method is {method!r}; expected one of {known}, or an object that holds a method's settings"
            )
        name = next((n for n, e in registry.METHODS.items() if isinstance(method, e.method)), type(method).__name__)
        if recipe and name in registry.METHODS and recipe not in registry.METHODS[name].recipes:
            raise SettingError(registry.unknown("recipe", recipe, registry.METHODS[name].recipes))
        return name, recipe or "own", method
    entry = registry.find(method)
    recipe = recipe or entry.recipes[0]
    if recipe not in entry.recipes:
        raise SettingError(registry.unknown("recipe", recipe, entry.recipes))
    return method, recipe, entry.method.recipe(recipe)


def make_plan(
    array: Pixels, axes: str | None, method: str | Method, recipe: str | None, seed: int, run: Run
) -> tuple[Plan, Method, Layout]:
    """What will be done with an array, the method that does it, and how the array is laid out.

    Raises
    ------
    InputError
        The array cannot be denoised, and why.
    SettingError
        A wish that cannot be met.
    """
    check_pixel_type(array.dtype)
    check_seed(seed)
    layout = lay_out(array, axes)
    name, recipe, chosen = choose_method(method, recipe)
    channels = list(layout.channel_views(layout.view(array)))
    check_content(channels)
    value_map = published_map if recipe in PUBLISHED_RANGE else percentile_map
    device = find_device(run.device)
    precision, machine, why = choose_precision(run, device)
    tile = choose_tile(run.max_memory)
    fits, images = (len(layout.planes), 1) if run.fit == "each" else (1, len(layout.planes))
    pixels = fits * (layout.channels if run.channels == "each" else 1) * chosen.cost(images, *layout.size).total
    plan = Plan(
        method=name,
        recipe=recipe,
        settings=to_data(chosen),
        why=why,
        shape=tuple(array.shape),
        axes=layout.axes,
        dtype=str(array.dtype),
        planes=len(layout.planes),
        channels=layout.channels,
        value_maps=tuple(value_map(channel) for channel in channels),
        fit=run.fit,
        channel_mode=run.channels,
        seed=seed,
        device=str(device),
        precision=precision,
        threads=torch.get_num_threads(),
        tile=tile,
        expected_seconds=machine.seconds(pixels, precision) if machine else None,
        expected_mib=expected_mib(layout, tile),
    )
    return plan, chosen, layout


def check_seed(seed: object) -> None:
    """Raise unless ``seed`` is a whole number that every generator takes.

    Raises
    ------
    SettingError
        Not a whole number from 0 to 2**63 - 2.
    """
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63 - 1:
        raise SettingError(f"seed is {seed!r}; expected a whole number from 0 to 2**63 - 2")


def choose_precision(run: Run, device: torch.device) -> tuple[Precision, Machine | None, tuple[str, ...]]:
    """Precision, the measurement that it rests on, and the reason in words."""
    if run.precision != "auto":
        imitated = run.precision == "bfloat16" and not has_bfloat16(device)
        slow = (
            "; this hardware only imitates bfloat16, expect it to be many times slower than float32" if imitated else ""
        )
        return run.precision, run.machine, (f"{run.precision} was asked for{slow}",)
    machine = run.machine or measure(device)
    if machine.bfloat16_rate is None:
        return "float32", machine, (f"float32: {machine.processor} has no bfloat16 arithmetic",)
    ratio = machine.bfloat16_rate / machine.float32_rate
    return (
        machine.precision,
        machine,
        (f"{machine.precision}: bfloat16 runs at {ratio:.1f} times the speed of float32 here",),
    )


def choose_tile(max_memory: int | str | None) -> int:
    """Side of a tile that fits the memory.

    Raises
    ------
    SettingError
        Less than a tile of 64 pixels needs.
    """
    if max_memory is None:
        return TILE
    if isinstance(max_memory, str):
        max_memory = parse_size(max_memory)
    side = int(np.sqrt(max(0, max_memory) / BYTES_PER_PIXEL)) // 32 * 32 - 32
    if side < 64:
        raise SettingError(f"max_memory is {max_memory} bytes; expected at least {int(96**2 * BYTES_PER_PIXEL) + 1}")
    return min(side, LARGEST_TILE)


def expected_mib(layout: Layout, tile: int) -> float:
    """Memory for tiles and for the planes in work, in MiB."""
    y, x = layout.size
    return (min(tile, y) * min(tile, x) * BYTES_PER_PIXEL + 8 * 4 * y * x * layout.channels) / 2**20
