"""How long ``fast`` trains and applies by the size of the image, and a picture of it."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import noise2detail as n2d
from noise2detail.method import Step
from timing import fastest

SIDES = (512, 1024, 2048, 4096)


@dataclass(frozen=True)
class Cost:
    """Of one image."""

    side: int
    training: float
    """Seconds until the last training step, the fastest of three runs."""
    application: float
    """Seconds after it."""
    longest: float
    """Most seconds between two reports of progress: how long a cancelled run goes on at worst."""


def measured(side: int, run: n2d.Run) -> Cost:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side].astype(np.float32) / 20
    noisy = rng.poisson(200 + 100 * np.sin(y) * np.cos(x)).astype(np.uint16)
    times: list[tuple[float, bool]] = [(time.perf_counter(), True)]

    def listen(step: Step) -> None:
        times.append((time.perf_counter(), step.stage != "applying"))

    n2d.denoise(noisy, run=run, on_step=listen)
    end = time.perf_counter()
    trained = max(at for at, training in times if training)
    ticks = [at for at, _ in times] + [end]
    again = fastest(lambda: n2d.fit(noisy, run=run), 2)
    return Cost(side, min(again, trained - times[0][0]), end - trained, float(np.diff(ticks).max()))


def draw(costs: list[Cost], path: Path) -> None:
    """Seconds over megapixels, both on logarithmic axes, as an SVG file."""
    width, height, left, bottom = 640, 400, 70, 50
    sides = [cost.side for cost in costs]
    values = [v for cost in costs for v in (cost.training, cost.application)]
    low, high = np.floor(np.log10(min(values))), np.ceil(np.log10(max(values)))

    def place(side: float, seconds: float) -> tuple[float, float]:
        across = np.log2(side / sides[0]) / np.log2(sides[-1] / sides[0])
        up = (np.log10(seconds) - low) / (high - low)
        return left + 20 + across * (width - left - 60), height - bottom - up * (height - bottom - 30)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
        ' font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for power in range(int(low), int(high) + 1):
        _, y = place(sides[0], 10.0**power)
        parts.append(f'<line x1="{left}" y1="{y:.0f}" x2="{width - 20}" y2="{y:.0f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 8}" y="{y + 4:.0f}" text-anchor="end">{10.0**power:g} s</text>')
    for side in sides:
        x, _ = place(side, 10.0**low)
        parts.append(f'<text x="{x:.0f}" y="{height - bottom + 20}" text-anchor="middle">{side}²</text>')
    for name, colour, pick in (("training", "#1f6fb4", "training"), ("application", "#c4501b", "application")):
        points = [place(cost.side, getattr(cost, pick)) for cost in costs]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in points]
        x, y = points[-1]
        parts.append(f'<text x="{x - 8:.0f}" y="{y - 10:.0f}" text-anchor="end" fill="{colour}">{name}</text>')
    parts.append(f'<text x="{width / 2:.0f}" y="{height - 10}" text-anchor="middle">pixels of the image</text></svg>')
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")
