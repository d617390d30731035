"""Denoise the micrograph beside this file and draw what it was and what it became, side by side.

Run it with ``make demo``; both results go to the folder ``demo`` of the repository.
"""

from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import noise2detail as n2d

HERE = Path(__file__).resolve().parent
MICROGRAPH = HERE / "brain_section.tif"
DESTINATION = HERE.parent / "demo"

REGION = (115, 170, 281, 289)
"""Magnified part: left, top, right, bottom. Cell bodies, thin processes and plain tissue."""
MAGNIFICATION = 4
SHOWN_PERCENTILES = (0.5, 99.3)
"""Percentiles of the noisy image shown as black and white; the few brightest cells would hide the noise otherwise."""
GAP, LABEL_HEIGHT = 12, 30


def main() -> None:
    """Denoise, save, draw, and say where everything is."""
    DESTINATION.mkdir(exist_ok=True)
    result = DESTINATION / f"{MICROGRAPH.stem}_denoised.tif"
    picture = DESTINATION / "before_after.png"

    print(f"Denoising {MICROGRAPH.name} ...", flush=True)
    start = perf_counter()
    noisy = n2d.open(MICROGRAPH)
    denoised = n2d.denoise(noisy)
    n2d.save(denoised, result, overwrite=True)
    seconds = perf_counter() - start

    before, after = np.asarray(noisy.array), np.asarray(denoised.array)
    before_after(before, after).save(picture)
    rows, columns = before.shape
    print(f"{columns} x {rows} pixels of {before.dtype}, read, denoised and saved in {seconds:.1f} s.")
    print(f"  result        {result}")
    print(f"  before/after  {picture}")


def before_after(before: NDArray[np.uint16], after: NDArray[np.uint16]) -> Image.Image:
    """Both images in one intensity mapping, whole above and magnified below."""
    black, white = np.percentile(before, SHOWN_PERCENTILES)
    columns = [column("before", grey(before, black, white)), column("after", grey(after, black, white))]
    width, height = columns[0].size
    sheet = Image.new("L", (2 * width + 3 * GAP, height + 2 * GAP), color=255)
    for place, drawn in enumerate(columns):
        sheet.paste(drawn, (GAP + place * (width + GAP), GAP))
    return sheet


def grey(pixels: NDArray[np.uint16], black: float, white: float) -> Image.Image:
    """8-bit picture with ``black`` and everything below it at 0, ``white`` and everything above it at 255."""
    scaled = (pixels.astype(np.float64) - black) / (white - black)
    return Image.fromarray((scaled.clip(0, 1) * 255).round().astype(np.uint8))


def column(label: str, image: Image.Image) -> Image.Image:
    """The label, the whole image with the region framed, and the region enlarged."""
    left, top, right, bottom = REGION
    size = (MAGNIFICATION * (right - left), MAGNIFICATION * (bottom - top))
    # Nearest neighbour: any smoother enlargement would denoise both sides by itself.
    enlarged = image.crop(REGION).resize(size, Image.Resampling.NEAREST)
    framed = image.copy()
    ImageDraw.Draw(framed).rectangle((left - 1, top - 1, right, bottom), outline=255)

    drawn = Image.new("L", (image.width, LABEL_HEIGHT + image.height + GAP + enlarged.height), color=255)
    ImageDraw.Draw(drawn).text((0, 0), label, fill=0, font=ImageFont.load_default(22))
    drawn.paste(framed, (0, LABEL_HEIGHT))
    drawn.paste(enlarged, (0, LABEL_HEIGHT + image.height + GAP))
    return drawn


if __name__ == "__main__":
    main()
