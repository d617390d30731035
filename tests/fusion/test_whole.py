"""A filter that sees every frequency, beside estimators of the band."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from noise2detail.fusion.whole import NARROW, with_whole
from noise2detail.method import Context
from noise2detail.methods.auto import Auto
from noise2detail.noise.model import NoiseModel
from noise2detail.numerics.cosines import filled_up, low_frequencies

ONE = Context(seed=1, noise=(NoiseModel(sigma=1.0),))


def short(band: float) -> Auto:
    plain = Auto(effort="quick", spectrum="measured", band=band, stride=1)
    network = replace(plain.network, width=8, training=replace(plain.network.training, steps=3))
    return replace(plain, network=network)


def scene(y: int = 72, x: int = 80) -> tuple[Tensor, Tensor]:
    rows, columns = torch.meshgrid(torch.arange(y) / 12.0, torch.arange(x) / 14.0, indexing="ij")
    clean = (2 * torch.sin(rows) * torch.cos(columns))[None, None]
    return clean, clean + torch.randn(1, 1, y, x, generator=torch.Generator().manual_seed(0))


def test_weights_stay_1_in_sum() -> None:
    weights = with_whole({"cascades": 0.25, "network": 0.75})
    assert list(weights) == ["cascades", "network", "whole"]
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["whole"] == pytest.approx(1 - NARROW)
    assert weights["network"] == pytest.approx(3 * weights["cascades"])


@pytest.mark.parametrize("mixed", [True, False])
def test_the_band_and_every_frequency_are_mixed_and_kept(mixed: bool) -> None:
    clean, noisy = scene()
    method = replace(short(0.6), mixed=mixed)
    found = method.fit(noisy, ONE)
    stages = found.stages(noisy)
    assert found.whole is not None
    assert list(stages) == [*found.weights, "denoised"]
    # no table bends the way back of noise that is the same everywhere
    expected = torch.stack([weight * stages[name] for name, weight in found.weights.items()]).sum(0)
    torch.testing.assert_close(stages["denoised"], expected, atol=1e-4, rtol=0)
    beyond = {name: one - filled_up(low_frequencies(one, 44, 48), 72, 80) for name, one in stages.items()}
    assert float(beyond["cascades"].abs().max()) < 1e-4
    assert float(beyond["whole"].abs().max()) > 1e-2
    assert float((stages["denoised"] - clean).square().mean()) < 0.3
    again = method.restore(found.tensors(), Context())
    assert again.whole is not None
    assert torch.equal(again(noisy), stages["denoised"])


def test_where_every_frequency_is_worked_on_there_is_nothing_beside() -> None:
    found = short(1.0).fit(scene()[1], ONE)
    assert found.whole is None
    assert "whole" not in found.weights


def test_progress_counts_both() -> None:
    heard: list[float] = []
    noisy = scene()[1]
    found = replace(short(0.6), mixed=False).fit(noisy, ONE)
    again = replace(found, seen=None).telling(heard.append)
    again(noisy)
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(1)
