"""Which processor this is."""

import platform
from pathlib import Path

import torch

_CPUINFO = Path("/proc/cpuinfo")


def processor() -> str:
    """Name of the processor as far as the system tells, and the instructions that PyTorch uses on it."""
    return f"{_model() or platform.processor() or platform.machine()} ({torch.backends.cpu.get_cpu_capability()})"


def _model() -> str:
    # Python knows no more than the architecture on Linux
    try:
        lines = _CPUINFO.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
