"""Held-out blocks: never a target, never missing as input, and a loss that rises when noise is learnt by heart."""

import pytest
import torch

from noise2detail.engine.crops import Crops
from noise2detail.engine.held_out import BLOCK, MOST, Stopping, block_windows, held_out_blocks, without_blocks
from noise2detail.engine.network import new_network
from noise2detail.engine.pair_training import Pairs, Stage, train_on_pairs
from noise2detail.engine.schedule import Halving
from noise2detail.engine.training import Training
from noise2detail.errors import SettingError
from noise2detail.method import Context, Step
from noise2detail.types import Batch
from tests.material import noisy_batch

WHOLE = Stage("training", 0.0, 1.0)


def steps_of(noisy: Batch, stopping: Stopping, steps: int) -> int:
    """Steps that a training takes."""
    heard: list[Step] = []
    training = Training(steps, Halving(3e-3), Crops(4, 16, 4), stopping=stopping)
    net = new_network(1, 24, 0, torch.device("cpu"))
    train_on_pairs(net, Pairs(noisy, noisy, "residual", "same"), training, WHOLE, Context(on_step=heard.append))
    return len(heard)


@pytest.mark.parametrize(("y", "x", "images"), [(64, 64, 1), (130, 200, 2), (1024, 1024, 1)])
def test_blocks_lie_inside_with_their_surroundings_and_do_not_touch(y: int, x: int, images: int) -> None:
    blocks = held_out_blocks((y, x), images, 3)
    assert len(blocks) == min(MOST, images * (y // 64) * (x // 64))
    taken = torch.zeros(images, y + 2, x + 2, dtype=torch.long)
    for image, top, left in blocks.tolist():
        assert 8 <= top <= y - BLOCK - 8
        assert 8 <= left <= x - BLOCK - 8
        taken[image, top : top + BLOCK + 2, left : left + BLOCK + 2] += 1
    assert taken.max() == 1
    assert torch.equal(held_out_blocks((y, x), images, 3), blocks)
    assert not torch.equal(held_out_blocks((y, x), images, 4), blocks)


def test_small_images_spare_nothing() -> None:
    assert not len(held_out_blocks((63, 200), 1, 0))
    assert steps_of(noisy_batch(1, 1, 40, 40), Stopping(1, 1), steps=5) == 5


def test_windows_hold_the_blocks_in_their_middle() -> None:
    images = torch.rand(2, 3, 70, 130, generator=torch.Generator().manual_seed(0))
    blocks = held_out_blocks((70, 130), 2, 0)
    windows = block_windows(images, blocks, BLOCK)
    assert windows.shape == (len(blocks), 3, 3 * BLOCK, 3 * BLOCK)
    for window, (image, top, left) in zip(windows, blocks.tolist(), strict=True):
        block = images[image, :, top : top + BLOCK, left : left + BLOCK]
        assert torch.equal(window[:, BLOCK : 2 * BLOCK, BLOCK : 2 * BLOCK], block)


def test_the_mask_loses_the_blocks_only() -> None:
    mask = torch.rand(2, 1, 70, 130, generator=torch.Generator().manual_seed(0)) > 0.1
    blocks = held_out_blocks((70, 130), 2, 0)
    seen = without_blocks(mask, blocks)
    assert not (seen & ~mask).any()
    lost = mask & ~seen
    for image, top, left in blocks.tolist():
        part = lost[image, :, top : top + BLOCK, left : left + BLOCK]
        assert torch.equal(part, mask[image, :, top : top + BLOCK, left : left + BLOCK])
        part.fill_(False)  # a view
    assert not lost.any()


def test_pure_noise_stops_early_and_structure_does_not() -> None:
    """Nothing can be learnt from noise but the noise itself, so the held-out loss soon stops falling."""
    noise = torch.randn(1, 1, 96, 96, generator=torch.Generator().manual_seed(1))
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
    waves = torch.sin(y / 3 + x / 4)[None, None] + 0.02 * noise
    stopping = Stopping(every=20, patience=3)
    assert steps_of(noise, stopping, 200) < steps_of(waves, stopping, 200)


def test_held_out_pixels_are_no_targets() -> None:
    """Without a look before the end, changing a target in the middle of a block changes nothing that is learnt."""
    source = noisy_batch(1, 1, 64, 64)
    (_, top, left) = held_out_blocks((64, 64), 1, 0)[0].tolist()
    spoiled = source.clone()
    spoiled[..., top : top + BLOCK, left : left + BLOCK] = 9.0
    nets = []
    for target in (source, spoiled):
        net = new_network(1, 6, 0, torch.device("cpu"))
        training = Training(8, Halving(1e-3), Crops(4, 32), stopping=Stopping(100))
        train_on_pairs(net, Pairs(source, target, "direct", "same"), training, WHOLE, Context())
        nets.append(net)
    assert all(torch.equal(a, b) for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True))


@pytest.mark.parametrize("wrong", [{"every": 0}, {"patience": 0}])
def test_impossible_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingError, match=f"{next(iter(wrong))} is 0"):
        Stopping(**wrong)
