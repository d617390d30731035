"""``auto`` on series: planes with the help of their neighbours beside planes one by one, with the same noise.

    python benchmarks/volume.py --score ../shared/tools/score.py

- ``ct``: 17 CT slices with Gaussian noise of 25 of 255, clipped, against the slices before noise. Every slice counts.
- ``moved``: the five middle slices, each shifted by so many pixels more than the one before.
- ``unrelated``: five slices far apart, turned by quarters of a circle and mirrored.
- ``shared noise``: slices between which the mean of both neighbours was put, as resampling does.
- recordings without a reference (``timelapse``, ``zstack``): every plane is split into two whose noise is independent,
  one is denoised, and its distance from the other is measured. ``recorrupt`` adds noise of the measured model and takes
  it away, ``coloured`` noise that neighbouring pixels share as they were measured to, and is only as good as that;
  ``interleave`` takes the means of the two diagonals of all squares of two by two pixels and needs no model.
  The difference of both ways is that of their true errors, in expectation. Its standard error is that over planes.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import noise2detail as n2d
from noise2detail.errors import RefusedSplitError
from noise2detail.metrics.response import variances
from noise2detail.metrics.splits import Split, interleave, recorrupt
from noise2detail.noise.measure import Measurement
from noise2detail.pipeline.noise import channel_noise
from record import write_result
from scorer import scorer

RESULTS = Path(__file__).resolve().parent / "results"
Values = NDArray[np.floating[Any]]


def denoised(noisy: Values, axes: str, neighbours: str | int) -> tuple[Values, float]:
    start = time.perf_counter()
    found = n2d.denoise(noisy, axes=axes, run=n2d.Run(neighbours=neighbours))
    return np.asarray(found, np.float64), (time.perf_counter() - start) / len(noisy)


def decision(noisy: Values, axes: str) -> tuple[str, str | int]:
    """What a plan says of neighbours, and what it takes."""
    plan = n2d.plan(noisy, axes=axes)
    words = [one for one in plan.why if "one by one" in one or "on each side" in one]
    taken = f"{plan.neighbours.axis}{plan.neighbours.reach}" if plan.neighbours else 0
    return "; ".join(words), taken


def psnr(found: Values, clean: Values) -> list[float]:
    errors = ((np.clip(found, 0, 1) - clean) ** 2).mean((1, 2))
    return [float(value) for value in -10 * np.log10(errors)]


def with_reference(name: str, noisy: Values, clean: Values, forced: int = 0) -> dict[str, Any]:
    """Both ways on one series; ``forced`` neighbours too where the plan takes none, to see what it was spared."""
    words, taken = decision(noisy, "ZYX")
    both, seconds = denoised(noisy, "ZYX", "auto")
    single, own = denoised(noisy, "ZYX", 0)
    row: dict[str, Any] = {"series": name, "planes": len(noisy), "plan": words, "taken": taken}
    row |= {"auto": psnr(both, clean), "single": psnr(single, clean), "seconds": seconds, "seconds_single": own}
    row["same_bytes"] = bool(np.array_equal(both, single))
    if forced and not taken:
        row["forced"] = psnr(denoised(noisy, "ZYX", forced)[0], clean)
    print(name, {k: np.mean(v) if isinstance(v, list) else v for k, v in row.items()}, flush=True)
    return row


def split_test(name: str, noisy: Values) -> list[dict[str, Any]]:
    """What neighbours gain on a recording, by both splits."""
    measured = channel_noise(noisy, "TYX")[0].measurement
    single, own = denoised(noisy, "TYX", 0)
    both, seconds = denoised(noisy, "TYX", "auto")
    words, taken = decision(noisy, "TYX")
    row: dict[str, Any] = {"series": name, "planes": len(noisy), "plan": words, "taken": taken}
    row |= {"seconds": seconds, "seconds_single": own, "apart": float(np.sqrt(np.mean((both - single) ** 2)))}
    splits: dict[str, Callable[[int], Any]] = {
        "recorrupt": lambda k: recorrupt(noisy[k].astype(np.float64), measured, single[k], seed=k),
        "coloured": lambda k: coloured(noisy[k].astype(np.float64), measured, single[k], seed=k),
        "interleave": lambda k: interleave(noisy[k].astype(np.float64), measured),
    }
    rows = []
    for kind, split in splits.items():
        try:
            parts = [split(number).parts for number in range(len(noisy))]
        except RefusedSplitError as refused:
            rows.append(row | {"split": kind, "refused": str(refused)})
        else:
            first, second = (np.stack([pair[n] for pair in parts]).astype(np.float32) for n in (0, 1))
            rows.append(row | {"split": kind} | compared(first, second, taken))
        print(rows[-1], flush=True)
    return rows


def coloured(noisy: Values, noise: Measurement, estimate: Values, share: float = 0.25, *, seed: int = 0) -> Split:
    """As ``recorrupt``, with noise of the measured autocorrelation; where values were cut off it is not normal."""
    spread = np.zeros(noisy.shape)
    y, x = noise.autocorrelation.shape
    spread[:y, :x] = noise.autocorrelation
    spectrum = np.fft.rfft2(np.roll(spread, (-(y // 2), -(x // 2)), (0, 1))).real
    white = np.random.default_rng(seed).standard_normal(noisy.shape)
    tinted = np.fft.irfft2(np.fft.rfft2(white) * np.sqrt(np.maximum(spectrum, 0)), noisy.shape)
    fresh = tinted * np.sqrt(variances(estimate.astype(np.float64), noise.model))
    return Split((noisy + share**0.5 * fresh, noisy - fresh / share**0.5), (), exact=False, note="measured colour")


def compared(first: Values, second: Values, taken: str | int) -> dict[str, Any]:
    """Mean square distances from the second part of what both ways make of the first."""
    words, _ = decision(first, "TYX")
    together = ((denoised(first, "TYX", taken)[0] - second) ** 2).mean((1, 2))
    single = ((denoised(first, "TYX", 0)[0] - second) ** 2).mean((1, 2))
    gain = single - together
    error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else 0.0
    return {
        "plan_of_part": words,
        "gain": float(gain.mean()),
        "gain_error": error,
        "single": float(single.mean()),
        "planes_gained": int((gain > 0).sum()),
    }


def recordings(data: Path) -> dict[str, Values]:
    found = {}
    for path in sorted((data / "timelapse").glob("*.tif")):
        found[path.stem] = np.squeeze(np.asarray(n2d.open(path).array))
    found["zstack"] = np.stack([np.asarray(n2d.open(path).array) for path in sorted((data / "zstack").glob("*.tif"))])
    return found


def ct(score: Any) -> tuple[Values, Values]:
    cases = sorted(score.SETS["ct-gauss25"]([0]), key=lambda case: int(case[1].split("_")[-1]))
    return np.stack([case[2] for case in cases]), np.stack([case[3] for case in cases])


def with_references(score: Any, only: Sequence[str]) -> list[dict[str, Any]]:
    noisy, clean = ct(score)
    middle = slice(6, 11)
    series: dict[str, Callable[[], tuple[Values, Values]]] = {"ct": lambda: (noisy, clean)}
    for shift in (1, 4, 16):

        def moved(shift: int = shift) -> tuple[Values, Values]:
            return _moved(noisy[middle], shift), _moved(clean[middle], shift)

        series[f"moved by {shift}"] = moved
    series["unrelated"] = lambda: (_unrelated(noisy), _unrelated(clean))
    series["shared noise"] = lambda: (_resampled(noisy[middle]), _resampled(clean[middle]))
    return [
        with_reference(name, *make(), forced=0 if name == "ct" else 2)
        for name, make in series.items()
        if not only or name in only
    ]


def _moved(planes: Values, shift: int) -> Values:
    return np.stack([np.roll(plane, shift * number, 1) for number, plane in enumerate(planes)])


def _unrelated(planes: Values) -> Values:
    turned = [np.rot90(planes[number], turn) for turn, number in enumerate((1, 5, 9, 13))]
    return np.stack([*turned, planes[16][::-1]])


def _resampled(planes: Values) -> Values:
    found = np.repeat(planes, 2, 0)[:-1].copy()
    found[1::2] = (planes[1:] + planes[:-1]) / 2
    return found


def lines_of(rows: list[dict[str, Any]], splits: list[dict[str, Any]]) -> list[str]:
    lines = ["| series | planes | neighbours | with them | one by one | worst plane | if forced | s a plane | beside |"]
    lines += ["|---|---:|---|---:|---:|---:|---:|---:|---:|"]
    for row in rows:
        gains = np.subtract(row["auto"], row["single"])
        forced = f"{np.mean(row['forced']):.2f}" if "forced" in row else ""
        same = "same bytes" if row["same_bytes"] else f"{gains.min():+.2f}"
        lines.append(
            f"| {row['series']} | {row['planes']} | {row['taken']} | {np.mean(row['auto']):.2f} | "
            f"{np.mean(row['single']):.2f} | {same} | {forced} | {row['seconds']:.1f} | {row['seconds_single']:.1f} |"
        )
    lines += ["", "PSNR in dB, mean over planes; seconds with planning.", ""]
    for row in rows:
        if row["series"] == "ct":
            lines += [f"Slice by slice, {key}: " + " ".join(f"{v:.2f}" for v in row[key]) for key in ("auto", "single")]
            lines += [""]
    lines += ["| recording | neighbours | split | gain of error, image units squared | planes that gain | beside |"]
    lines += ["|---|---|---|---:|---:|---:|"]
    for row in splits:
        head = f"| {row['series']} | {row['taken']} | {row['split']} |"
        if "refused" in row:
            lines.append(f"{head} refused: {row['refused']} | | |")
            continue
        lines.append(
            f"{head} {row['gain']:.4g} +- {row['gain_error']:.2g} | {row['planes_gained']} of {row['planes']} | "
            f"{row['single']:.4g} |"
        )
    lines += ["", "Beside: distance of planes one by one, most of which is the noise of the other part.", ""]
    return lines + [f"- {row['series']}: {row['plan']}" for row in (*rows, *splits[::3])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--score", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=[], help="series by name; nothing is written then")
    args = parser.parse_args()
    torch.set_grad_enabled(False)
    score = scorer(args.score)
    rows = with_references(score, args.only)
    found = recordings(score.DATA)
    splits = [
        row for name, noisy in found.items() if not args.only or name in args.only for row in split_test(name, noisy)
    ]
    if not args.only:
        title = "Series: planes with the help of their neighbours"
        write_result(RESULTS / "volume.md", title, lines_of(rows, splits), {"series": rows, "splits": splits})


if __name__ == "__main__":
    main()
