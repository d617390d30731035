"""What this machine can do, measured once: the only place where a clock decides about arithmetic."""

import platform
import time
from dataclasses import dataclass

import torch

from noise2detail.engine.crop_loss import CropLoss
from noise2detail.engine.crops import Crops
from noise2detail.engine.network import new_network, predict
from noise2detail.engine.precision import convolutions_in
from noise2detail.engine.training import Training
from noise2detail.types import Precision

STEPS = 20
"""Of the measurement, each like one of ``fast``; the fastest counts, because the first ones also load code and other
work only adds time."""


@dataclass(frozen=True)
class Machine:
    """Speed of a training step on this machine; the shells keep it and hand it in."""

    processor: str
    """Name of the processor or accelerator."""
    device: str
    """Device that was measured."""
    threads: int
    """Processor threads during the measurement."""
    torch: str
    """Version of PyTorch."""
    float32_rate: float
    """Full-size pixels per second through a training step of ``fast`` in float32, reckoned as ``Cost`` does."""
    bfloat16_rate: float | None
    """The same in bfloat16; None where the hardware has no such arithmetic and only imitates it."""

    @property
    def precision(self) -> Precision:
        """The faster of both."""
        return "bfloat16" if self.bfloat16_rate and self.bfloat16_rate > self.float32_rate else "float32"

    def seconds(self, pixels: float, precision: Precision) -> float:
        """Forecast for this many pixels through a training step; imitated bfloat16 is taken as 20 times slower."""
        slow = self.float32_rate / 20
        return pixels / (self.float32_rate if precision == "float32" else self.bfloat16_rate or slow)


def measure(device: torch.device) -> Machine:
    """Speed of this machine, in a quarter of a second."""
    return Machine(
        processor=processor_name(device),
        device=str(device),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        float32_rate=_rate(device, "float32"),
        bfloat16_rate=_rate(device, "bfloat16") if has_bfloat16(device) else None,
    )


def has_bfloat16(device: torch.device) -> bool:
    """True where bfloat16 products are made by hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu" and torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return False


def processor_name(device: torch.device) -> str:
    """What people call the device."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()} with {torch.backends.cpu.get_cpu_capability()}"


def _rate(device: torch.device, precision: Precision) -> float:
    training = Training(steps=1, crops=Crops())
    assert training.crops is not None  # noqa: S101 - set in the line above
    net, loss = new_network(1, 48, 0, device), CropLoss("same", training.crops.quarters)
    shape = (training.crops.count, 1, training.crops.size, training.crops.size)
    noisy = torch.rand(shape, generator=torch.Generator().manual_seed(0)).to(device)

    def step() -> None:
        with convolutions_in(precision, device):
            loss.gradient(lambda image: predict(net, image, "residual", "valid"), noisy, noisy)

    seconds = []
    for _ in range(STEPS):
        _wait(device)
        start = time.perf_counter()
        step()
        _wait(device)
        seconds.append(time.perf_counter() - start)
    return training.pixels(1, *shape[-2:]) / min(seconds)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
