"""Denoise a micrograph, a DICOM series and an OME-Zarr, draw what each was and became, and say how far to trust it.

Run it with ``make demo``; everything goes to the folder ``demo`` of the repository.
"""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pydicom
import zarr
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

import noise2detail as n2d
import phantom_ct

HERE = Path(__file__).resolve().parent
MICROGRAPH = HERE / "brain_section.tif"
STACK = HERE / "brain_stack.ome.zarr"
DESTINATION = HERE.parent / "demo"

GAP, LABEL_HEIGHT = 12, 30


@dataclass(frozen=True)
class View:
    """What of an image is drawn."""

    region: tuple[int, int, int, int]
    """Magnified part: left, top, right, bottom."""
    magnification: int
    percentiles: tuple[float, float] = (0.5, 99.3)
    """Of the noisy image, shown as black and white; the few brightest cells would hide the noise otherwise."""
    limits: tuple[float, float] | None = None
    """Values shown as black and white instead."""


CELLS = View((115, 170, 281, 289), 4)
"""Cell bodies, thin processes and plain tissue."""
HEAD = View((70, 50, 186, 134), 2, limits=(-160, 240))
"""Grey matter between the ventricles, in the window of soft tissue."""
TISSUE = View((20, 60, 148, 152), 2)


def main() -> None:
    """Denoise, save, draw, and say where everything is."""
    DESTINATION.mkdir(exist_ok=True)
    start = perf_counter()
    noisy, denoised = micrograph()
    series()
    store()
    report(noisy, denoised)
    print(f"All of it took {perf_counter() - start:.1f} s.")


def micrograph() -> tuple[n2d.Image, n2d.Image]:
    """A TIFF before and after, with the default method."""
    result = DESTINATION / f"{MICROGRAPH.stem}_denoised.tif"
    noisy, denoised = denoise(MICROGRAPH, result)
    draw(noisy, denoised, CELLS, DESTINATION / "before_after.png")
    return noisy, denoised


def series() -> None:
    """A folder of DICOM slices, which is made first."""
    folder = DESTINATION / "phantom_ct"
    clean = phantom_ct.write_series(folder)
    result = DESTINATION / "phantom_ct_denoised"
    noisy, denoised = denoise(folder, result, recipe="fast")
    flat = (ndimage.maximum_filter(clean, (1, 7, 7)) - ndimage.minimum_filter(clean, (1, 7, 7)) < 1) & (clean > -500)
    errors = [np.std((np.asarray(image.array) - clean)[flat]) for image in (noisy, denoised)]
    print(f"  in plain tissue the error falls from {errors[0]:.1f} to {errors[1]:.1f} Hounsfield units")
    slices: list[Any] = sorted((pydicom.dcmread(path) for path in result.iterdir()), key=lambda one: one.InstanceNumber)
    heights = ", ".join(f"{float(one.ImagePositionPatient[2]):g}" for one in slices)
    print(f"  {len(slices)} slices at {heights} mm, as before; type {slices[0].ImageType[0]}, a series of its own")
    draw(noisy, denoised, HEAD, DESTINATION / "phantom_before_after.png")


def store() -> None:
    """An OME-Zarr of three planes in two sizes."""
    result = DESTINATION / "brain_stack_denoised.ome.zarr"
    noisy, denoised = denoise(STACK, result, recipe="fast")
    group: Any = zarr.open_group(result, mode="r")
    sizes = [group[one["path"]] for one in group.attrs["ome"]["multiscales"][0]["datasets"]]
    shapes = " and ".join(" x ".join(map(str, one.shape)) for one in sizes)
    print(f"  OME-Zarr {group.attrs['ome']['version']} in sizes {shapes}; the smaller is made of the denoised pixels")
    print(f"  chunks {sizes[0].chunks} in shards {sizes[0].shards}, as before")
    draw(noisy, denoised, TISSUE, DESTINATION / "stack_before_after.png")


def report(noisy: n2d.Image, denoised: n2d.Image) -> None:
    """The verdict on the micrograph, and a page that shows why."""
    print(f"How far to trust the result of {MICROGRAPH.name}:")
    judged = n2d.judge(noisy, denoised, target="latent", name=MICROGRAPH.name)
    print(f"  verdict       {judged}")
    print(f"  report        {judged.save(DESTINATION / 'report.html', overwrite=True)}")


def denoise(source: Path, result: Path, recipe: str | None = None) -> tuple[n2d.Image, n2d.Image]:
    """The image of a file before and after; the result is written, and it is said what was done."""
    print(f"Denoising {source.name} ...", flush=True)
    start = perf_counter()
    noisy = n2d.open(source)
    denoised = n2d.denoise(noisy, recipe=recipe)
    n2d.save(denoised, result, overwrite=True, source=source)
    seconds = perf_counter() - start
    size = " x ".join(f"{axis} {length}" for axis, length in zip(noisy.axes, noisy.array.shape, strict=True))
    microns = ", ".join(f"{axis} {value:g}" for axis, value in noisy.pixel_size_um.items())
    scale = f", pixel size {microns} um" if microns else ""
    print(f"  {size} of {noisy.array.dtype}{scale}: read, denoised and saved in {seconds:.1f} s")
    print(f"  result        {result}")
    return noisy, denoised


def draw(noisy: n2d.Image, denoised: n2d.Image, view: View, picture: Path) -> None:
    """Write a picture of the first planes of both."""
    before, after = (np.asarray(image.array) for image in (noisy, denoised))
    while before.ndim > 2:
        before, after = before[0], after[0]
    before_after(before, after, view).save(picture)
    print(f"  before/after  {picture}")


def before_after(before: NDArray[Any], after: NDArray[Any], view: View) -> Image.Image:
    """Both images in one intensity mapping, whole above and magnified below."""
    black, white = view.limits or np.percentile(before, view.percentiles)
    columns = [
        column("before", grey(before, black, white), view),
        column("after", grey(after, black, white), view),
    ]
    width, height = columns[0].size
    sheet = Image.new("L", (2 * width + 3 * GAP, height + 2 * GAP), color=255)
    for place, drawn in enumerate(columns):
        sheet.paste(drawn, (GAP + place * (width + GAP), GAP))
    return sheet


def grey(pixels: NDArray[Any], black: float, white: float) -> Image.Image:
    """8-bit picture with ``black`` and everything below it at 0, ``white`` and everything above it at 255."""
    scaled = (pixels.astype(np.float64) - black) / (white - black)
    return Image.fromarray((scaled.clip(0, 1) * 255).round().astype(np.uint8))


def column(label: str, image: Image.Image, view: View) -> Image.Image:
    """The label, the whole image with the region framed, and the region enlarged."""
    left, top, right, bottom = view.region
    size = (view.magnification * (right - left), view.magnification * (bottom - top))
    # Nearest neighbour: any smoother enlargement would denoise both sides by itself.
    enlarged = image.crop(view.region).resize(size, Image.Resampling.NEAREST)
    framed = image.copy()
    ImageDraw.Draw(framed).rectangle((left - 1, top - 1, right, bottom), outline=255)

    width = max(image.width, enlarged.width)
    drawn = Image.new("L", (width, LABEL_HEIGHT + image.height + GAP + enlarged.height), color=255)
    ImageDraw.Draw(drawn).text((0, 0), label, fill=0, font=ImageFont.load_default(22))
    drawn.paste(framed, (0, LABEL_HEIGHT))
    drawn.paste(enlarged, (0, LABEL_HEIGHT + image.height + GAP))
    return drawn


if __name__ == "__main__":
    main()
