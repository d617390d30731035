"""How often the drift test speaks where nothing has changed, and how often where something has.

    python benchmarks/drift.py --data ../shared/data

Noise is put on noise-free images: 17 neighbouring slices of a computed tomography and six fluorescence images, the
means of 50 captures each. Three kinds: normal noise, shot noise, and both. What is described is one draw. What is
tested has fresh noise, on the same image and for slices on the next two; and then one thing is changed: sigma or the
gain by a quarter either way (the mean brightness stays), the pedestal by two deviations of the noise in dark parts,
or the light by one half. Recorded series are tested as they are, each plane against the one before and two before.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import tifffile
import torch
from numpy.typing import NDArray
from skimage import io

from noise2detail.noise.drift import Described, describe, differences
from record import write_result

RESULTS = Path(__file__).resolve().parent / "results"
DRAWS = 2
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """What makes a noisy image of a noise-free one in [0, 1]."""

    full: float
    """Values above the pedestal where the image is 1."""
    gain: float
    """Values for a photon."""
    sigma: float
    """Of normal noise, in values."""
    pedestal: float = 100.0
    lamp: float = 1.0

    def record(self, clean: Values, rng: np.random.Generator) -> Values:
        """A noisy image."""
        mean = self.full * self.lamp * clean
        light = rng.poisson(mean / self.gain) * self.gain if self.gain else mean
        found: Values = light + self.pedestal + rng.normal(0, self.sigma, clean.shape)
        return found

    def deviation(self, clean: Values) -> float:
        """Of the noise in dark parts."""
        return float((self.gain * self.full * np.quantile(clean, 0.05) + self.sigma**2) ** 0.5)


CAMERAS = {
    "normal, 4 %": Camera(1000, 0, 40),
    "normal, 10 %": Camera(1000, 0, 100),
    "shot, 100 photons": Camera(1000, 10, 3),
    "shot, 30 photons": Camera(1000, 33, 5),
    "both, 30 photons": Camera(1200, 40, 40),
}


def changed(camera: Camera, clean: Values) -> Iterator[tuple[str, Camera]]:
    """Cameras with one thing changed, by what it is."""
    for factor in (1.25, 0.8):
        if camera.gain:
            yield "gain by a quarter", replace(camera, gain=factor * camera.gain)
        else:
            yield "sigma by a quarter", replace(camera, sigma=factor * camera.sigma)
    for sign in (1, -1):
        yield "pedestal by 2 deviations", replace(camera, pedestal=camera.pedestal + 2 * sign * camera.deviation(clean))
    yield "half the light", replace(camera, lamp=0.5)


def scenes(folder: Path) -> dict[str, list[Values]]:
    """Noise-free images; those of one name are neighbours."""
    slices = [pydicom.dcmread(path).pixel_array.astype(float) for path in sorted((folder / "ct_spleen").glob("*.dcm"))]
    low, high = min(one.min() for one in slices), max(one.max() for one in slices)
    found = {"CT slices": [(one - low) / (high - low) for one in slices]}
    for path in sorted((folder / "fmd/gt").glob("*.png")):
        found[path.stem] = [np.asarray(io.imread(path), float) / 255]
    return found


def recorded(folder: Path) -> dict[str, Values]:
    """Series as they were taken."""
    zstack = np.stack([tifffile.imread(path) for path in sorted((folder / "zstack").glob("*.tif"))])
    return {
        "two-photon calcium, 20 frames": tifffile.imread(folder / "timelapse/two_photon_calcium.tif"),
        "membrane, 5 frames": tifffile.imread(folder / "timelapse/membrane_2d_timelapse.tif"),
        "cell migration, 48 frames": tifffile.imread(folder / "timelapse/cancer_cell_migration_crop.tif"),
        "brain section, planes 1 to 8": zstack[:8],
        "brain section, planes 9 to 12": zstack[8:],
        "brain section, plane 8 to 9": zstack[7:9],
    }


def simulated(folder: Path) -> list[dict[str, Any]]:
    """For each camera and each change: planes, and share of them at which the test spoke."""
    counts: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for name, images in scenes(folder).items():
        for number, clean in enumerate(images):
            for label, camera in CAMERAS.items():
                for draw in range(DRAWS if len(images) == 1 else 1):
                    tell = _teller(describe(camera.record(clean, _rng(number, draw, 0))), counts, label)
                    for one in range(DRAWS):
                        tell("nothing, same image", camera.record(clean, _rng(number, draw, 1 + one)))
                    for step in (1, 2):
                        if number + step < len(images):
                            tell(f"nothing, {step} further", camera.record(images[number + step], _rng(number, 0, 9)))
                    for what, other in changed(camera, clean):
                        tell(what, other.record(clean, _rng(number, draw, 20)))
                        if number + 1 < len(images):
                            tell(f"{what}, next slice", other.record(images[number + 1], _rng(number, draw, 21)))
        print(name, flush=True)
    return [
        {"noise": label, "changed": what, "planes": len(said), "spoke": float(np.mean([bool(one) for one in said]))}
        for (label, what), said in sorted(counts.items())
    ]


def _teller(
    before: Described, counts: dict[tuple[str, str], list[tuple[str, ...]]], label: str
) -> Callable[[str, Values], None]:
    def tell(what: str, plane: Values) -> None:
        counts.setdefault((label, what), []).append(differences(before, describe(plane)))

    return tell


def _rng(*numbers: int) -> np.random.Generator:
    return np.random.default_rng([8, *numbers])


def in_recordings(folder: Path) -> list[dict[str, Any]]:
    """For each series and distance: pairs, and share of them at which the test spoke."""
    found: list[dict[str, Any]] = []
    for name, planes in recorded(folder).items():
        known = [describe(plane) for plane in planes]
        for step in (1, 2):
            said = [differences(known[n], known[n + step]) for n in range(len(known) - step)]
            if said:
                spoke = float(np.mean([bool(one) for one in said]))
                reasons = sorted({reason for one in said for reason in one})[:3]
                found.append({"series": name, "apart": step, "pairs": len(said), "spoke": spoke, "said": reasons})
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows, series = simulated(arguments.data), in_recordings(arguments.data)
    image = CAMERAS["both, 30 photons"].record(scenes(arguments.data)["CT slices"][8], _rng(0))
    begin = time.process_time()
    for _ in range(10):
        describe(image)
    seconds = (time.process_time() - begin) / 10
    lines = [f"One plane of 512x512 takes {seconds:.3f} s of one core.", "", "## Simulated", ""]
    lines += ["| changed | noise | planes | test spoke |", "|---|---|---:|---:|"]
    ordered = sorted(rows, key=lambda row: (not row["changed"].startswith("nothing"), row["changed"]))
    lines += [f"| {row['changed']} | {row['noise']} | {row['planes']} | {row['spoke']:.1%} |" for row in ordered]
    lines += ["", "## Recorded", "", "| series | planes apart | pairs | test spoke |", "|---|---:|---:|---:|"]
    lines += [f"| {one['series']} | {one['apart']} | {one['pairs']} | {one['spoke']:.1%} |" for one in series]
    figures = {"seconds": seconds, "simulated": rows, "recorded": series}
    write_result(RESULTS / "drift.md", "Whether a plane is like those before", lines, figures)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
