"""Places on an image, and the words for them."""

import numpy as np
import pytest

from noise2detail.metrics.places import Place, highest


@pytest.mark.parametrize(
    ("y", "x", "words"),
    [
        (0, 0, "at the upper left"),
        (99, 199, "at the lower right"),
        (99, 0, "at the lower left"),
        (50, 100, "in the middle"),
        (0, 100, "at the top"),
        (99, 100, "at the bottom"),
        (50, 0, "at the left"),
        (50, 199, "at the right"),
    ],
)
def test_a_place_has_the_words_of_its_ninth(y: int, x: int, words: str) -> None:
    assert Place(y, x, 5, 1.0).words((100, 200)) == words


def test_the_highest_come_first_and_keep_their_distance() -> None:
    scores = np.zeros((50, 60), np.float32)
    scores[10, 10], scores[12, 12], scores[40, 50], scores[30, 5] = 9, 8, 7, 2
    found = highest(scores, 6, 3.0, 5)
    assert [(one.y, one.x, one.score) for one in found] == [(10, 10, 9), (40, 50, 7)]
    assert len(highest(scores, 6, 1.0, 2)) == 2


def test_what_is_not_known_is_no_place() -> None:
    scores = np.full((20, 20), np.nan, np.float32)
    assert highest(scores, 4, 0.0, 5) == ()
    scores[3, 4] = 1
    assert [(one.y, one.x) for one in highest(scores, 4, 0.0, 5)] == [(3, 4)]
