"""What a training step of ``fast`` consists of: PyTorch's operations, and everything around them."""

import time
from dataclasses import replace

import torch
from torch.profiler import ProfilerActivity, profile

from noise2detail.engine.network import new_network
from noise2detail.engine.pair_training import Pairs, Stage, train_on_pairs
from noise2detail.method import Context, Step
from noise2detail.methods.noise2detail import Noise2Detail

STEPS = 150
LISTED = 14

Operation = tuple[str, float, float]
"""Name, seconds and calls a step, without what it calls."""


def table() -> tuple[list[str], float, float]:
    """Rows for people; seconds of a step; share of a step that is spent outside of PyTorch's operations."""
    step = _run()
    with profile(activities=[ProfilerActivity.CPU]) as record:
        profiled = _run()
    operations: list[Operation] = sorted(
        (
            (event.key, event.self_cpu_time_total / 1e6 / STEPS, event.count / STEPS)
            for event in record.key_averages()
            if event.key.startswith("aten::")
        ),
        key=lambda operation: -operation[1],
    )
    inside = sum(seconds for _, seconds, _ in operations)
    around = max(0.0, 1 - inside / profiled)
    rows = ["| operation | calls a step | ms a step | share |", "|---|---|---|---|"]
    rows += [_row(name, calls, seconds, seconds / profiled) for name, seconds, calls in operations[:LISTED]]
    rest = operations[LISTED:]
    rows.append(
        _row(
            f"{len(rest)} others",
            sum(calls for *_, calls in rest),
            sum(seconds for _, seconds, _ in rest),
            sum(seconds for _, seconds, _ in rest) / profiled,
        )
    )
    rows.append(
        f"| **around the operations**: Python, autograd's own work | | {1e3 * around * profiled:.3f} | {around:.1%} |"
    )
    rows.append(f"| **a step with the profiler** | | {1e3 * profiled:.3f} | 100.0% |")
    rows.append(f"| **a step without it** | | {1e3 * step:.3f} | |")
    return rows, step, around


def _row(name: str, calls: float, seconds: float, share: float) -> str:
    return f"| {name} | {calls:.1f} | {1e3 * seconds:.3f} | {share:.1%} |"


def _run() -> float:
    """Seconds of a step of the first training of ``fast`` on one image."""
    training = replace(Noise2Detail.recipe("fast").stage1, steps=STEPS)
    noisy = torch.rand(1, 1, 512, 512, generator=torch.Generator().manual_seed(0))
    times: list[float] = []

    def listen(step: Step) -> None:
        del step
        times.append(time.perf_counter())

    net = new_network(1, 48, 0, torch.device("cpu"))
    pairs = Pairs(noisy, noisy, "residual", "same")
    train_on_pairs(net, pairs, training, Stage("stage 1", 0.0, 1.0), Context(on_step=listen))
    return (times[-1] - times[9]) / (len(times) - 10)
