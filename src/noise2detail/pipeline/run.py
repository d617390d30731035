"""How to run, as far as it is not about the method; and what follows from it on this machine."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from noise2detail.engine.machine import Machine
from noise2detail.errors import ON_PROCESSOR, SettingError, check_setting
from noise2detail.pipeline.threads import check_threads
from noise2detail.plans import ChannelMode, FitWish, Neighbours, Target
from noise2detail.types import Precision


@dataclass(frozen=True)
class Run:
    """Wishes about the run; every one has a default that decides by itself."""

    device: str = "auto"
    """``auto`` (a GPU if there is one), ``cpu``, ``cuda``, ``cuda:1``, ``mps``."""
    precision: Precision | Literal["auto"] = "auto"
    """``auto`` takes bfloat16 where this machine has been measured faster with it."""
    fit: FitWish = "auto"
    """For stacks: one training for each ``plane``; one ``shared`` by all; ``warm``, which starts each from the one
    before, with a tenth of the steps, and anew where noise or content changed; ``auto`` measures and decides."""
    channels: ChannelMode = "joint"
    """Channels trained together, or one by one."""
    stabilize: bool = False
    """Measure the noise, give the method an image in which it is the same everywhere, and undo that afterwards."""
    unclip: bool = False
    """Where the noise was cut off at a lowest or highest value, undo its effect on the mean: the result then estimates
    the signal, and no longer the mean of many such recordings."""
    target: Target | None = None
    """For methods that have it: ``latent`` estimates the signal before noise was cut off at a lowest or highest value,
    ``captured`` the mean of many such recordings; None: as the method has it."""
    anyway: bool = False
    """Denoise also where that would do harm, as where no noise is found; only methods that look at it refuse."""
    decide: bool = True
    """Let a method that chooses by the noise do so; False: take its settings as they are, as a replayed plan does."""
    at_once: int | None = None
    """For stacks with a training for each plane, which ``auto`` then chooses: planes that are trained at once, in one
    batched program, which fills a large GPU; None: one on a processor, up to 64 on a GPU, fewer where memory ends."""
    max_memory: int | str | None = None
    """Memory on top of the image itself, as bytes or like ``4GB``; None: what is fastest, with tiles of 256x256."""
    neighbours: str | int = "auto"
    """For stacks: planes on each side that help to denoise one, where the method can use them. ``auto`` measures
    whether their noise is independent and what they would save; 0: each plane by itself; 2, Z2 or T2: that many."""
    threads: int | None = None
    """Processor threads; None: what PyTorch chooses, which heeds OMP_NUM_THREADS and the cores that it may use."""
    machine: Machine | None = None
    """A measurement made earlier, with as many threads; None: measure when it is needed."""

    def __post_init__(self) -> None:
        for name, value, known in (
            ("precision", self.precision, ("auto", "float32", "bfloat16")),
            ("fit", self.fit, get_args(FitWish)),
            ("channels", self.channels, ("joint", "each")),
            ("target", self.target, (None, "latent", "captured")),
        ):
            if value not in known:
                raise SettingError(f"{name} is {value!r}; expected one of {', '.join(map(str, known))}")
        check_threads(self.threads)
        parse_neighbours(self.neighbours)
        if self.at_once is not None:
            check_setting("at_once", self.at_once)


def parse_neighbours(wish: str | int) -> Neighbours | None:
    """What is wished: a number of planes on each side, after the letter of an axis or alone; None: ``auto``.

    Raises
    ------
    SettingError
        Something else.
    """
    found = re.fullmatch(r"([TZ]?)(\d{1,3})", str(wish).strip().upper())
    if str(wish).strip().lower() == "auto":
        return None
    if not found or isinstance(wish, bool):
        raise SettingError(
            f"neighbours is {wish!r}; expected auto, 0, or how many planes on each side take part, as 2, or Z2 or T2 "
            "where the image has both axes"
        )
    return Neighbours(found[1], int(found[2]))


def devices() -> tuple[str, ...]:
    """Every device that PyTorch can compute on here, the processor first."""
    have = ["cpu"]
    if torch.cuda.is_available():
        have += [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        have.append("mps")
    return tuple(have)


def find_device(wish: str) -> torch.device:
    """The device that is meant.

    Raises
    ------
    SettingError
        No such device here.
    """
    have = list(devices())
    if "cuda:0" in have:
        have.insert(1, "cuda")
    if wish == "auto":
        return torch.device(next((d for d in ("cuda", "mps") if d in have), "cpu"))
    if wish not in have:
        raise SettingError(
            f"there is no device {wish!r} here; expected auto or one of {', '.join(have)}{_remedy(wish, have)}"
        )
    return torch.device(wish)


def _remedy(wish: str, have: list[str]) -> str:
    """What to do about a GPU that is not there; empty where the list of those that are says enough."""
    kind = wish.partition(":")[0]
    if kind not in {"cuda", "mps"} or kind in have:
        return ""
    if kind == "mps":
        return f"; mps is the GPU of an Apple processor with a recent macOS: {ON_PROCESSOR}"
    if not torch.backends.cuda.is_built():  # type: ignore[no-untyped-call]
        return f"; PyTorch {torch.__version__} is built without CUDA: install one that has it, or {ON_PROCESSOR}"
    return f"; PyTorch finds no GPU that works: see what nvidia-smi says, or {ON_PROCESSOR}"
