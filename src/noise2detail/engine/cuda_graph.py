"""A training step recorded once on an NVIDIA GPU and replayed: small networks are otherwise bound by launches."""

import logging
from collections.abc import Callable

import torch

log = logging.getLogger(__name__)

WARM_UP = 3
"""Steps that are taken before one is recorded: libraries choose their kernels and take their memory then."""


def recorded(step: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """What does the work of ``step`` each time it is called: itself, or a replay of it where that is possible.

    Parameters
    ----------
    step
        Reads from and writes to the same tensors every time, and asks the host for nothing.
    device
        Where it runs; anything but CUDA gets ``step`` back.
    """
    return _Recorded(step, device) if device.type == "cuda" else step


class _Recorded:
    """Takes the first steps as they are, then records one, then replays the record.

    Recording executes nothing, so it is followed by a replay. Where the step cannot be recorded it goes on as it is.
    """

    def __init__(self, step: Callable[[], None], device: torch.device) -> None:
        self._step, self._device = step, device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._taken = 0
        self._replay: Callable[[], None] | None = None

    def __call__(self) -> None:
        if self._replay is not None:
            self._replay()
        elif self._taken < WARM_UP:
            self._aside(self._step)
            self._taken += 1
        else:
            self._replay = self._record()
            self._replay()

    def _aside(self, work: Callable[[], None]) -> None:
        """Do the work on a stream of its own, as recording demands; everything before and after waits its turn."""
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            work()
        current.wait_stream(self._stream)

    def _record(self) -> Callable[[], None]:
        graph = torch.cuda.CUDAGraph()

        def capture() -> None:
            graph.capture_begin()
            try:
                self._step()
            finally:
                graph.capture_end()

        torch.cuda.synchronize(self._device)
        try:
            self._aside(capture)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            log.warning("training steps cannot be recorded as a CUDA graph (%s); they run one by one, slower", error)
            return self._step
        return graph.replay
