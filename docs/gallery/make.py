"""Make the gallery: run every command of ``cases.toml``, draw, measure, and write the pages.

python docs/gallery/make.py [--data ../shared/data] [--only ID ...]

Images that may not be passed on, or are not in this repository, lie in the folder of ``--data``. With ``--only`` the
figures of all other cases stay as they are. ``--pages`` writes the Markdown anew from the figures and measures nothing.
"""

import argparse
import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import case_table
import made_scenes
import numpy as np
import panels
import PIL.Image
import skimage
from beside import ROOT, beside
from case_table import Case, Data, Table, View, Wish
from gallery_pages import MODALITIES, pages
from numpy.typing import NDArray
from scipy import ndimage

import noise2detail as n2d

HERE = Path(__file__).resolve().parent
FIGURES = HERE / "figures.json"


@dataclass(frozen=True)
class Shot:
    """The image of a case as its commands find it."""

    noisy: NDArray[Any]
    truth: NDArray[Any] | None
    """What was there, or a reference; None: nobody knows."""


def main() -> None:
    """Run, draw, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--only", nargs="+", metavar="ID", help="run these cases alone")
    parser.add_argument("--pages", action="store_true", help="only write the pages from the figures that are there")
    args = parser.parse_args()
    table = case_table.read()
    figures = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    circumstances = {} if args.pages else beside("benchmarks", "record").circumstances("python docs/gallery/make.py")
    for case in table.cases:
        if args.pages or (args.only and case.id not in args.only):
            continue
        print(f"{case.id} ...", flush=True)
        figures[case.id] = exhibit(case, table.data[case.data], args.data.resolve()) | {"circumstances": circumstances}
        print(json.dumps(figures[case.id]["runs"], indent=1), figures[case.id]["errors"], flush=True)
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    figures = {case.id: figures[case.id] for case in table.cases if case.id in figures}
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    missing = [case.id for case in table.cases if case.id not in figures]
    if missing:
        print(f"No pages are written before these have been run, too: {', '.join(missing)}")
        return
    cover(table)
    for name, text in pages(table, figures).items():
        (HERE / name).write_text(text, encoding="utf-8")


def cover(table: Table) -> None:
    """The picture above the table: the first picture of every modality, half noisy and half denoised."""
    halves = []
    for key in MODALITIES:
        case = next(case for case in table.cases if case.page == key and case.views)
        width = case.views[0].crop[3] * case.views[0].zoom
        halves.append((table.pages[key].title, HERE / "pictures" / case.picture(0), width))
    panels.save(panels.cover(halves, side=240), HERE / "pictures" / "cover.webp")


def exhibit(case: Case, data: Data, folder: Path) -> dict[str, Any]:
    """What was measured of a case; its picture is drawn."""
    with tempfile.TemporaryDirectory() as desk, contextlib.chdir(desk):
        shot = lay_out(case, data, folder)
        found = {wish.name: run(wish) for wish in case.runs}
        results = {name: pixels(Path(one["output"])) for name, one in found.items() if one["output"]}
    known = {"noisy": shot.noisy, **({} if shot.truth is None else {"truth": shot.truth}), **results}
    for number, view in enumerate(case.views):
        shown = [panel(name, known, view) for name in view.panels]
        drawn = panels.draw(shown, *view.grey, view.zoom, view.per_row)
        panels.save(drawn, HERE / "pictures" / case.picture(number))
    size = " x ".join(map(str, shot.noisy.shape))
    measure, errors = measured(shot, results, plain=data.origin == "phantom")
    return {
        "size": f"{size} of {shot.noisy.dtype}",
        "runs": {name: {key: value for key, value in one.items() if key != "output"} for name, one in found.items()},
        "measure": measure,
        "errors": errors,
    }


def lay_out(case: Case, data: Data, folder: Path) -> Shot:
    """Put the image into the current folder, under the name that the commands give it."""
    target, truth = Path(case.file), None
    target.parent.mkdir(parents=True, exist_ok=True)
    if data.origin == "phantom":
        truth = beside("examples", "phantom_ct").write_series(target)
        return Shot(pixels(target), truth)
    if data.origin == "scene":
        noisy, truth = made_scenes.SCENES[data.path]()
        if target.suffix == ".jpg":
            PIL.Image.fromarray(noisy).save(target, quality=40)
            return Shot(pixels(target), None)
        n2d.save(n2d.Image(noisy, data.axes or "YX"), target)
        return Shot(noisy, truth)
    base = {"file": folder, "repository": ROOT, "skimage": Path(skimage.__file__).parent / "data"}[data.origin]
    source = base / data.path
    if data.photons:
        whole = cut(pixels(source), data).astype(np.float64)
        noisy, truth = made_scenes.counted(whole, data.photons)
        n2d.save(n2d.Image(noisy, "YX"), target)
    elif data.planes:
        n2d.save(n2d.Image(pixels(source)[slice(*data.planes)], data.axes), target)
    elif data.part:
        n2d.save(n2d.Image(cut(pixels(source), data), data.axes), target)
    elif source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)
    return Shot(pixels(target), pixels(base / data.reference) if data.reference else truth)


def cut(whole: NDArray[Any], data: Data) -> NDArray[Any]:
    """The part of a plane that is taken."""
    top, left, height, width = data.part or (0, 0, *whole.shape[:2])
    return whole[top : top + height, left : left + width]


def run(wish: Wish) -> dict[str, Any]:
    """What the command said of itself, and where its result is."""
    words = [sys.executable, "-m", "noise2detail", *shlex.split(wish.command)[1:], "--json"]
    # as a user starts it, but without what this machine has set
    kept = {name: value for name, value in os.environ.items() if not name.startswith("N2D_")}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=kept)
    said = json.loads(done.stdout.splitlines()[-1])
    refused = said.get("error") or ""
    if done.returncode and not refused:
        raise RuntimeError(f"{wish.command}: {done.stderr}")
    plan = json.loads(Path(f"{said['output']}.n2d.json").read_text(encoding="utf-8")) if said["output"] else {}
    return {
        "command": wish.command,
        "seconds": said.get("seconds_denoise"),
        "threads": said.get("threads"),
        "precision": said.get("precision"),
        "refused": refused,
        "verdict": said.get("verdict"),
        "reasons": said.get("reasons", []),
        "untested": said.get("untested", []),
        "why": list(_why(plan)),
        "output": said["output"],
    }


def _why(sidecar: Mapping[str, Any]) -> Iterator[str]:
    """The reasons of the plan that stands beside an output."""
    yield from sidecar.get("plan", sidecar).get("why", ())


def panel(name: str, known: Mapping[str, NDArray[Any]], view: View) -> panels.Panel:
    """A part of an image, or of a difference of two."""
    top, left, height, width = view.crop
    first, _, second = name.partition(" - ")
    parts = []
    for one in (first, second) if second else (first,):
        whole = known[one].astype(np.float64)
        colours = whole.ndim == 3 and whole.shape[-1] == 3
        plane = whole[view.plane] if whole.ndim == 3 and not colours else whole
        parts.append(plane[top : top + height, left : left + width])
    return panels.Panel(name, parts[0] - parts[1], middle=0.0) if second else panels.Panel(name, parts[0])


def measured(shot: Shot, results: Mapping[str, NDArray[Any]], *, plain: bool) -> tuple[str, dict[str, float]]:
    """Which measure, and its value for the noisy image and each result; nothing where the truth is not known."""
    if shot.truth is None:
        return "", {}
    # no scanner is as sharp as a phantom: its edges would be all that counts
    where = flat(shot.truth) if plain else np.ones(shot.truth.shape, bool)
    errors = {
        name: float(np.sqrt(np.mean((one.astype(np.float64) - shot.truth)[where] ** 2)))
        for name, one in {"noisy": shot.noisy, **results}.items()
    }
    if shot.noisy.dtype == np.uint8:
        return "PSNR in dB", {name: round(float(20 * np.log10(255 / error)), 2) for name, error in errors.items()}
    measure = "rms error in plain tissue, HU" if plain else "rms error, grey levels"
    return measure, {name: float(f"{error:.4g}") for name, error in errors.items()}


def flat(truth: NDArray[Any]) -> NDArray[np.bool_]:
    """True where a slice is even for seven pixels, and no air."""
    size = (1, 7, 7)
    spread = ndimage.maximum_filter(truth, size) - ndimage.minimum_filter(truth, size)
    found: NDArray[np.bool_] = (spread < 1) & (truth > -500)
    return found


def pixels(path: Path) -> NDArray[Any]:
    """Of a file or a folder of slices."""
    return np.asarray(n2d.open(path).array)


if __name__ == "__main__":
    main()
