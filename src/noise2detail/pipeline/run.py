"""How to run, as far as it is not about the method; and what follows from it on this machine."""

from dataclasses import dataclass
from typing import Literal

import torch

from noise2detail.engine.machine import Machine
from noise2detail.errors import SettingError
from noise2detail.plans import ChannelMode, FitMode
from noise2detail.types import Precision


@dataclass(frozen=True)
class Run:
    """Wishes about the run; every one has a default that decides by itself."""

    device: str = "auto"
    """``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""
    precision: Precision | Literal["auto"] = "auto"
    """``auto`` takes bfloat16 where this machine has been measured faster with it."""
    fit: FitMode = "each"
    """For stacks: one training for each plane, or one ``shared`` by all."""
    channels: ChannelMode = "joint"
    """Channels trained together, or one by one."""
    max_memory: int | str | None = None
    """Memory that applying the network may take, as bytes or like ``4GB``; None: what a tile of 256x256 takes."""
    machine: Machine | None = None
    """A measurement made earlier; None: measure when it is needed."""

    def __post_init__(self) -> None:
        for name, value, known in (
            ("precision", self.precision, ("auto", "float32", "bfloat16")),
            ("fit", self.fit, ("each", "shared")),
            ("channels", self.channels, ("joint", "each")),
        ):
            if value not in known:
                raise SettingError(f"{name} is {value!r}; expected one of {', '.join(known)}")


def find_device(wish: str) -> torch.device:
    """The device that is meant.

    Raises
    ------
    SettingError
        No such device here.
    """
    have = ["cpu"]
    if torch.cuda.is_available():
        have += ["cuda", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        have.append("mps")
    if wish == "auto":
        return torch.device(next((d for d in ("cuda", "mps") if d in have), "cpu"))
    if wish not in have:
        raise SettingError(f"there is no device {wish!r} here; expected auto or one of {', '.join(have)}")
    return torch.device(wish)
