"""Where the time goes: steps over a whole image and over crops, and applying the networks, by size of block and tile.

    python benchmarks/speed.py --out benchmarks/results/speed.md

Every figure is the fastest of several repetitions, in one run on one machine; compare ratios, not times.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from noise2detail.engine.crops import Crops
from noise2detail.engine.full_image import WholeImages, blockwise_gradient, plain_gradient
from noise2detail.engine.machine import has_bfloat16
from noise2detail.engine.network import new_network, predict
from noise2detail.engine.pair_loss import pair_loss
from noise2detail.engine.precision import convolutions_in
from noise2detail.method import Context
from noise2detail.methods.noise2detail import Noise2Detail, Noise2DetailDenoiser
from noise2detail.tiling.walk import apply_in_tiles
from noise2detail.types import Precision
from record import write_result

SIDE = 512
BLOCKS = (16, 32, 64, 128)
TILES = (64, 128, 256, 512)
CPU = torch.device("cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="Markdown file; the JSON goes beside it")
    args = parser.parse_args()
    noisy = torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    rows = [*whole_image_steps(noisy), *crop_steps(), *applications(noisy), *recipes(noisy)]
    lines = ["| what | milliseconds |", "|---|---|", *(f"| {what} | {1000 * seconds:.1f} |" for what, seconds in rows)]
    print("\n".join(lines))
    if args.out:
        write_result(args.out, "Where the time goes", lines, {"milliseconds": {w: 1000 * s for w, s in rows}})


def fastest(work: Callable[[], object], repetitions: int) -> float:
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def whole_image_steps(noisy: torch.Tensor) -> list[tuple[str, float]]:
    net = new_network(1, 48, 0, CPU)
    images = WholeImages(noisy, noisy, None, "same")

    def forward(image: torch.Tensor) -> torch.Tensor:
        return predict(net, image, "residual", "zeros")

    rows = [(f"gradient over {SIDE}x{SIDE}, plain", fastest(lambda: plain_gradient(forward, images), 3))]
    for block in BLOCKS:
        seconds = fastest(lambda b=block: blockwise_gradient(forward, images, b), 3)  # type: ignore[misc]
        rows.append((f"gradient over {SIDE}x{SIDE}, blocks of {block}", seconds))
    return rows


def crop_steps() -> list[tuple[str, float]]:
    net = new_network(1, 48, 0, CPU)
    precisions: tuple[Precision, ...] = ("float32", "bfloat16") if has_bfloat16(CPU) else ("float32",)
    rows = []
    for crops in (Crops(4, 32), Crops(4, 64), Crops(16, 32)):
        noisy = torch.rand(crops.count, 1, crops.size, crops.size)
        for precision in precisions:

            def step(noisy: torch.Tensor = noisy, precision: Precision = precision) -> None:
                with convolutions_in(precision, CPU):
                    loss = pair_loss(lambda x: predict(net, x, "residual", "valid"), noisy, noisy, consistency="same")
                loss.backward()  # type: ignore[no-untyped-call]

            name = f"gradient over {crops.count} crops of {crops.size}x{crops.size}, {precision}"
            rows.append((name, fastest(step, 30)))
    return rows


def applications(noisy: torch.Tensor) -> list[tuple[str, float]]:
    nets = (new_network(1, 48, 0, CPU), new_network(1, 48, 1, CPU))
    denoiser = Noise2DetailDenoiser(*nets, Noise2Detail.recipe("fast"), "float32")

    def work(tile: int) -> None:
        apply_in_tiles(denoiser, noisy, tile=tile, halo=denoiser.halo, alignment=denoiser.alignment)

    return [(f"applying all stages to {SIDE}x{SIDE}, tiles of {t}", fastest(lambda t=t: work(t), 3)) for t in TILES]  # type: ignore[misc]


def recipes(noisy: torch.Tensor) -> list[tuple[str, float]]:
    fast = Noise2Detail.recipe("fast")
    brief = replace(fast, stage1=replace(fast.stage1, steps=70), stage3=replace(fast.stage3, steps=30))
    return [("a tenth of the recipe fast, with its passes", fastest(lambda: brief.fit(noisy, Context()), 2))]


if __name__ == "__main__":
    main()
