"""How soon a live frame is denoised, over many frames: latency, losses, memory.

    python benchmarks/stream_latency.py [--frames 10000] [--size 512] [--threads N] [--out FILE.md]

One denoiser is trained on some frames, and then only applied. The next frame is taken when the one before has been
handed over, as by a microscope that looks before it goes on, so the latency is that of a frame alone, from its coming
to its handing over. The frames are some kinds of photon noise over one scene, one after the other again and again; of
each kind it is known what comes out, and every frame is compared with that. Then a camera that is faster than the
denoiser, with each of the policies for that, and a change of the light, after which a training runs beside the frames.
Results go to ``benchmarks/results/stream-latency.md``, ``.json`` and ``.png``.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

import noise2detail as n2d
from noise2detail.watch.learning import Learning
from record import write_result

RESULTS = Path(__file__).resolve().parent / "results"
KINDS = 16
BAR = 0.35
QUIET = Learning(again="never")

Frame = NDArray[np.uint16]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--out", type=Path, default=RESULTS / "stream-latency.md")
    args = parser.parse_args()
    kinds = [frame(args.size, kind) for kind in range(KINDS)]
    runs: tuple[n2d.Run, ...] = tuple(
        n2d.Run(device="cpu", precision=precision, threads=args.threads) for precision in ("auto", "float32")
    )
    long = latencies(kinds, fitted(kinds, runs[0]), args.frames)
    short = latencies(kinds, fitted(kinds, runs[1]), min(args.frames, 300))
    crowded = [
        late(kinds, fitted(kinds, runs[0]), policy, min(args.frames, 200)) for policy in ("wait", "skip", "drop")
    ]
    drift = drifting(args.size, runs[0], min(args.frames, 150))
    draw(long, args.out.with_suffix(".png"))
    rows = [summary(f"apply only, {name}", found) for name, found in (("as chosen", long), ("float32", short))]
    figures = {
        "size": args.size,
        "rows": rows,
        "crowded": crowded,
        "drift": drift,
        "latency_seconds": [round(one, 4) for one in long["latency"]],
        "rss_mib": long["rss"],
    }
    write_result(args.out, "Latency of live frames", [*table(rows, args.size), *others(crowded, drift)], figures)
    if rows[0]["p95"] > BAR or any(row["lost"] or row["wrong"] for row in rows):
        sys.exit("the bar is not met")


def frame(size: int, kind: int, light: float = 400.0) -> Frame:
    """Waves under photon noise, 200 above zero."""
    y, x = np.mgrid[:size, :size] / 20
    wave = 1.2 + np.sin(y) * np.cos(1.3 * x)
    pixels: Frame = (200 + np.random.default_rng(kind).poisson(light * wave)).astype(np.uint16)
    return pixels


def fitted(kinds: list[Frame], run: n2d.Run) -> n2d.Fitted:
    return n2d.fit(np.stack(kinds[:4]), axes="TYX", method="noise2detail", run=run)


def latencies(kinds: list[Frame], denoiser: n2d.Fitted, count: int) -> dict[str, Any]:
    """One frame after the other, each taken when the one before was handed over."""
    expected = [n2d.apply(denoiser, one) for one in kinds]
    process, began = psutil.Process(os.getpid()), time.perf_counter()
    latency, rss, wrong, numbers = [], [], 0, []
    with n2d.stream(denoiser=denoiser, learning=QUIET) as live:
        for number in range(count):
            live.put(kinds[number % len(kinds)])
            found = next(live)
            latency.append(found.latency)
            numbers.append(found.number)
            wrong += not np.array_equal(found.pixels, expected[number % len(kinds)])
            if number % max(1, count // 200) == 0:
                rss.append((number, round(process.memory_info().rss / 2**20, 1)))
                print(f"{number} {found.latency:.3f} s {rss[-1][1]} MiB", flush=True)
        live.end()
        stats = live.stats
    plan = denoiser.plan
    lost = stats.received - stats.given + (numbers != list(range(count)))
    return {
        "latency": latency, "rss": rss, "lost": lost, "wrong": wrong, "precision": plan.precision,
        "threads": plan.threads, "seconds": time.perf_counter() - began,
    }  # fmt: skip


def late(kinds: list[Frame], denoiser: n2d.Fitted, policy: Any, count: int) -> dict[str, Any]:
    """A camera at twice the speed of the denoiser."""
    start = time.perf_counter()
    for one in kinds[:4]:
        n2d.apply(denoiser, one)
    pause = (time.perf_counter() - start) / 8

    def camera() -> Iterator[Frame]:
        due = time.perf_counter()
        for number in range(count):
            time.sleep(max(0.0, due - time.perf_counter()))
            due += pause
            yield kinds[number % len(kinds)]

    with n2d.stream(camera(), denoiser=denoiser, when_late=policy, learning=QUIET) as live:
        latency = [one.latency for one in live]
        stats = live.stats
    return {
        "policy": policy, "frames": count, "given": stats.given, "denoised": stats.denoised, "passed": stats.passed,
        "dropped": stats.dropped, "p50": round(float(np.median(latency)), 3),
        "p95": round(float(np.quantile(latency, 0.95)), 3), "camera seconds": round(count * pause, 1),
    }  # fmt: skip


def drifting(size: int, run: n2d.Run, count: int) -> dict[str, Any]:
    """Ten times the light in the middle: a training beside the frames."""
    weak, strong = ([frame(size, kind, light) for kind in range(4)] for light in (400.0, 4000.0))
    wishes = replace(Learning(run=run), every=8)
    beside: list[float] = []
    alone: list[float] = []
    trainings: list[int] = []
    with n2d.stream(learning=wishes) as live:
        for one in weak:
            live.put(one)
        for _ in weak:
            next(live)
        for number in range(count):
            busy = live.stats.learning
            live.put((weak if number < count // 3 else strong)[number % 4])
            found = next(live)
            (beside if busy else alone).append(found.latency)
            trainings.append(found.training)
        drifts = live.stats.drifts
    first = next((number for number, training in enumerate(trainings) if training > 1), None)
    return {
        "frames": count, "p95 alone": quantile(alone), "p95 beside a training or a look": quantile(beside),
        "frames from the change to the new denoiser": None if first is None else first - count // 3,
        "drifts": list(drifts),
    }  # fmt: skip


def quantile(values: list[float]) -> float | None:
    return round(float(np.quantile(values, 0.95)), 3) if values else None


def summary(name: str, found: dict[str, Any]) -> dict[str, Any]:
    latency, half = np.array(found["latency"]), max(1, len(found["rss"]) // 2)
    rss = [size for _, size in found["rss"]]
    return {
        "run": name, "precision": found["precision"], "threads": found["threads"], "frames": len(latency),
        "p50": round(float(np.median(latency)), 3), "p95": round(float(np.quantile(latency, 0.95)), 3),
        "p99": round(float(np.quantile(latency, 0.99)), 3), "longest": round(float(latency.max()), 3),
        "lost": found["lost"], "wrong": found["wrong"],
        "MiB, median of the first half": round(float(np.median(rss[:half])), 1),
        "MiB, median of the second half": round(float(np.median(rss[half:] or rss)), 1),
        "frames a second": round(len(latency) / found["seconds"], 2),
    }  # fmt: skip


def table(rows: list[dict[str, Any]], size: int) -> list[str]:
    lines = [
        f"Frames of {size}x{size} uint16; seconds from the coming of a frame to its handing over. Bar: p95 <= {BAR}."
    ]
    lines += ["", "| " + " | ".join(rows[0]) + " |", "|---|---|" + "---:|" * (len(rows[0]) - 2)]
    lines += ["| " + " | ".join(str(value) for value in row.values()) + " |" for row in rows]
    return [*lines, "", "![latency and memory](stream-latency.png)"]


def others(crowded: list[dict[str, Any]], drift: dict[str, Any]) -> list[str]:
    lines = ["", "A camera at twice the speed of the denoiser, a line of 8 frames:", ""]
    lines += ["| " + " | ".join(crowded[0]) + " |", "|---|" + "---:|" * (len(crowded[0]) - 1)]
    lines += ["| " + " | ".join(str(value) for value in row.values()) + " |" for row in crowded]
    lines += ["", "Ten times the light after a third of the frames, a look for a drift every 8 frames:", ""]
    return lines + [f"- {name}: {value}" for name, value in drift.items()]


def draw(found: dict[str, Any], path: Path) -> None:
    """Latency of every frame, and memory."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(8, 5), constrained_layout=True)
    above.plot(found["latency"], ".", markersize=1.5, color="0.3")
    above.axhline(BAR, color="tab:red", linewidth=1, label=f"bar for p95: {BAR} s")
    p95 = float(np.quantile(found["latency"], 0.95))
    above.axhline(p95, color="tab:blue", linewidth=1, label=f"p95: {p95:.3f} s")
    above.set(ylabel="latency (s)", ylim=(0, max(1.2 * BAR, 1.05 * max(found["latency"]))))
    above.legend(loc="upper right")
    below.plot(*zip(*found["rss"], strict=True), color="0.3")
    below.set(
        xlabel="frame", ylabel="memory of the process (MiB)", ylim=(0, 1.2 * max(size for _, size in found["rss"]))
    )
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
