"""Draw every stage of both methods on one image, and write ``docs/explanation/method-in-pictures.md`` with figures.

python docs/gallery/method_in_pictures.py

The image is the brain section of the examples, whose licence allows it.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import panels
import PIL.Image
import torch
from beside import beside
from method_text import page
from numpy.typing import NDArray
from panels import Panel

import noise2detail as n2d
from noise2detail.fusion.denoiser import FusionDenoiser
from noise2detail.noise.measure import measure_noise
from noise2detail.noise.model import NoiseModel
from noise2detail.noise.stabilize import stabilise
from noise2detail.numerics.downsample import pair_downsample
from noise2detail.numerics.shuffle import shuffle_apart

Plane = NDArray[np.float32]

HERE = Path(__file__).resolve().parent
IMAGE = HERE.parents[1] / "examples" / "brain_section.tif"
PICTURES = HERE.parent / "images" / "method"
FIGURES = HERE / "method.json"
PAGE = HERE.parent / "explanation" / "method-in-pictures.md"

CUT = np.s_[176:304, 118:246]
"""Cell bodies, thin processes and plain tissue."""
PATCH = np.s_[262:294, 196:228]
"""So few pixels that each can be seen."""


def main() -> None:
    """Run both methods, draw, and write the page."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    noisy = np.asarray(n2d.open(IMAGE).array).astype(np.float32)
    low, high = (float(value) for value in np.quantile(noisy[CUT], [0.005, 0.995]))
    figures = automatic(noisy, low, high) | noise2detail(noisy, low, high)
    figures |= {"black": round(low), "white": round(high)}
    figures["circumstances"] = beside("benchmarks", "record").circumstances("python docs/gallery/method_in_pictures.py")
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(page(figures), encoding="utf-8")


def automatic(noisy: Plane, low: float, high: float) -> dict[str, Any]:
    """Pictures and figures of ``auto``."""
    found = measure_noise(torch.from_numpy(noisy))
    noise_picture()
    alike = stabilise(torch.from_numpy(noisy), found.model).numpy()
    stabilised(noisy, alike, (low, high))
    fitted = n2d.fit(noisy, method="auto")
    denoiser = fitted.denoisers[0]
    assert isinstance(denoiser, FusionDenoiser)
    stages = n2d.stages(noisy, method="auto")
    names = [name for name in ("cascades", "ridge", "network") if name in stages]
    shown = [shade(name, stages[name][CUT], low, high) for name in names]
    # four times the contrast: on the scale of the image nobody would see a difference
    shown += [
        difference(f"{name} - mixture, x4", 4 * (stages[name] - stages["denoised"])[CUT], low, high) for name in names
    ]
    save("estimates", shown, per_row=3)
    residual = noisy - stages["denoised"]
    unit = residual / deviation(found.model, stages["denoised"])
    save(
        "mixture",
        [
            shade("noisy", noisy[CUT], low, high),
            shade("mixture", stages["denoised"][CUT], low, high),
            difference("noisy - mixture", residual[CUT], low, high),
            Panel("the same, in deviations", unit[CUT] / 8, middle=0.0),
        ],
    )
    across, down = (float(np.corrcoef(one.ravel(), other.ravel())[0, 1]) for one, other in neighbours(unit))
    return {
        "gain": found.model.gain,
        "sigma": found.model.sigma,
        "pedestal": found.model.pedestal,
        "low": found.model.low,
        "correlation": list(found.correlation),
        "weights": dict(denoiser.weights),
        "residual_deviation": float(unit.std()),
        "residual_correlation": [down, across],
        "apart": {name: float((stages[name] - stages["denoised"]).std()) for name in names},
        "taken": float(residual.std()),
    }


def noise2detail(noisy: Plane, low: float, high: float) -> dict[str, Any]:
    """Pictures and figures of Noise2Detail with its default recipe."""
    stages = n2d.stages(noisy, method="noise2detail")
    views(noisy, low, high)
    compare("stage1", noisy, stages["stage1"], "stage 1", (low, high))
    cut = torch.from_numpy(np.ascontiguousarray(noisy[CUT]))[None, None]
    parts = shuffle_apart(cut, 2)[:, 0].numpy()
    apart = np.block([[parts[0], parts[1]], [parts[2], parts[3]]])
    save(
        "stage2",
        [
            shade("every 2nd pixel: 4 parts", apart, low, high),
            shade("denoised, twice (stride 2)", stages["refined_stride2"][CUT], low, high),
            shade("the same with stride 4", stages["refined_stride4"][CUT], low, high),
            shade("stage 2: mean with stage 1", stages["stage2"][CUT], low, high),
        ],
    )
    compare("stage3", noisy, stages["stage3"], "stage 3", (low, high), stages["stage2"])
    last = list(stages)[-1]
    compare("blend", noisy, stages[last], "result", (low, high))
    return {"stages": list(stages), "roughness": {name: roughness(np.asarray(one)) for name, one in stages.items()}}


def views(noisy: Plane, low: float, high: float) -> None:
    """A few pixels, the two views of them, and what differs."""
    batch = torch.from_numpy(np.ascontiguousarray(noisy[PATCH]))[None, None]
    first, second = (view[0, 0].numpy() for view in pair_downsample(batch))
    big = np.ones((2, 2), np.float32)
    save(
        "views",
        [
            shade("noisy, 32 x 32 pixels", noisy[PATCH], low, high),
            shade("view 1, half the size", np.kron(first, big), low, high),
            shade("view 2", np.kron(second, big), low, high),
            difference("view 1 - view 2", np.kron(first - second, big), low, high),
        ],
        zoom=8,
    )


def compare(name: str, noisy: Plane, result: Any, title: str, grey: tuple[float, float], before: Any = None) -> None:
    """A result beside the noisy image, and what it took away; and what it added to the stage before."""
    shown = [
        shade("noisy", noisy[CUT], *grey),
        shade(title, result[CUT], *grey),
        difference(f"noisy - {title}", (noisy - result)[CUT], *grey),
    ]
    if before is not None:
        shown[0] = shade("stage 2", before[CUT], *grey)
        shown.append(difference(f"{title} - stage 2, x4", 4 * (result - before)[CUT], *grey))
    save(name, shown)


def noise_picture() -> None:
    """What ``n2d noise --plot`` draws, in fewer colours."""
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "noise.png"
        words = [sys.executable, "-m", "noise2detail", "noise", str(IMAGE), "--plot", str(drawn)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        with PIL.Image.open(drawn) as picture:
            picture.convert("RGB").quantize(64).save(PICTURES / "noise.png", optimize=True)


def stabilised(noisy: Plane, alike: Plane, grey: tuple[float, float]) -> None:
    """Image and finest details before and after the transform."""
    low, high = (float(value) for value in np.quantile(alike[CUT], [0.005, 0.995]))
    save(
        "stabilised",
        [
            shade("as recorded", noisy[CUT], *grey),
            difference("its finest details", finest(noisy)[CUT], *grey),
            shade("made alike", alike[CUT], low, high),
            Panel("its finest details", finest(alike)[CUT] / 8, middle=0.0),
        ],
    )


def finest(image: Plane) -> Plane:
    """Differences of differences, as wide as noise of the image's deviation: structure hardly shows in them."""
    padded = np.pad(image, 1, mode="reflect")
    across = padded[:, 1:-1] - (padded[:, :-2] + padded[:, 2:]) / 2
    found: Plane = ((across[1:-1] - (across[:-2] + across[2:]) / 2) / 1.5).astype(np.float32)
    return found


def neighbours(unit: Plane) -> tuple[tuple[Plane, Plane], tuple[Plane, Plane]]:
    """Pairs across and down."""
    return (unit[:, 1:], unit[:, :-1]), (unit[1:], unit[:-1])


def deviation(model: NoiseModel, denoised: Any) -> Plane:
    """Of the noise at each pixel."""
    variance = model.gain * np.maximum(np.asarray(denoised) - model.pedestal, 0) + model.sigma**2
    result: Plane = np.sqrt(np.maximum(variance, 1e-6)).astype(np.float32)
    return result


def roughness(image: Plane) -> float:
    """Standard deviation of the finest details: how much noise, or how much sharpness, there is."""
    return float(finest(image.astype(np.float32))[CUT].std())


def shade(title: str, values: Any, low: float, high: float) -> Panel:
    """An image on the scale from 0 to 1."""
    return Panel(title, (np.asarray(values) - low) / (high - low))


def difference(title: str, values: Any, low: float, high: float) -> Panel:
    """A difference with the contrast of the images."""
    return Panel(title, np.asarray(values) / (high - low), middle=0.0)


def save(name: str, shown: list[Panel], *, zoom: int = 2, per_row: int = 4) -> None:
    """Four in a row."""
    panels.save(panels.draw(shown, 0.0, 1.0, zoom, per_row), PICTURES / f"{name}.webp")


if __name__ == "__main__":
    main()
