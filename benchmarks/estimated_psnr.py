"""PSNR that is estimated without a reference, against the one that a reference gives.

    python benchmarks/estimated_psnr.py --score ../shared/tools/score.py --cache FOLDER [--methods gaussian median]

Each image is denoised three times by each method: as it is, and twice with a tenth of the noise more. The error is
estimated with the noise known and with the noise as measured on the image. For simulated sets the noise is known; for
``fmd`` it is what differs from the reference: gain, and correlation over up to 8 pixels. What differs over more pixels
is no noise of the capture but drift between captures; no image tells it, no denoiser removes it, so that it is added to
the estimates with known noise. Denoised images are kept in ``--cache``; methods that are not complete there, and not
asked for, are left out. Results: ``benchmarks/results/estimated-psnr.md`` and ``.json``, a plot in ``docs/images``.
"""

import argparse
import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import noise2detail as n2d
from noise2detail.metrics.error_difference import error_difference
from noise2detail.metrics.estimated_error import Answered, error_of
from noise2detail.metrics.fidelity import drifted
from noise2detail.metrics.response import respond, variances
from noise2detail.noise.blocks import WHITE
from noise2detail.noise.measure import Measurement
from noise2detail.noise.model import NoiseModel
from noise2detail.pipeline.noise import channel_noise
from noise2detail.plans import Target
from record import write_result
from scorer import scorer

ROOT = Path(__file__).resolve().parents[1]
SETS: dict[str, list[int] | None] = {"fmd": [1], "ct-gauss25": None, "ct-poisson30": None, "white25": None}
STABLE = n2d.Run(stabilize=True, device="cpu")
PLAIN = n2d.Run(device="cpu")
WAYS: dict[str, tuple[str, str | None, n2d.Run]] = {
    **{name: (name, None, PLAIN) for name in ("gaussian", "mean", "median", "wiener", "wavelet", "tv", "nlm")},
    "bilateral": ("bilateral", None, PLAIN),
    "bm3d, stabilized": ("bm3d", None, STABLE),
    "bm3d, stabilized, unclipped": ("bm3d", None, replace(STABLE, unclip=True)),
    "zs_n2n": ("zs_n2n", None, PLAIN),
    "noise2detail": ("noise2detail", None, PLAIN),
    "auto, fast": ("auto", "fast", PLAIN),
    "auto": ("auto", None, PLAIN),
}
NEAR, FAR = 8, 12
"""Pixels over which noise is correlated, and beyond which what is still shared is drift."""

APART = 0.3
"""Decibels between methods from which their order has to be right."""

Values = NDArray[np.float64]
Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Case:
    """A noisy image, what it should be, and what is known of its noise."""

    name: str
    noisy: NDArray[np.float32]
    reference: Values
    span: float
    known: Measurement
    drift: float
    """Mean square of what differs from the reference over many pixels."""
    measured: Measurement
    target: Target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--score", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--methods", nargs="*", default=[], choices=list(WAYS))
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    args = parser.parse_args()
    rows: list[Row] = []
    pairs: list[Row] = []
    for one in args.sets:
        for case in cases(args.score, one):
            answered = dict(each(case, args.cache, args.methods))
            own = [row(one, case, name, found) for name, found in answered.items()]
            rows += own
            pairs += orders(one, case, answered, own)
            print(one, case.name, len(own), flush=True)
    write_result(
        ROOT / "benchmarks/results/estimated-psnr.md",
        "Estimated against true PSNR",
        lines(rows, pairs),
        {"rows": rows, "pairs": pairs},
        "python benchmarks/estimated_psnr.py --score ../shared/tools/score.py --cache FOLDER",
    )
    plot(rows, ROOT / "docs/images/estimated_psnr.png")


def cases(program: Path, one: str) -> Iterator[Case]:
    """Every image of a set."""
    for _, name, raw, truth, span in scorer(program).SETS[one](SETS[one]):
        noisy, clean = raw.astype(np.float32), truth.astype(np.float64)
        seen = noisy.astype(np.float64)
        reference = drifted(clean, seen) if one == "fmd" else clean
        known, drift = known_noise(one, seen, reference)
        measured = channel_noise(noisy)[0].measurement
        yield Case(name, noisy, reference, span, known, drift, measured, "captured" if one == "fmd" else "latent")


def known_noise(one: str, seen: Values, reference: Values) -> tuple[Measurement, float]:
    """What is known of the noise, and the mean square of drift."""
    if one == "white25":
        return Measurement(NoiseModel(sigma=25 / 255), WHITE), 0.0
    if one == "ct-gauss25":
        return Measurement(NoiseModel(sigma=25 / 255, low=0.0, high=1.0), WHITE), 0.0
    if one == "ct-poisson30":
        return Measurement(NoiseModel(gain=1 / 30), WHITE), 0.0
    apart = seen - reference
    model = line(apart, reference)
    shared = shares(apart, variances(reference, model))
    rows, columns = np.mgrid[-FAR : FAR + 1, -FAR : FAR + 1]
    drift = max(float(shared[np.maximum(abs(rows), abs(columns)) > FAR - 3].mean()), 0.0)
    near = ((shared - drift) / (1 - drift))[FAR - NEAR : FAR + NEAR + 1, FAR - NEAR : FAR + NEAR + 1]
    noise = Measurement(replace(model, gain=model.gain * (1 - drift)), near)
    return noise, drift * float(np.mean(apart**2))


def line(apart: Values, reference: Values) -> NoiseModel:
    """Gain and pedestal of what differs, with its mean square."""
    square, level = (apart**2).ravel(), reference.ravel()
    terms, expected = np.stack([level, np.ones_like(level)], 1), np.full_like(level, square.mean())
    for _ in range(5):
        slope, height = np.linalg.lstsq(terms / expected[:, None], square / expected, rcond=None)[0]
        expected = np.maximum(slope * level + height, 0.05 * square.mean())
    model = NoiseModel(gain=float(slope), pedestal=float(-height / slope))
    scale = float(square.mean() / np.mean(variances(reference, model)))
    return replace(model, gain=model.gain * scale)


def shares(apart: Values, expected: Values) -> Values:
    """Correlation with pixels around: bright ones, which have most of the error, count most."""
    size = [2 * side for side in apart.shape]
    both = [np.fft.irfft2(np.abs(np.fft.rfft2(one, s=size)) ** 2, s=size) for one in (apart, np.sqrt(expected))]
    found, most = (np.roll(one, (FAR, FAR), (0, 1))[: 2 * FAR + 1, : 2 * FAR + 1] for one in both)
    ratio: Values = found / most / (found[FAR, FAR] / most[FAR, FAR])
    return ratio


def each(case: Case, cache: Path, wanted: list[str]) -> Iterator[tuple[str, Answered]]:
    """Every method that is asked for, or already there, with its response."""
    for name, (method, recipe, run) in WAYS.items():
        again = kept(case, cache, name, method, recipe, run, name in wanted)
        try:
            denoised = again(case.noisy)
            yield name, Answered(denoised, respond(case.noisy, denoised, again, case.measured))
        except FileNotFoundError:
            continue


def kept(
    case: Case, cache: Path, name: str, method: str, recipe: str | None, run: n2d.Run, may: bool
) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """The method, its results kept in files; within the range of the set, as its files would be."""

    def again(plane: NDArray[Any]) -> NDArray[Any]:
        digest = hashlib.sha256(np.ascontiguousarray(plane, np.float32).tobytes()).hexdigest()[:20]
        path = cache / f"{name.replace(', ', '_')}-{digest}.npy"
        if not path.exists():
            if not may:
                raise FileNotFoundError(path)
            found = n2d.denoise(plane.astype(np.float32), method=method, recipe=recipe, run=run)
            np.save(path, np.clip(found, 0, case.span).astype(np.float32))
        result: NDArray[Any] = np.load(path)
        return result

    return again


def row(one: str, case: Case, name: str, answered: Answered) -> Row:
    """Truth and estimates of one result."""
    truth = float(np.mean((np.asarray(answered.denoised, np.float64) - case.reference) ** 2))
    result: Row = {"set": one, "image": case.name, "method": name, "psnr": decibels(truth, case.span)}
    for way, noise, drift in (("known", case.known, case.drift), ("measured", case.measured, 0.0)):
        found = error_of(case.noisy, answered, noise, target=case.target)
        low, high, mse = found.low + drift, found.high + drift, found.mse + drift
        result[way] = {
            "psnr": decibels(mse, case.span),
            "low": decibels(high, case.span),
            "high": decibels(low, case.span) if low > 0 else None,
            "raw": found.raw,
            "covers": bool(low <= truth <= high),
            "off": decibels(mse, case.span) - decibels(truth, case.span),
            "largest": found.origins[0][0],
        }
    return result


def decibels(mse: float, span: float) -> float:
    return 10 * math.log10(span**2 / mse)


def orders(one: str, case: Case, answered: dict[str, Answered], rows: list[Row]) -> list[Row]:
    """Every two methods that are truly apart: whether the estimate orders them so, and its interval holds."""
    found = []
    for number, first in enumerate(rows):
        for second in rows[:number]:
            apart = first["psnr"] - second["psnr"]
            if abs(apart) <= APART:
                continue
            pair: Row = {"set": one, "image": case.name, "first": first["method"], "second": second["method"]}
            truth = 10 ** (-first["psnr"] / 10) - 10 ** (-second["psnr"] / 10)
            for way, noise in (("known", case.known), ("measured", case.measured)):
                pair[way] = {"right": bool((first[way]["raw"] - second[way]["raw"]) * truth > 0)}
                if second is rows[number - 1]:  # the interval of every pair would take most of the time
                    both = answered[first["method"]], answered[second["method"]]
                    own = error_difference(case.noisy, both[0], both[1], noise, target=case.target)
                    pair[way]["covers"] = bool(own.low <= truth * case.span**2 <= own.high)
            found.append(pair)
    return found


def lines(rows: list[Row], pairs: list[Row]) -> list[str]:
    methods = list(dict.fromkeys(row["method"] for row in rows))
    text = [
        f"{len(rows)} results of {len(methods)} methods ({', '.join(methods)}). Errors in dB: estimated minus true.",
        "`fmd`: against the reference with gain and offset fitted from the raw image.",
        "",
    ]
    for way in ("known", "measured"):
        text += [f"## Noise {way}", "", "| set | results | interval covers | median absolute error | median error |"]
        text[-1] += " no upper end | tau, pairs > 0.3 dB apart | pairs | intervals of differences cover |"
        text.append("|---|" + "---:|" * 8)
        for one in [*dict.fromkeys(row["set"] for row in rows), "simulated", "all"]:
            own = [row[way] for row in rows if one in groups(row)]
            two = [pair[way] for pair in pairs if one in groups(pair)]
            off = [found["off"] for found in own]
            right = np.mean([found["right"] for found in two]) if two else math.nan
            held = np.mean([found["covers"] for found in two if "covers" in found]) if two else math.nan
            text.append(
                f"| {one} | {len(own)} | {np.mean([found['covers'] for found in own]):.0%} | "
                f"{np.median(np.abs(off)):.2f} | {np.median(off):+.2f} | {sum(f['high'] is None for f in own)} | "
                f"{2 * right - 1:.2f} | {len(two)} | {held:.0%} |"
            )
        text.append("")
    text += [
        "## By image",
        "",
        "| set | image | methods | known: median error | known: covers | measured: median error |",
    ]
    text[-1] += " measured: covers | tau, known | tau, measured |"
    text.append("|---|---|" + "---:|" * 7)
    for one, image in dict.fromkeys((row["set"], row["image"]) for row in rows):
        own = [row for row in rows if (row["set"], row["image"]) == (one, image)]
        two = [pair for pair in pairs if (pair["set"], pair["image"]) == (one, image)]
        cells = [one, image, str(len(own))]
        for way in ("known", "measured"):
            cells += [
                f"{np.median([r[way]['off'] for r in own]):+.2f}",
                f"{np.mean([r[way]['covers'] for r in own]):.0%}",
            ]
        cells += [
            f"{2 * np.mean([p[way]['right'] for p in two]) - 1:.2f}" if two else "" for way in ("known", "measured")
        ]
        text.append("| " + " | ".join(cells) + " |")
    return text


def groups(row: Row) -> tuple[str, ...]:
    """What a row counts for."""
    return (row["set"], "all") if row["set"] == "fmd" else (row["set"], "simulated", "all")


def plot(rows: list[Row], path: Path) -> None:
    """Estimated over true PSNR, with intervals."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, both = plt.subplots(1, 2, figsize=(11, 5.2), sharex=True, sharey=True, layout="constrained")
    ends = [min(row["psnr"] for row in rows) - 1, max(row["psnr"] for row in rows) + 1]
    for axes, way in zip(both, ("known", "measured"), strict=True):
        axes.plot(ends, ends, color="0.5", linewidth=1)
        for number, one in enumerate(dict.fromkeys(row["set"] for row in rows)):
            own = [row for row in rows if row["set"] == one]
            true, found = [r["psnr"] for r in own], [r[way]["psnr"] for r in own]
            top = ends[1] + 4
            below = [value - r[way]["low"] for value, r in zip(found, own, strict=True)]
            above = [(r[way]["high"] or top) - value for value, r in zip(found, own, strict=True)]
            bars = [np.maximum(below, 0), np.maximum(above, 0)]
            axes.errorbar(
                true, found, bars, fmt="os^D"[number % 4], color=f"C{number}", markersize=4, linewidth=0.6, label=one
            )
        axes.set(
            title=f"noise {way}", xlabel="PSNR against the reference / dB", xlim=ends, ylim=(ends[0] - 1, ends[1] + 3)
        )
        axes.grid(color="0.9")
    both[0].set_ylabel("PSNR estimated without it, 90 % interval / dB")
    both[0].legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
