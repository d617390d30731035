"""What the command line asks for, and what that means on this machine: settled before a file is opened."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from noise2detail import registry
from noise2detail.cli.images import find_choice
from noise2detail.cli.pixel_type import find_pixel_type
from noise2detail.engine.machine import has_bfloat16
from noise2detail.errors import SettingError
from noise2detail.io.several import Choice
from noise2detail.machine_cache import machine_for
from noise2detail.method import Method
from noise2detail.pipeline.memory import find_limit
from noise2detail.pipeline.planning import choose_method
from noise2detail.pipeline.precision import choose_precision
from noise2detail.pipeline.run import Run, find_device
from noise2detail.pipeline.threads import MOST
from noise2detail.plans import ChannelMode, FitWish, Target
from noise2detail.settings import changed
from noise2detail.types import Precision


@dataclass(frozen=True)
class Wishes:
    """The command line as it was typed."""

    method: str | None = None
    """Id of the registry."""
    recipe: str | None = None
    """Of the method."""
    settings: tuple[str, ...] = ()
    """``NAME=VALUE`` each."""
    seed: int = 0
    """Of every random choice."""
    axes: str | None = None
    """None: as the file says."""
    image: str | None = None
    """Number or name."""
    pixel_type: str | None = None
    """None: that of the input."""
    device: str = "auto"
    """As of ``Run``."""
    precision: str = "auto"
    """As of ``Run``."""
    fit: str = "auto"
    """As of ``Run``."""
    neighbours: str = "auto"
    """As of ``Run``."""
    channels: str = "joint"
    """As of ``Run``."""
    max_memory: str | None = None
    """With a unit."""
    threads: str | None = None
    """A number."""
    stabilize: bool = False
    """As of ``Run``."""
    unclip: bool = False
    """As of ``Run``."""
    target: str | None = None
    """As of ``Run``."""
    anyway: bool = False
    """As of ``Run``."""
    frames: tuple[Path, ...] = ()
    """Files with further recordings of the scene."""


@dataclass(frozen=True)
class Settled:
    """The same, checked: everything that does not depend on an image."""

    method: Method
    """With the recipe's settings and those that were changed."""
    recipe: str
    """Its name."""
    seed: int
    """Of every random choice."""
    axes: str | None
    """None: as the file says."""
    pixel_type: np.dtype[np.generic] | None
    """None: that of the input."""
    run: Run
    """With the measurement of this machine."""
    frames: tuple[Path, ...] = ()
    """Files with further recordings of the scene."""
    image: Choice | None = None
    """Of files with several; None: there is one only."""
    notes: tuple[str, ...] = ()
    """What belongs into the plan besides its own reasons."""


def settle(wishes: Wishes) -> Settled:
    """What is meant, with this machine measured.

    Raises
    ------
    SettingError
        A method, recipe, setting, device, type or size that does not exist or does not fit.
    """
    _, recipe, method = choose_method(wishes.method or registry.DEFAULT, wishes.recipe)
    for setting in wishes.settings:
        method = changed(method, setting)
    return Settled(
        method=method,
        recipe=recipe,
        seed=wishes.seed,
        axes=wishes.axes.upper() if wishes.axes else None,
        pixel_type=find_pixel_type(wishes.pixel_type),
        run=find_run(wishes),
        frames=wishes.frames,
        image=find_choice(wishes.image),
        notes=tuple(f"{setting} was asked for" for setting in wishes.settings),
    )


def find_run(wishes: Wishes) -> Run:
    """How to run, with this machine measured.

    Raises
    ------
    SettingError
        No such device, precision or mode, no amount of memory, or no number of threads.
    DeviceError
        The device does not work.
    """
    device = find_device(wishes.device)
    modes: dict[str, Any] = {
        "precision": _one_of("precision", wishes.precision, ("auto", *get_args(Precision))),
        "fit": _one_of("fit", wishes.fit, get_args(FitWish)),
        "channels": _one_of("channels", wishes.channels, get_args(ChannelMode)),
        "stabilize": wishes.stabilize,
        "unclip": wishes.unclip,
        "target": wishes.target and _one_of("target", wishes.target, get_args(Target)),
        "anyway": wishes.anyway,
        "neighbours": wishes.neighbours,
    }
    limit = find_limit(wishes.max_memory)
    run = Run(device=str(device), max_memory=limit, threads=find_threads(wishes.threads), **modes)
    return replace(run, machine=machine_for(device, run.threads))


def find_threads(text: str | None) -> int | None:
    """The number that is meant; whether so many threads are possible is for ``Run`` to say.

    Raises
    ------
    SettingError
        Not a whole number.
    """
    try:
        return None if text is None else int(text)
    except ValueError as error:
        raise SettingError(f"threads is {text!r}; expected a whole number from 1 to {MOST}") from error


def imitation(run: Run) -> str:
    """Warning where bfloat16 was asked for on hardware that has none; empty elsewhere."""
    device = find_device(run.device)
    if run.precision != "bfloat16" or has_bfloat16(device):
        return ""
    return choose_precision(run, device)[2][0]


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise SettingError(f"--{name} is {value!r}; expected one of {', '.join(known)}")
    return value
