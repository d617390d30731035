"""Methods that choose by the noise: what they are told, what the plan keeps of it, what is refused."""

import math
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from scipy.ndimage import gaussian_filter

import noise2detail as n2d
from noise2detail.errors import InputError, RefusedError, SettingError
from noise2detail.method import Decides
from noise2detail.methods.gaussian import Gaussian
from noise2detail.methods.stabilized import Stabilized
from noise2detail.pipeline import deciding
from noise2detail.pipeline.layout import lay_out
from noise2detail.pipeline.noise import ChannelNoise, channel_noise
from noise2detail.pipeline.values import percentile_map
from noise2detail.types import Pixels
from tests.deciding import CONTEXTS, SEEN, Stub, register
from tests.material import CPU, quick

ANYWAY = replace(CPU, anyway=True)
SIGMA = 8.0


@pytest.fixture(autouse=True)
def stub(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch)


def waves(y: int = 96, x: int = 96) -> NDArray[np.float64]:
    rows, columns = np.mgrid[:y, :x]
    result: NDArray[np.float64] = 100 + 60 * np.sin(rows / 17) * np.cos(columns / 23)
    return result


def noisy(y: int = 96, x: int = 96, sigma: float = SIGMA, seed: int = 0) -> NDArray[np.float64]:
    result: NDArray[np.float64] = waves(y, x) + sigma * np.random.default_rng(seed).standard_normal((y, x))
    return result


def texture() -> NDArray[np.float64]:
    """Something fine, but without noise."""
    result: NDArray[np.float64] = gaussian_filter(np.random.default_rng(0).standard_normal((256, 256)), 2.0)
    result *= 40 / result.std()
    return result + 120


def jpeg(values: Pixels, quality: int) -> Pixels:
    held = BytesIO()
    Pillow.fromarray(values.clip(0, 255).round().astype(np.uint8)).save(held, "JPEG", quality=quality)
    return np.asarray(Pillow.open(held))


def plan(image: Any, **more: Any) -> Any:
    wishes: dict[str, Any] = {"method": "stub", "run": CPU} | more
    return n2d.plan(image, **wishes)


# --- what a method is told -----------------------------------------------------------------------------------------


def test_the_method_decides_and_the_plan_says_why() -> None:
    made = plan(noisy())
    ((measured,),) = SEEN
    (value_map,) = made.value_maps
    assert measured.model.sigma == pytest.approx(SIGMA / value_map.scale, rel=0.1)
    assert made.settings["strength"] == pytest.approx(measured.model.sigma)
    assert made.why[0].startswith("strength 0.0")
    assert "96x96 pixels" in made.why[0]
    assert "float32 was asked for" in made.why[-1]


def test_the_plan_holds_the_noise_in_image_units() -> None:
    made = plan(noisy())
    (found,) = made.noise
    assert found.sigma == pytest.approx(SIGMA, rel=0.1)
    assert found.clipped_below is None
    assert f"noise    deviation {found.sigma:.3g}" in str(made)
    assert n2d.plan(noisy(), method=quick(), run=CPU).noise == ()


@pytest.mark.parametrize("power", [-12, 0, 9, 25, 200])
@pytest.mark.parametrize("pedestal", [0.0, 1e5])
def test_units_do_not_matter(power: int, pedestal: float) -> None:
    made = plan((noisy() + pedestal) * 10.0**power)
    assert made.noise[0].sigma == pytest.approx(SIGMA * 10.0**power, rel=0.12)
    assert made.settings["strength"] == pytest.approx(plan(noisy()).settings["strength"], rel=0.05)


def test_marks_are_no_noise() -> None:
    image = noisy().astype(np.float32)
    image[:10] = -3.4e38
    image[10:12] = np.nan
    assert plan(image).noise[0].sigma == pytest.approx(SIGMA, rel=0.15)


def test_clipping_is_told_in_both_units() -> None:
    image = (noisy() - 80).clip(0)
    made = plan(image)
    assert made.noise[0].clipped_below == pytest.approx(0.0, abs=1e-9)
    model = SEEN[0][0].model
    assert model.low == pytest.approx(-made.value_maps[0].offset / made.value_maps[0].scale, abs=1e-6)
    assert any("cut off below 0" in reason for reason in made.why)


def test_it_is_measured_once_and_given_to_the_fit() -> None:
    stack = np.stack([noisy(seed=seed) for seed in range(3)])
    n2d.denoise(stack, axes="ZYX", method="stub", run=CPU)
    assert (len(SEEN), len(CONTEXTS)) == (1, 3)
    for context in CONTEXTS:
        assert context.noise is not None
        assert context.noise[0].sigma == pytest.approx(SEEN[0][0].model.sigma)


def test_every_channel_is_told_and_groups_get_their_own() -> None:
    image = np.stack([noisy(sigma=4), noisy(sigma=12, seed=1)])
    n2d.denoise(image, axes="CYX", method="stub", run=replace(CPU, channels="each"))
    ((first, second),) = SEEN
    assert second.model.sigma > 2 * first.model.sigma
    assert [context.noise for context in CONTEXTS] == [(first.model,), (second.model,)]


def test_other_methods_are_not_asked_and_get_no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(deciding, "channel_noise", never)
    made = n2d.plan(noisy(), method="gaussian", run=CPU)
    assert made.noise == ()
    assert deciding.noise_models(made.noise, made.value_maps) is None


def test_settings_are_taken_as_they_are_where_nothing_is_to_be_decided() -> None:
    made = plan(noisy(), method=Stub(strength=0.25), run=replace(CPU, decide=False))
    assert made.settings["strength"] == 0.25
    assert SEEN == []
    assert made.noise[0].sigma == pytest.approx(SIGMA, rel=0.1)


def test_large_images_are_measured_on_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "LARGE", 4 * 64 * 64)
    monkeypatch.setattr(deciding, "WINDOW", 64)
    seen: list[tuple[int, ...]] = []

    def spy(parts: Pixels, axes: str) -> tuple[ChannelNoise, ...]:
        seen.append(parts.shape)
        return channel_noise(parts, axes)

    monkeypatch.setattr(deciding, "channel_noise", spy)
    image = noisy(400, 300)
    image[:200] = 7.0  # a slide is mostly empty
    assert plan(image).noise[0].sigma == pytest.approx(SIGMA, rel=0.15)
    assert seen == [(4, 1, 64, 64)]
    plan(noisy(8, 5000))
    assert seen[-1][2:] == (8, 512)


@pytest.mark.parametrize("shape", [(8, 8), (9, 12), (8, 3000), (3000, 8)])
def test_small_and_long_images(shape: tuple[int, int]) -> None:
    result = n2d.denoise(noisy(*shape), method="stub", run=ANYWAY)
    assert np.isfinite(result).all()


# --- what is refused -----------------------------------------------------------------------------------------------

LABELS = np.repeat(np.repeat(np.random.default_rng(0).integers(0, 200, (8, 8)), 12, 0), 12, 1).astype(np.uint8)
REFUSED = {
    "smooth": (waves().astype(np.float32), "no noise was found"),
    "smooth bytes": (waves().round().astype(np.uint8), "no noise was found"),
    "binary": ((noisy() > 100).astype(np.uint8), "two values only"),
    "labels": (LABELS, "areas of one value each"),
    "JPEG": (jpeg(texture(), 40), "JPEG compression"),
}


@pytest.mark.parametrize(("image", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_images_that_denoising_would_harm_are_refused(image: Pixels, said: str) -> None:
    with pytest.raises(RefusedError, match=said) as caught:
        plan(image)
    assert isinstance(caught.value, InputError)
    assert SEEN == []
    made = plan(image, run=ANYWAY)
    assert made.anyway
    assert any(reason.startswith("denoising does harm here: ") and said in reason for reason in made.why)
    assert np.isfinite(n2d.denoise(image, method="stub", run=ANYWAY)).all()


@pytest.mark.parametrize(("image", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_methods_that_do_not_look_do_as_they_are_told(image: Pixels, said: str) -> None:
    assert n2d.plan(image, method="gaussian", run=CPU).noise == ()


WARNED = {
    "JPEG": (jpeg(noisy(256, 256, 20), 75), "JPEG"),
    "nothing": (np.random.default_rng(0).normal(100, 8, (128, 128)), "nothing that noise alone would not"),
    "saturated": (noisy().clip(None, 140), "cut off above 140"),
    "few levels": (noisy(sigma=40).clip(0, 199).astype(int) // 40 * 40, "few grey levels"),
}


@pytest.mark.parametrize(("image", "said"), WARNED.values(), ids=WARNED.keys())
def test_a_warning_is_enough_elsewhere(image: Pixels, said: str) -> None:
    made = plan(image)
    assert any(said in reason for reason in made.why), made.why
    assert not any("harm" in reason for reason in made.why)


def test_one_channel_with_noise_is_enough() -> None:
    image = np.stack([waves(), noisy(), np.full((96, 96), 5.0)])
    made = plan(image, axes="CYX")
    assert "channel 1: denoising does harm here: no noise was found, or none that could be seen" in made.why
    assert not any("channel 2" in reason or "channel 3" in reason for reason in made.why)
    with pytest.raises(RefusedError):
        plan(image[[0, 2]], axes="CYX")


# --- wishes that do not fit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wish", [{"stabilize": True}, {"unclip": True}])
def test_stabilising_twice_is_refused(wish: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="--target latent"):
        plan(noisy(), run=replace(CPU, **wish))
    with pytest.raises(SettingError, match="--target latent"):
        plan(noisy(), method=Stabilized(Stub()))


def test_the_target_is_set_where_there_is_one() -> None:
    assert plan(noisy()).settings["target"] == "latent"
    assert plan(noisy(), run=replace(CPU, target="captured")).settings["target"] == "captured"
    with pytest.raises(SettingError, match="Gaussian has no setting 'target', which auto, stub has"):
        n2d.plan(noisy(), method="gaussian", run=replace(CPU, target="captured"))


def test_the_protocol_tells_methods_apart() -> None:
    assert isinstance(Stub(), Decides)
    assert not isinstance(Gaussian(), Decides)


def test_a_mapped_measurement_comes_back() -> None:
    image = noisy()
    (found,) = deciding.look(image, lay_out(image, None), (percentile_map(image),))
    one = found.measurement
    own = percentile_map(image)
    there = deciding.mapped(one, own)
    assert there.model.sigma == pytest.approx(one.model.sigma / own.scale)
    assert there.uncertainty.sigma == pytest.approx(one.uncertainty.sigma / own.scale)
    assert there.autocorrelation is one.autocorrelation
    assert not math.isfinite(there.model.low)


def test_a_fitted_denoiser_keeps_the_noise_of_its_plan(tmp_path: Any) -> None:
    fitted = n2d.fit(noisy(), method="stub", run=CPU)
    fitted.save(tmp_path / "x.safetensors")
    again = n2d.load(tmp_path / "x.safetensors", run=CPU)
    assert again.plan == fitted.plan
    np.testing.assert_array_equal(n2d.apply(again, noisy(seed=1)), n2d.apply(fitted, noisy(seed=1)))
