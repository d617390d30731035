"""The verdict in words, for damage that is known."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from noise2detail.noise.blocks import WHITE
from noise2detail.noise.measure import Measurement
from noise2detail.noise.model import NoiseModel
from noise2detail.report.evidence import gather_evidence
from noise2detail.report.verdict import Reason, Verdict, verdict, verdict_of_all
from noise2detail.types import Pixels

SIGMA = 5.0
KNOWN = Measurement(NoiseModel(sigma=SIGMA), WHITE, band=0.3)
SHAPE = (192, 192)


def clean() -> Pixels:
    """A broad slope from dark to bright with fine structure on it."""
    texture = gaussian_filter(np.random.default_rng(4).standard_normal(SHAPE), 1.5)
    image: Pixels = np.linspace(50, 250, SHAPE[1]) + 10 * texture / texture.std()
    return image


def noisy() -> Pixels:
    found: Pixels = clean() + SIGMA * np.random.default_rng(0).standard_normal(SHAPE)
    return found


def judged(denoised: Pixels, measurement: Measurement | None = KNOWN) -> Verdict:
    return verdict(gather_evidence(noisy(), denoised, measurement))


def test_the_truth_is_trusted_with_every_reason() -> None:
    found = judged(clean())
    assert found.level == "trust", found.sentence
    assert {one.kind for one in found.reasons} == {"noise", "structure", "brightness"}
    assert "noise removed: 100%" in found.sentence
    assert "no structure found in the residual" in found.sentence
    assert "intensities kept within 0." in found.sentence
    assert found.untested == ()


def without_a_spot() -> Pixels:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    taken: Pixels = clean() - 40 * np.exp(-((y - 160) ** 2 + (x - 20) ** 2) / 4)
    return taken


def smoothed_corner() -> Pixels:
    image = clean()
    image[128:, :64] = gaussian_filter(clean(), 4)[128:, :64]
    return image


def textured() -> Pixels:
    image = clean()
    image[10:60, 10:60] += 2.5 * np.random.default_rng(9).standard_normal((50, 50))
    return image


@pytest.mark.parametrize(
    ("damaged", "kind", "words"),
    [
        pytest.param(without_a_spot, "structure", "missing at the lower left (row 160, column 20)", id="spot"),
        pytest.param(smoothed_corner, "structure", "dark region at the lower left is smoother", id="smooth"),
        pytest.param(textured, "texture", "dark region at the upper left shows details that", id="texture"),
        pytest.param(lambda: gaussian_filter(clean(), 2.5), "sharpness", "fine structure was blurred", id="blur"),
        pytest.param(lambda: 1.03 * clean(), "brightness", "as a whole is too bright by", id="gain"),
        pytest.param(lambda: np.where(clean() > 200, 0.96, 1) * clean(), "brightness", "too dark by", id="level"),
        pytest.param(lambda: 0.5 * (noisy() + clean()), "noise", "noise was left in: only 50%", id="half"),
        pytest.param(lambda: np.roll(clean(), (2, -1), (0, 1)), "comparison", "2 pixels down and 1 pixel", id="shift"),
        pytest.param(lambda: clean() / 255, "comparison", "another scale: its values are 0.00", id="scale"),
        pytest.param(lambda: clean() + 400, "comparison", "is brighter than the noisy one by 400", id="offset"),
        pytest.param(lambda: clean()[::-1, ::-1], "comparison", "do not show the same", id="another image"),
        pytest.param(noisy, "comparison", "no noise was removed", id="same"),
        pytest.param(lambda: np.full(SHAPE, 7.0), "comparison", "is constant", id="constant"),
    ],
)
def test_damage_is_said_in_words(damaged: Callable[[], Pixels], kind: str, words: str) -> None:
    found = judged(damaged())
    assert found.level != "trust"
    said = [one for one in found.reasons if one.kind == kind and one.severity != "good"]
    assert any(words in one.sentence for one in said), found.sentence
    assert found.reasons[0].severity != "good"


def test_a_lost_spot_has_a_place() -> None:
    reason = judged(without_a_spot()).reasons[0]
    assert max(abs(reason.places[0].y - 160), abs(reason.places[0].x - 20)) <= 2
    assert reason.figure is not None
    assert reason.figure == pytest.approx(40 * np.sqrt(2 * np.pi) / SIGMA, rel=0.25)  # a spot of height 40


def test_what_cannot_be_tested_is_not_trusted() -> None:
    found = judged(clean(), None)
    assert found.level == "look closer"
    assert found.untested == ("the residual was not tested, because the noise of this image is not known",)


def test_the_verdict_on_many_is_that_of_the_worst_and_names_them() -> None:
    good, bad = judged(clean()), judged(gaussian_filter(clean(), 2.5))
    found = verdict_of_all({"plane 1": good, "plane 2": bad, "plane 3": good})
    assert found.level == bad.level
    assert found.reasons[0].sentence.endswith(f"{bad.level!r}: plane 2")
    assert any(one.sentence.startswith("plane 2: fine structure") for one in found.reasons)


def test_the_verdict_on_many_good_planes_tells_the_least_good_figures() -> None:
    parts = {
        name: Verdict("trust", (Reason("noise", "good", f"noise removed: {share:.0%}", share),))
        for name, share in (("plane 1", 0.97), ("plane 2", 0.91), ("plane 3", 0.99))
    }
    found = verdict_of_all(parts)
    assert found.level == "trust"
    assert [one.sentence for one in found.reasons] == ["noise removed: 91%"]


def test_many_bad_planes_are_counted_and_some_are_named() -> None:
    bad = Verdict("look closer", (Reason("noise", "doubt", "noise was left in", 0.6),), ("a", "b"))
    found = verdict_of_all({f"plane {number}": bad for number in range(8)})
    assert "8 of 8" in found.reasons[0].sentence
    assert found.reasons[0].sentence.endswith("plane 4 and 3 more")
    assert found.untested == ("a", "b")
    assert len(found.reasons) == 2
