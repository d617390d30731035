"""A Gaussian blur whose width is calibrated on the noisy image itself: the opponent that stands in every table.

    python benchmarks/calibrated_blur.py IN OUT

J-invariance (Batson & Royer, ICML 2019) in scikit-image's implementation chooses the width among 0.3 to 4 pixels.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.restoration import calibrate_denoiser

import noise2detail as n2d
from noise2detail.pipeline.values import to_type

WIDTHS = np.geomspace(0.3, 4.0, 16)


def main() -> None:
    source, target = map(Path, sys.argv[1:])
    image = n2d.open(source)
    start = time.perf_counter()
    pixels = np.asarray(image.array, np.float64)
    scale = pixels.max()  # scikit-image takes floats within -1 and 1
    _, (tried, losses) = calibrate_denoiser(  # type: ignore[no-untyped-call]
        pixels / scale, gaussian_filter, {"sigma": list(WIDTHS)}, approximate_loss=False, extra_output=True
    )
    width = tried[int(np.argmin(losses))]["sigma"]
    blurred = to_type(gaussian_filter(pixels, width), image.array.dtype)
    seconds = time.perf_counter() - start
    n2d.save(n2d.Image(blurred, image.axes), target, overwrite=True)
    print(json.dumps({"seconds_denoise": seconds, "sigma": width}))


if __name__ == "__main__":
    main()
