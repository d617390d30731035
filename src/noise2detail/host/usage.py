"""What a run took: time since the process began, and memory at its peak."""

import contextlib
import sys
import time
from pathlib import Path

import psutil

_LOADED = time.perf_counter()


def seconds_since_start() -> float:
    """Age of this process, with the start of Python itself."""
    loaded = time.perf_counter() - _LOADED
    try:
        age = _age_by_boot_clock() if sys.platform == "linux" else time.time() - psutil.Process().create_time()
    except (OSError, ValueError, IndexError, AttributeError, psutil.Error):
        return loaded
    # A clock that was set, or a container with a clock of its own, may give anything.
    return age if loaded <= age < loaded + 3600 else loaded


def peak_mib() -> float:
    """Most memory that this process has held so far, in MiB; without that of a GPU."""
    if sys.platform == "linux":
        # ru_maxrss would also count what the parent held when it started this process
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    if sys.platform == "win32":
        return float(psutil.Process().memory_info().peak_wset) / 2**20
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def forget_peak() -> None:
    """Let ``peak_mib`` count from now on, where the system allows it: on Linux."""
    # elsewhere the peak stays that of the whole life of the process
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _age_by_boot_clock() -> float:
    # psutil knows the start of a process on Linux to a whole second only
    import os

    after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(after_name[19]) / os.sysconf("SC_CLK_TCK")
