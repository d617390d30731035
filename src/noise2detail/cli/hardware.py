"""What this machine is, and what it can do."""

import platform
from typing import Any

import psutil
import torch

from noise2detail.cli.machine_cache import cache_folder, remeasure
from noise2detail.cli.processor import processor
from noise2detail.cli.provenance import commit, libraries
from noise2detail.engine.machine import Machine, has_bfloat16
from noise2detail.pipeline.run import find_device
from noise2detail.registry import METHODS
from noise2detail.version import __version__

SIDE = 512
"""Pixels per side of the image that times are given for."""


def machine_facts(wish: str) -> dict[str, Any]:
    """Everything that decides about speed and results; the measurement is made anew and kept.

    Parameters
    ----------
    wish
        Device, as of ``Run``.

    Raises
    ------
    SettingError
        No such device here.
    """
    device = find_device(wish)
    machine = remeasure(device)
    memory = psutil.virtual_memory()
    ratio = machine.bfloat16_rate / machine.float32_rate if machine.bfloat16_rate else None
    return {
        "version": __version__,
        "commit": commit(),
        "libraries": libraries(),
        "system": platform.platform(),
        "processor": processor(),
        "cores_physical": psutil.cpu_count(logical=False),
        "cores_logical": psutil.cpu_count(),
        "threads": machine.threads,
        "memory_gib": round(memory.total / 2**30, 1),
        "memory_available_gib": round(memory.available / 2**30, 1),
        "gpus": gpus(),
        "device": str(device),
        "bfloat16_hardware": has_bfloat16(device),
        "bfloat16_speed": None if ratio is None else round(ratio, 2),
        "precision": machine.precision,
        f"expected_seconds_{SIDE}": expected(machine),
        "cache": str(cache_folder()),
    }


def gpus() -> list[str]:
    """Names of what PyTorch can compute on besides the processor."""
    found = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return found + (["Apple GPU (mps)"] if torch.backends.mps.is_available() else [])


def expected(machine: Machine) -> dict[str, dict[str, float]]:
    """Seconds for one image by method and recipe."""
    return {
        name: {
            recipe: round(machine.seconds(entry.method.recipe(recipe).cost(1, SIDE, SIDE).total, machine.precision), 1)
            for recipe in entry.recipes
        }
        for name, entry in METHODS.items()
    }


def as_rows(facts: dict[str, Any]) -> list[tuple[str, ...]]:
    """The same for people."""
    bfloat16 = f"hardware, {facts['bfloat16_speed']} times the speed of float32" if facts["bfloat16_hardware"] else "no"
    rows = [
        ("noise2detail", f"{facts['version']} ({facts['commit'] or 'commit unknown'})"),
        *facts["libraries"].items(),
        ("system", facts["system"]),
        ("processor", facts["processor"]),
        (
            "cores",
            f"{facts['cores_physical']} physical, {facts['cores_logical']} logical, {facts['threads']} threads used",
        ),
        ("memory", f"{facts['memory_gib']} GiB, {facts['memory_available_gib']} GiB available"),
        ("GPU", ", ".join(facts["gpus"]) or "none"),
        ("device", f"{facts['device']}, {facts['precision']}"),
        ("bfloat16", bfloat16),
    ]
    for method, seconds in facts[f"expected_seconds_{SIDE}"].items():
        times = ", ".join(f"{recipe} {value:.0f} s" for recipe, value in seconds.items())
        rows.append((f"{SIDE}x{SIDE}", f"{method}: {times}"))
    return [*rows, ("cache", facts["cache"])]
