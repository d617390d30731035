"""The measurement of this machine, kept between runs: the only component that stores anything of its own."""

import json
import secrets
from dataclasses import asdict
from pathlib import Path
from typing import Any

import platformdirs
import torch

from noise2detail.engine.machine import Machine, measure, processor_name
from noise2detail.host.processor import processor
from noise2detail.pipeline.computing import computing
from noise2detail.version import __version__


def cache_folder() -> Path:
    """Where the measurements are kept."""
    return Path(platformdirs.user_cache_dir("noise2detail", appauthor=False))


def cache_file() -> Path:
    """The one file in it."""
    return cache_folder() / "machine.json"


def machine_for(device: torch.device, threads: int | None = None) -> Machine:
    """Speed of this machine: as measured by an earlier run, or measured now and kept.

    Parameters
    ----------
    device
        That the speed is of.
    threads
        Processor threads; None: as many as now.

    Raises
    ------
    DeviceError
        The device does not work.
    """
    with computing(device, threads):
        kept = _read().get(_key(device))
    try:
        return Machine(**kept) if kept else remeasure(device, threads)
    except TypeError:  # a record that some other program wrote
        return remeasure(device, threads)


def remeasure(device: torch.device, threads: int | None = None) -> Machine:
    """Speed of this machine, measured now and kept; where nothing can be kept, the next run measures again.

    Parameters and errors as for ``machine_for``.
    """
    with computing(device, threads):
        machine = measure(device)
        _write(_read() | {_key(device): asdict(machine)})
    return machine


def _key(device: torch.device) -> str:
    # a home folder may be shared by machines that differ in no more than the model of the processor
    place = f"{device.type}:{device.index or 0}"  # cuda is another name of cuda:0
    facts = (__version__, torch.__version__, place, processor_name(device), processor(), torch.get_num_threads())
    return " | ".join(map(str, facts))


def _read() -> dict[str, Any]:
    try:
        content = json.loads(cache_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return (
        {key: value for key, value in content.items() if isinstance(value, dict)} if isinstance(content, dict) else {}
    )


def _write(content: dict[str, Any]) -> None:
    part = cache_file().with_suffix(f".{secrets.token_hex(4)}.part")
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.write_text(json.dumps(content, indent=1), encoding="utf-8")
            part.replace(cache_file())
        finally:
            part.unlink(missing_ok=True)
    except OSError:
        return  # a home that cannot be written to costs a quarter of a second for each run, nothing else
