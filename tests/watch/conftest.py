"""pymmcore-plus makes the root logger hear everything when it is first imported; other tests count what is logged."""

import logging

LEVEL = logging.getLogger().level
import pymmcore_plus  # noqa: E402, F401

logging.getLogger().setLevel(LEVEL)
