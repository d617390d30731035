"""The block in which arithmetic runs: on so many threads, and on a device that says in words what it cannot do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from noise2detail.errors import DeviceError, Noise2DetailError, is_out_of_memory

_LACKING = (
    r"operator '([^']+)' is not currently implemented",
    r"Could not run '([^']+)' with arguments from",
    r'"([^"]+)" not implemented for',
)
"""How PyTorch says that a device has no such operator; the group is its name."""

_FAILING = r"cuda (unknown |runtime )?error|cuda driver|nvidia driver|no kernel image|cudnn|cublas|hip error|\bmps\b"
"""What stands in its messages, in any case, when a GPU fails that was there when it was asked for."""


@contextmanager
def computing(device: torch.device | str, threads: int | None = None) -> Iterator[None]:
    """Block that computes with so many processor threads; what was set before comes back at its end.

    The number belongs to the whole process: two such blocks in two Python threads share it.

    Parameters
    ----------
    device
        That the block computes on.
    threads
        None: as many as now.

    Raises
    ------
    DeviceError
        The device lacks an operator, or fails altogether.
    """
    before = torch.get_num_threads()
    wanted = before if threads is None else int(threads)
    if wanted != before:
        torch.set_num_threads(wanted)
    try:
        yield
    except RuntimeError as error:
        found = complaint(error, torch.device(device))
        if not found:
            raise
        raise DeviceError(str(device), found) from error
    finally:
        if wanted != before:
            torch.set_num_threads(before)


def complaint(error: RuntimeError, device: torch.device) -> str:
    """What is wrong with a device, by an error of PyTorch; empty where it tells of something else."""
    # The processor has every operator, so an error there is one of ours, and memory has its own advice.
    if device.type == "cpu" or isinstance(error, Noise2DetailError) or is_out_of_memory(error):
        return ""
    said = str(error)
    for pattern in _LACKING:
        if found := re.search(pattern, said):
            return f"PyTorch {torch.__version__} has no operator {found.group(1)} for it"
    first = next(iter(said.strip().splitlines()), "")
    failed = re.search(_FAILING, first, re.IGNORECASE)
    return f"PyTorch {torch.__version__} cannot use it ({first})" if failed else ""
