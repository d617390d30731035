"""What is gathered of one plane, and the reasons where something cannot be."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from noise2detail.errors import InputError
from noise2detail.noise.blocks import WHITE
from noise2detail.noise.measure import Measurement, Uncertainty
from noise2detail.noise.model import NoiseModel
from noise2detail.report.evidence import gather_evidence
from noise2detail.types import Pixels

SIGMA = 5.0
KNOWN = Measurement(NoiseModel(sigma=SIGMA), WHITE, band=0.3)


def clean() -> Pixels:
    texture = gaussian_filter(np.random.default_rng(4).standard_normal((128, 144)), 4)
    image: Pixels = 200 + 30 * texture / texture.std()
    return image


def noisy() -> Pixels:
    found: Pixels = clean() + SIGMA * np.random.default_rng(0).standard_normal((128, 144))
    return found


def test_of_the_truth_every_test_passes() -> None:
    found = gather_evidence(noisy(), clean(), KNOWN)
    assert found.shape == (128, 144)
    assert found.faults == found.untested == ()
    assert found.residual is not None
    assert found.residual.passed
    assert found.structure is not None
    assert found.structure.most_lost < 5.5
    assert found.whiteness is not None
    assert abs(found.whiteness.score) < 4.5
    assert found.removed == pytest.approx(1, abs=0.02)
    assert found.deviation == pytest.approx(SIGMA)
    assert found.contrast == pytest.approx(30 / SIGMA, rel=0.01)
    assert found.linearity is found.estimated_error is found.uncertainty is None


def test_a_result_of_integers_is_rounded_and_no_texture() -> None:
    fine = Measurement(NoiseModel(sigma=1.0), WHITE, band=0.3)
    seen = clean() + (noisy() - clean()) / SIGMA
    scores = []
    for rounded in (np.rint(clean()).astype(np.uint16), np.rint(clean())):
        structure = gather_evidence(seen, rounded, fine).structure
        assert structure is not None
        scores.append(structure.most_added)
    assert scores[0] < 4.5 < scores[1]


@pytest.mark.parametrize("left", [0.1, 0.5, 0.9])
def test_the_noise_removed_is_what_was_removed(left: float) -> None:
    found = gather_evidence(noisy(), clean() + left * (noisy() - clean()), KNOWN)
    assert found.removed == pytest.approx(1 - left, abs=0.02)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        pytest.param(noisy(), noisy(), "is the noisy one", id="same"),
        pytest.param(noisy(), np.zeros((128, 144)), "is constant", id="constant"),
        pytest.param(np.full((128, 144), 3.0), clean(), "noisy image is constant", id="nothing"),
        pytest.param(np.full((128, 144), np.nan), clean(), "no pixel is a number", id="nan"),
    ],
)
def test_what_makes_every_test_pointless_is_said_alone(before: Pixels, after: Pixels, words: str) -> None:
    found = gather_evidence(before, after, KNOWN)
    assert len(found.faults) == 1
    assert words in found.faults[0]
    assert found.residual is None
    assert found.structure is None
    assert found.removed is None


@pytest.mark.parametrize(
    ("measurement", "words"),
    [
        pytest.param(None, "is not known", id="unknown"),
        pytest.param(Measurement(NoiseModel(), WHITE, is_noiseless=True), "no noise was found", id="noiseless"),
    ],
)
def test_without_noise_the_residual_is_not_tested_and_it_says_so(measurement: Measurement | None, words: str) -> None:
    found = gather_evidence(noisy(), clean(), measurement)
    assert len(found.untested) == 1
    assert words in found.untested[0]
    assert found.residual is None
    assert found.structure is None
    assert found.alignment is not None


def test_pixels_that_are_no_numbers_do_not_count() -> None:
    before, after = noisy(), clean()
    before[10:70, 20:80] = np.nan
    after[100:120, :40] = np.inf
    found = gather_evidence(before, after, KNOWN)
    assert found.structure is not None
    assert found.structure.share == pytest.approx(1 - (3600 + 800) / (128 * 144))
    assert np.isnan(found.structure.lost[40, 50])
    assert found.structure.most_lost < 5.5
    assert found.residual is not None
    assert found.residual.passed
    assert "24% of the pixels were not tested" in found.untested[0]


def test_a_mask_does_the_same() -> None:
    spoilt, mask = noisy(), np.ones((128, 144), dtype=bool)
    spoilt[10:70, 20:80], mask[10:70, 20:80] = 1e5, False
    found = gather_evidence(spoilt, clean(), KNOWN, mask)
    assert found.residual is not None
    assert found.residual.passed


def test_where_all_is_clipped_nothing_is_tested() -> None:
    clipped = Measurement(NoiseModel(sigma=SIGMA, low=195.0, high=205.0), WHITE)
    found = gather_evidence(np.clip(noisy(), 195, 205), np.clip(clean(), 195, 205), clipped)
    assert found.residual is None
    assert found.structure is None
    assert "free of clipping" in found.untested[0]


def test_what_limits_the_tests_is_said() -> None:
    coloured = Measurement(NoiseModel(sigma=SIGMA), np.array([[0, 0.4, 0], [0.4, 1, 0.4], [0, 0.4, 0]]))
    assert "share noise (correlation 0.40)" in gather_evidence(noisy(), clean(), coloured).untested[0]
    unsure = Measurement(NoiseModel(sigma=SIGMA), WHITE, Uncertainty(math.inf, math.inf, math.inf))
    assert "too little of the image" in gather_evidence(noisy(), clean(), unsure).untested[0]
    small = gather_evidence(noisy()[:12, :12], clean()[:12, :12], KNOWN)
    assert small.structure is None
    assert any("smaller than 16x16" in one for one in small.untested)


def test_planes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="expected one plane"):
        gather_evidence(noisy(), clean()[1:], KNOWN)
    with pytest.raises(InputError, match="expected one plane"):
        gather_evidence(noisy()[0], clean()[0], KNOWN)
    with pytest.raises(InputError, match="the mask has the shape"):
        gather_evidence(noisy(), clean(), KNOWN, np.ones((3, 3), dtype=bool))
