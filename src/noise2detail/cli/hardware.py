"""What this machine is, and what each of its devices can do."""

import platform
from dataclasses import asdict, dataclass, replace
from typing import Any

import psutil
import torch

from noise2detail.cli.guard import in_words
from noise2detail.engine.machine import Machine
from noise2detail.host.processor import processor
from noise2detail.host.versions import commit, libraries
from noise2detail.machine_cache import cache_file, remeasure
from noise2detail.pipeline.computing import computing
from noise2detail.pipeline.run import devices, find_device
from noise2detail.registry import METHODS
from noise2detail.types import Precision
from noise2detail.version import __version__

SIDE = 512
"""Pixels per side of the image that times are given for."""


@dataclass(frozen=True)
class DeviceFacts:
    """A processor or GPU, and its speed; without one where it does not work."""

    device: str
    """Name, as of ``Run``."""
    name: str
    """What people call it."""
    memory_gib: float | None = None
    """In all."""
    memory_available_gib: float | None = None
    """Of that, free now."""
    float32_megapixels_per_second: float | None = None
    """Full-size pixels through a training step."""
    bfloat16_megapixels_per_second: float | None = None
    """The same; None also where the hardware has no such arithmetic."""
    precision: Precision | None = None
    """What ``auto`` takes."""
    failure: str | None = None
    """Why it does not work."""


def machine_facts(wish: str) -> dict[str, Any]:
    """Everything that decides about speed and results; the measurement is made anew and kept.

    Parameters
    ----------
    wish
        Device, as of ``Run``; for ``auto`` every device is measured, and the one that it means is said.

    Raises
    ------
    SettingError
        No such device here.
    """
    chosen = find_device(wish)
    measured = {name: device_facts(name) for name in (devices() if wish == "auto" else (str(chosen),))}
    facts, machine = measured.get(str(chosen)) or measured[f"{chosen}:0"]
    return {
        "version": __version__,
        "commit": commit(),
        "libraries": libraries(),
        "system": platform.platform(),
        "cores_physical": psutil.cpu_count(logical=False),
        "cores_logical": psutil.cpu_count(),
        "threads": torch.get_num_threads(),
        "devices": [asdict(found) for found, _ in measured.values()],
        "device": str(chosen),
        "precision": facts.precision,
        f"expected_seconds_{SIDE}": expected(machine) if machine else None,
        "cache": str(cache_file()),
    }


def device_facts(name: str) -> tuple[DeviceFacts, Machine | None]:
    """What is known about a device, and its measurement unless it failed: telling that is what this is for.

    Parameters
    ----------
    name
        As of ``Run``.
    """
    device = torch.device(name)
    facts = DeviceFacts(name, processor() if name == "cpu" else name)
    try:
        with computing(device):
            total, available = memory(device)
            facts = replace(facts, name=name_of(device), memory_gib=_gib(total), memory_available_gib=_gib(available))
            machine = remeasure(device)
    except RuntimeError as error:
        return replace(facts, failure=in_words(error)), None
    found = replace(
        facts,
        float32_megapixels_per_second=_mega(machine.float32_rate),
        bfloat16_megapixels_per_second=_mega(machine.bfloat16_rate),
        precision=machine.precision,
    )
    return found, machine


def name_of(device: torch.device) -> str:
    """What people call a device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "Apple GPU" if device.type == "mps" else processor()


def memory(device: torch.device) -> tuple[int, int]:
    """Bytes of a device, in all and free now."""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        return total, free
    if device.type == "mps":  # a part of the processor's
        most = torch.mps.recommended_max_memory()
        return most, most - torch.mps.driver_allocated_memory()
    found = psutil.virtual_memory()
    return found.total, found.available


def _gib(size: int) -> float:
    return round(size / 2**30, 1)


def _mega(rate: float | None) -> float | None:
    return None if rate is None else round(rate / 1e6, 3)


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
    cores = f"{facts['cores_physical']} physical, {facts['cores_logical']} logical; threads used: {facts['threads']}"
    rows: list[tuple[str, ...]] = [
        ("noise2detail", f"{facts['version']} ({facts['commit'] or 'commit unknown'})"),
        *facts["libraries"].items(),
        ("system", facts["system"]),
        ("cores", cores),
    ]
    for found in facts["devices"]:
        rows += _device_rows(DeviceFacts(**found))
    if all(found["device"] == "cpu" for found in facts["devices"]):
        rows.append(("GPU", "none that this PyTorch can use"))
    rows.append(("device", f"{facts['device']}, {facts['precision'] or 'which does not work'}"))
    for method, seconds in (facts[f"expected_seconds_{SIDE}"] or {}).items():
        times = ", ".join(f"{recipe} {value:.0f} s" for recipe, value in seconds.items())
        rows.append((f"{SIDE}x{SIDE}", f"{method}: {times}"))
    return [*rows, ("cache", facts["cache"])]


def _device_rows(found: DeviceFacts) -> list[tuple[str, ...]]:
    memory = "" if found.memory_gib is None else f", {found.memory_gib} GiB, {found.memory_available_gib} GiB available"
    rows: list[tuple[str, ...]] = [(found.device, f"{found.name}{memory}")]
    if found.failure is not None:
        return [*rows, ("", found.failure)]
    slow, fast = found.float32_megapixels_per_second, found.bfloat16_megapixels_per_second
    speed = f"float32 {slow:.2f} megapixels/s, " + ("no bfloat16" if fast is None else f"bfloat16 {fast:.2f}")
    return [*rows, ("", f"{speed}; auto takes {found.precision}")]
