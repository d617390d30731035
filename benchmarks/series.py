"""Trainings of a stack: one for each plane, one for all, and one that goes on from plane to plane.

    python benchmarks/series.py --data ../shared/data

Every stack is denoised with ``noise2detail`` in the recipe ``fast`` in all three modes. Time is that of the trainings
alone, as told by progress: what passes before a step that trains, or prepares a training, counts. Quality is the mean
PSNR of all planes where there is a noise-free reference, of the whole image and of the body alone. Recorded stacks have
none: each is thinned into two by its photons, with the measured gain and pedestal; one half is denoised, and its
squared difference from the other tells modes apart, in dB relative to that of one training for each plane (positive is
better).
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import tifffile
import torch
from numpy.typing import NDArray

import noise2detail as n2d
from noise2detail.errors import RefusedSplitError
from noise2detail.method import Step
from noise2detail.metrics.splits import thin
from noise2detail.noise.measure import measure_noise
from record import write_result

RESULTS = Path(__file__).resolve().parent / "results"
BODY = 0.25
"""Values of the reference from which a pixel is no air."""

MODES = ("plane", "shared", "warm", "auto")
Values = NDArray[np.float32]


class Clock:
    """Seconds until steps that train, and until those that apply."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.training = self.applying = 0.0
        self._now, self._last = now, now()

    def __call__(self, step: Step) -> None:
        seen, self._last = self._last, self._now()
        if "applying" in step.stage:
            self.applying += self._last - seen
        else:
            self.training += self._last - seen


def slices(folder: Path) -> tuple[Values, Values]:
    """Noisy and noise-free slices, those of ``ct-gauss25`` in the scoring program."""
    noisy, clean = [], []
    for path in sorted((folder / "ct_spleen").glob("*.dcm")):
        values = pydicom.dcmread(path, force=True).pixel_array.astype(np.float32)
        own = ((values - values.min()) / (values.max() - values.min())).astype(np.float32)
        rng = np.random.default_rng([2510, 15611, int(path.stem.split("_")[-1])])
        clean.append(own)
        noisy.append(np.clip(own + rng.normal(0, 25 / 255, own.shape), 0, 1).astype(np.float32))
    return np.stack(noisy), np.stack(clean)


def psnr(found: Values, clean: Values) -> tuple[float, float]:
    """Mean over planes: of whole images, half of which is air where clipping shifts the mean, and of the body alone."""
    errors = (np.clip(found, 0, 1).astype(np.float64) - clean) ** 2
    body = [error[truth > BODY].mean() for error, truth in zip(errors, clean, strict=True)]
    return float((10 * np.log10(1 / errors.mean((1, 2)))).mean()), float((10 * np.log10(1 / np.array(body))).mean())


def difference(found: Values, other: Values) -> tuple[float]:
    """From the other half, in dB."""
    return (float(10 * np.log10(((found - other) ** 2).mean(dtype=np.float64))),)


def halves(stack: Values) -> tuple[Values, Values]:
    """Two stacks with independent noise."""
    values = torch.from_numpy(stack[:: max(1, len(stack) // 8)].astype(np.float32))
    model = measure_noise(values).model
    parts = [thin(plane, model, seed=number).parts for number, plane in enumerate(stack)]
    first, second = (np.stack(half).astype(np.float32) for half in zip(*parts, strict=True))
    return first, second


def recorded(folder: Path) -> dict[str, tuple[str, Values]]:
    """Stacks without a reference, by name, with their axes."""
    section = np.stack([tifffile.imread(path) for path in sorted((folder / "zstack").glob("*.tif"))])
    return {
        "zstack, 12 planes": ("ZYX", section),
        "two-photon calcium, 20 frames": ("TYX", tifffile.imread(folder / "timelapse/two_photon_calcium.tif")),
        "membrane, 5 frames": ("TYX", tifffile.imread(folder / "timelapse/membrane_2d_timelapse.tif")),
        "cell migration, 48 frames": ("TYX", tifffile.imread(folder / "timelapse/cancer_cell_migration_crop.tif")),
    }


def tried(
    stack: Values, axes: str, seeds: int, judge: Callable[[Values], tuple[float, ...]], run: n2d.Run
) -> list[dict[str, Any]]:
    """For each mode: seconds, quality as ``judge`` sees it, and what was decided."""
    rows: list[dict[str, Any]] = []
    for mode in MODES:
        own = replace(run, fit=mode)  # type: ignore[arg-type]
        plan = n2d.plan(stack, axes=axes, method="noise2detail", recipe="fast", run=own)
        if mode == "auto":
            rows.append({"mode": mode, "chose": plan.fit, "why": plan.why})
            continue
        found = []
        for seed in range(seeds):
            wall, busy = Clock(time.perf_counter), Clock(time.process_time)

            def listen(step: Step, wall: Clock = wall, busy: Clock = busy) -> None:
                wall(step)
                busy(step)

            result = n2d.denoise(
                stack, axes=axes, method="noise2detail", recipe="fast", seed=10 * seed, run=own, on_step=listen
            )
            found.append((wall.training, busy.training, judge(result)))
        seconds, processor, quality = (list(column) for column in zip(*found, strict=True))
        rows.append(
            {
                "mode": mode,
                "training_seconds": float(np.mean(seconds)),
                "training_processor_seconds": float(np.mean(processor)),
                "quality": np.mean(quality, 0).tolist(),
                "of_each_seed": quality,
                "begun_anew": max(len(plan.starts) - 1, 0),
            }
        )
        print(rows[-1], flush=True)
    return rows


def table(title: str, rows: list[dict[str, Any]], unit: str, *, relative: bool) -> list[str]:
    """Lines of Markdown."""
    first = rows[0]
    lines = [f"## {title}", "", f"| fit | training, s | times less | processor | {unit} | begun anew |"]
    lines += ["|---|---:|---:|---:|---:|---:|" + "---:|" * unit.count("|")]
    for row in rows:
        if row["mode"] == "auto":
            lines += ["", f"`auto` takes `{row['chose']}`: {row['why'][0]}.", ""]
            continue
        both = zip(first["quality"], row["quality"], strict=True)
        quality = [f"{one - own:+.3f}" if relative else f"{own:.3f}" for one, own in both]
        less, busy = (first[key] / row[key] for key in ("training_seconds", "training_processor_seconds"))
        lines.append(
            f"| {row['mode']} | {row['training_seconds']:.2f} | {less:.1f} | {busy:.1f} | "
            f"{' | '.join(quality)} | {row['begun_anew']} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--only", help="part of a stack's name")
    parser.add_argument("--planes", type=int, nargs="*", default=[2, 4, 8], help="further lengths of the CT stack")
    arguments = parser.parse_args()
    run = n2d.Run(device="cpu", precision=arguments.precision)
    lines, figures = [], {}
    noisy, clean = slices(arguments.data)
    for count in (len(noisy), *arguments.planes):
        name = f"CT with Gaussian noise of 25, {count} slices"
        if arguments.only and arguments.only not in name:
            continue
        begin = (len(noisy) - count) // 2
        part, truth = noisy[begin : begin + count], clean[begin : begin + count]
        figures[name] = tried(part, "ZYX", arguments.seeds, partial(psnr, clean=truth), run)
        lines += [*table(name, figures[name], "PSNR, dB | body alone", relative=False), ""]
    for name, (axes, stack) in recorded(arguments.data).items():
        if arguments.only and arguments.only not in name:
            continue
        try:
            first, second = halves(stack)
        except RefusedSplitError as refused:
            lines += [f"## {name}", "", f"Not compared: {refused}.", ""]
            continue
        figures[name] = tried(first, axes, arguments.seeds, partial(difference, other=second), run)
        lines += [*table(name, figures[name], "against one for each, dB", relative=True), ""]
    if not arguments.only:
        write_result(RESULTS / "series.md", "Trainings of a stack", lines, {"stacks": figures})
    print("\n".join(lines))


if __name__ == "__main__":
    main()
