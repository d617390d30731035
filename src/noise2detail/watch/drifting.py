"""stub"""

from noise2detail.fitted import Fitted
from noise2detail.types import Pixels


def drifted(fitted: Fitted, frame: Pixels) -> str:
    return ""
