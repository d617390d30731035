"""Where the time goes: gradients over a whole image and over crops, and applying the networks, by block and tile."""

from functools import partial

import torch

from noise2detail.engine.crop_loss import CropLoss
from noise2detail.engine.crops import Crops
from noise2detail.engine.full_image import WholeImages, blockwise_gradient, plain_gradient
from noise2detail.engine.machine import has_bfloat16
from noise2detail.engine.network import new_network, predict
from noise2detail.engine.pair_loss import pair_loss
from noise2detail.engine.precision import convolutions_in
from noise2detail.methods.noise2detail import Noise2Detail, Noise2DetailDenoiser
from noise2detail.tiling.walk import apply_in_tiles
from noise2detail.types import Precision
from timing import fastest

SIDE = 512
BLOCKS = (32, 64, 128)
TILES = (64, 128, 256, 512)
CPU = torch.device("cpu")

Row = tuple[str, float]
"""What was measured, and seconds."""


def rows() -> list[Row]:
    noisy = torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    return [*whole_image_gradients(noisy), *crop_gradients(), *applications(noisy)]


def authors_step(noisy: torch.Tensor) -> float:
    """Seconds of a step as the authors take it: float32, whole image, default layout, the loss read at every step."""
    net = new_network(1, 48, 0, CPU).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        loss = pair_loss(lambda image: predict(net, image, "residual", "zeros"), noisy, noisy, consistency="same")
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss.item()

    def ten() -> None:
        for _ in range(10):
            step()

    return fastest(ten, 2) / 10


def whole_image_gradients(noisy: torch.Tensor) -> list[Row]:
    net = new_network(1, 48, 0, CPU)
    images = WholeImages(noisy, noisy, None, "same")

    def forward(image: torch.Tensor) -> torch.Tensor:
        return predict(net, image, "residual", "zeros")

    found = [(f"gradient over {SIDE}x{SIDE}, plain", fastest(lambda: plain_gradient(forward, images), 3))]
    for block in BLOCKS:
        seconds = fastest(lambda b=block: blockwise_gradient(forward, images, b), 3)  # type: ignore[misc]
        found.append((f"gradient over {SIDE}x{SIDE}, blocks of {block}", seconds))
    return found


def crop_gradients() -> list[Row]:
    net = new_network(1, 48, 0, CPU)
    precisions: tuple[Precision, ...] = ("float32", "bfloat16") if has_bfloat16(CPU) else ("float32",)
    found = []
    for crops in (Crops(4, 32, 4), Crops(4, 32, 1), Crops(16, 32, 1), Crops(4, 64, 1)):
        noisy = torch.rand(crops.count, 1, crops.size, crops.size)
        for precision in precisions:

            def step(noisy: torch.Tensor = noisy, crops: Crops = crops, arithmetic: Precision = precision) -> None:
                with convolutions_in(arithmetic, CPU):
                    loss = CropLoss("same", crops.quarters)(
                        lambda x: predict(net, x, "residual", "valid"), noisy, noisy
                    )
                loss.backward()  # type: ignore[no-untyped-call]

            what = f"{crops.count} crops of {crops.size}x{crops.size}, agreement on {crops.quarters} of 4 quarters"
            found.append((f"gradient over {what}, {precision}", fastest(step, 40)))
    return found


def applications(noisy: torch.Tensor) -> list[Row]:
    denoiser = untrained()

    def work(tile: int) -> None:
        apply_in_tiles(denoiser, noisy, tile=tile, halo=denoiser.halo, alignment=denoiser.alignment)

    return [(f"applying all stages to {SIDE}x{SIDE}, tiles of {t}", fastest(partial(work, t), 3)) for t in TILES]


def untrained() -> Noise2DetailDenoiser:
    """As fast as a trained one."""
    nets = (new_network(1, 48, 0, CPU), new_network(1, 48, 1, CPU))
    return Noise2DetailDenoiser(*nets, Noise2Detail.recipe("fast"), "float32")
