"""The number format in which networks compute."""

import torch

from noise2detail.engine.machine import Machine, has_bfloat16, measure
from noise2detail.pipeline.computing import computing
from noise2detail.pipeline.run import Run
from noise2detail.types import Precision


def choose_precision(run: Run, device: torch.device) -> tuple[Precision, Machine | None, tuple[str, ...]]:
    """Precision, the measurement that it rests on, and the reason in words."""
    if run.precision != "auto":
        imitated = run.precision == "bfloat16" and not has_bfloat16(device)
        slow = (
            "; this hardware only imitates bfloat16, expect it to be many times slower than float32" if imitated else ""
        )
        return run.precision, run.machine, (f"{run.precision} was asked for{slow}",)
    machine = run.machine or _measured(device, run.threads)
    if machine.bfloat16_rate is None:
        return "float32", machine, (f"float32: {machine.processor} has no bfloat16 arithmetic",)
    ratio = machine.bfloat16_rate / machine.float32_rate
    return (
        machine.precision,
        machine,
        (f"{machine.precision}: bfloat16 runs at {ratio:.1f} times the speed of float32 here",),
    )


def _measured(device: torch.device, threads: int | None) -> Machine:
    with computing(device, threads):
        return measure(device)
