"""One picture of what ``auto`` does: a part of the noisy image, each estimate, the mixture, and what was taken away.

python benchmarks/auto_picture.py IMAGE -o docs/images/auto_estimates.png [--place 200,250] [--side 128]
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import noise2detail as n2d

ZOOM = 2
TITLES = {
    "cascades": "block matching, two scales",
    "ridge": "ridge regression",
    "network": "network",
    "denoised": "mixture",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--place", default="200,250")
    parser.add_argument("--side", type=int, default=128)
    args = parser.parse_args()
    top, left = map(int, args.place.split(","))
    cut = np.s_[top : top + args.side, left : left + args.side]
    noisy = np.asarray(n2d.open(args.image).array).astype(np.float32)
    stages = n2d.stages(noisy, method="auto")
    low, high = np.quantile(noisy[cut], [0.005, 0.995])
    tiles = [tile("noisy", noisy[cut], low, high)]
    tiles += [tile(TITLES[name], stages[name][cut], low, high) for name in TITLES if name in stages]
    taken = noisy[cut] - stages["denoised"][cut]
    tiles.append(tile("noisy - mixture", taken, -(high - low) / 2, (high - low) / 2))
    rows = [np.concatenate(tiles[start : start + 3], 1) for start in (0, 3)]
    Image.fromarray(np.concatenate(rows)).save(args.output)


def tile(title: str, pixels: NDArray[np.float32], low: float, high: float) -> NDArray[np.uint8]:
    grey = (255 * np.clip((pixels - low) / (high - low), 0, 1)).astype(np.uint8)
    picture = Image.fromarray(np.kron(grey, np.ones((ZOOM, ZOOM), np.uint8)))
    framed = Image.new("L", (picture.width + 4, picture.height + 20), 255)
    framed.paste(picture, (2, 18))
    ImageDraw.Draw(framed).text((4, 3), title, fill=0)
    return np.asarray(framed)


if __name__ == "__main__":
    main()
