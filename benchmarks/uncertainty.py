"""How often the truth lies within the stated uncertainty: a parametric bootstrap on images whose truth is known.

    python benchmarks/uncertainty.py --score ../shared/tools/score.py

Crops of 256x256 pixels: the four images of ``white25`` (normal noise of 25/255), a CT slice as counted photons
(``ct-poisson30``) and as a camera gives it (``ct-camera``: photons, a pedestal and read noise, whole numbers). The
noise is measured on the crop, nothing is told. ``deviation`` is the spread over the draws alone; ``error`` has the
shift of the denoised image under a second denoising added in quadrature, which is what ``--uncertainty`` writes. An
error that is normal and rightly stated lies within one standard deviation in 68.3 % of the pixels, within two in
95.4 %. ``--cache`` keeps the images of every case, so that the picture can be drawn again.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import noise2detail as n2d
from noise2detail.metrics.bootstrap import FreshNoise, bootstrap, repeatability
from noise2detail.pipeline.noise import channel_noise
from noise2detail.report.repeats import image_again, target_of
from noise2detail.types import Pixels
from record import write_result
from scorer import scorer

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PICTURE = ROOT / "docs" / "images" / "uncertainty.png"
SHOWN = ("camera", "auto")
SEEDS = 3
TENTHS = 10


@dataclass(frozen=True)
class Way:
    """A method, and what is repeated with it."""

    method: str
    recipe: str
    draws: int = 20
    stabilize: bool = False


WAYS = (
    Way("gaussian", "standard"),
    Way("bm3d", "standard", stabilize=True),
    Way("auto", "fast"),
    Way("noise2detail", "fast", draws=10),
)


def cases(program: Path) -> dict[str, tuple[Pixels, Pixels]]:
    """Noisy crop and truth, by name."""
    score, middle = scorer(program), np.s_[128:384, 128:384]
    found = {name: (noisy[middle], clean[middle]) for _, name, noisy, clean, _ in score.SETS["white25"](None)}
    for name in ("ct-poisson30", "ct-camera"):
        slices = score.SETS[name](None)
        _, _, noisy, clean, _ = slices[len(slices) // 2]
        found[name] = (noisy[middle], clean[middle])
    return found


def images_of(noisy: Pixels, way: Way) -> dict[str, Pixels]:
    """The denoised image, its bootstrap, and how far other seeds lead."""
    run = n2d.Run(device="cpu", precision="float32", threads=torch.get_num_threads(), stabilize=way.stabilize)
    plan = n2d.plan(noisy, method=way.method, recipe=way.recipe, run=run)
    again = image_again(plan)
    denoised = again(noisy)
    noise = FreshNoise.measured(channel_noise(noisy)[0].measurement, target_of(plan), noisy.dtype)
    found = bootstrap(denoised, again, noise, draws=way.draws)
    trained = way.method == "noise2detail"
    seeds = repeatability(noisy, lambda seed: image_again(plan, seed=seed), range(SEEDS)) if trained else np.zeros(1)
    return {
        "noisy": noisy,
        "denoised": denoised,
        "deviation": found.deviation,
        "error": found.error,
        "repeatability": seeds,
    }


def row_of(name: str, way: Way, images: dict[str, Pixels], truth: Pixels) -> dict[str, Any]:
    """Figures of one case."""
    missed = np.abs(images["denoised"] - truth.astype(np.float64))
    span = float(np.ptp(truth))
    row: dict[str, Any] = {"image": name, "method": way.method, "draws": way.draws}
    row["psnr"] = float(-10 * np.log10(np.mean((missed / span) ** 2)))
    for kind in ("deviation", "error"):
        stated = images[kind]
        row |= {f"{kind} within {n}": float(np.mean(missed <= n * stated)) for n in (1, 2)}
        row[f"{kind} rms over true"] = float(np.sqrt(np.mean(stated**2) / np.mean(missed**2)))
    order = np.argsort(images["error"], axis=None)
    parts = np.array_split(order, TENTHS)
    row["stated by tenth"] = [float(np.sqrt(np.mean(images["error"].ravel()[part] ** 2))) / span for part in parts]
    row["true by tenth"] = [float(np.sqrt(np.mean(missed.ravel()[part] ** 2))) / span for part in parts]
    row["repeatability over true"] = float(np.sqrt(np.mean(images["repeatability"] ** 2) / np.mean(missed**2)))
    return row


def lines(rows: list[dict[str, Any]]) -> list[str]:
    text = ["Share of the pixels whose truth lies within so many standard deviations; nominal 68.3 % and 95.4 %.", ""]
    head = ["image", "method", "dB", "deviation: 1, 2", "error: 1, 2", "stated over true rms: deviation, error"]
    text += ["| " + " | ".join([*head, "spread over seeds over true rms"]) + " |", "|---|---|---:|---:|---:|---:|---:|"]
    text += [said(row["image"], row["method"], row) for row in rows]
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        keys = [key for key, value in own[0].items() if isinstance(value, float)]
        text.append(said("**mean**", method, {key: float(np.mean([row[key] for row in own])) for key in keys}))
    return text


def said(image: str, method: str, row: dict[str, Any]) -> str:
    """One line of the table."""
    shares = [[row[f"{kind} within {n}"] for n in (1, 2)] for kind in ("deviation", "error")]
    ratios = [row[f"{kind} rms over true"] for kind in ("deviation", "error")]
    cells = [image, method, f"{row['psnr']:.2f}", *(f"{one:.1%}, {two:.1%}" for one, two in shares)]
    cells.append(", ".join(f"{ratio:.2f}" for ratio in ratios))
    seeds = row["repeatability over true"]
    return "| " + " | ".join([*cells, f"{seeds:.2f}" if seeds else "0"]) + " |"


def draw(images: dict[str, Pixels], truth: Pixels, rows: list[dict[str, Any]]) -> None:
    """What is stated beside what is true."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 4, figsize=(15, 4.1), layout="constrained")
    missed = np.abs(images["denoised"] - truth)
    top = float(np.quantile(missed, 0.99))
    axes[0].imshow(images["denoised"], cmap="gray", vmin=0, vmax=1)
    axes[1].imshow(images["error"], cmap="magma", vmin=0, vmax=top)
    shown = axes[2].imshow(missed, cmap="magma", vmin=0, vmax=top)
    figure.colorbar(shown, ax=axes[2], fraction=0.046)
    titles = ("denoised (auto, fast)", "stated: standard deviation", "true: absolute error")
    for ax, title in zip(axes, titles, strict=False):
        ax.set_title(title)
        ax.set_axis_off()
    for way, marker in zip(WAYS, "osd^", strict=True):
        own = [row for row in rows if row["method"] == way.method]
        stated = np.concatenate([row["stated by tenth"] for row in own])
        true = np.concatenate([row["true by tenth"] for row in own])
        axes[3].plot(stated, true, marker, ms=4, alpha=0.75, label=way.method)
    ends = (0.002, 0.2)
    axes[3].plot(ends, ends, "k--", lw=1, label="as stated")
    axes[3].set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    axes[3].set(xlabel="stated, rms of a tenth of the pixels", ylabel="true error, rms of the same pixels")
    axes[3].set_title("six images, ten groups of pixels each")
    axes[3].legend(fontsize=8)
    figure.savefig(PICTURE, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--score", type=Path, required=True)
    parser.add_argument("--cache", type=Path)
    args = parser.parse_args()
    rows, shown = [], None
    save: Any = np.savez
    for name, (noisy, truth) in cases(args.score).items():
        for way in WAYS:
            kept = args.cache / f"{name}-{way.method}.npz" if args.cache else None
            if kept and kept.exists():
                images = dict(np.load(kept))
            else:
                images = images_of(noisy, way)
                if kept:
                    save(kept, **images)
            rows.append(row_of(name, way, images, truth))
            print({key: value for key, value in rows[-1].items() if "tenth" not in key}, flush=True)
            if (name, way.method) == SHOWN:
                shown = images, truth
    assert shown is not None
    draw(*shown, rows)
    write_result(RESULTS / "uncertainty.md", "Coverage of the uncertainty", lines(rows), {"rows": rows})


if __name__ == "__main__":
    main()
