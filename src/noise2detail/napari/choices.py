"""What a person can choose from, without loading what it takes to do it; ``tests/napari`` holds it to the registry."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """A method as the window lists it."""

    recipes: tuple[str, ...]
    """The default first."""
    title: str
    """What it does, one line."""
    seconds: float
    """For 512x512 pixels on two cores, with the default recipe."""
    frames: bool = False
    """It learns from several frames of a scene, so that a single plane cannot be previewed."""
    shared: bool = True
    """What it learns from one image can be applied to others."""


METHODS: dict[str, Choice] = {
    "auto": Choice(
        ("standard", "fast", "best"),
        "measure the noise, decide by it, and mix non-local filters and a network by their estimated risk",
        8,
    ),
    "noise2detail": Choice(
        ("fast", "best", "paper"), "train on the image itself, refine through pixel-shuffled copies, recover detail", 3
    ),
    "zs_n2n": Choice(("fast", "best", "paper", "demo"), "train on two half-size views of the image itself", 1.5),
    "noise2fast": Choice(
        ("standard", "paper"),
        "train on checkerboard halves of the image, stop by the image itself, average the last outputs",
        33,
        shared=False,
    ),
    "noise2void": Choice(
        ("standard", "n2v2", "struct", "paper"),
        "train to predict hidden pixels from their surroundings (also N2V2 and structN2V)",
        47,
    ),
    "noise2self": Choice(
        ("standard", "paper"),
        "train to predict a grid of hidden pixels, keep the network that predicts unseen ones best",
        12,
    ),
    "neighbor2neighbor": Choice(
        ("standard", "paper", "as_in_paper"),
        "train on pairs of random neighbours; as_in_paper is the adaptation that the Noise2Detail paper compared with",
        23,
    ),
    "deep_image_prior": Choice(
        ("standard", "paper", "as_in_paper"),
        "fit an untrained network to the image and stop before it has learnt the noise",
        50,
        shared=False,
    ),
    "self2self": Choice(
        ("standard", "paper"),
        "train with dropout on the pixels that a random mask removed, average many such networks",
        48,
        shared=False,
    ),
    "noise2noise": Choice(
        ("standard", "paper"),
        "train on two or more noisy frames of the same scene (axis T, or --frames)",
        26,
        frames=True,
    ),
    "bm3d": Choice(
        ("standard", "paper"),
        "filter groups of similar patches together, with a hard threshold and then a Wiener filter",
        2.7,
    ),
    "nlm": Choice(("standard",), "average pixels whose surroundings are alike", 3),
    "wiener": Choice(("standard",), "shrink towards the local mean by the local variance", 1.5),
    "median": Choice(("standard",), "median of the neighbours", 2),
    "gaussian": Choice(("standard",), "blur: the opponent that every method must beat", 0.7),
    "mean": Choice(("standard",), "mean of the neighbours", 0.4),
    "bilateral": Choice(("standard",), "mean of the neighbours with about the same value", 6),
    "tv": Choice(("standard",), "the image of least total variation near the noisy one", 1.5),
    "wavelet": Choice(("standard",), "threshold wavelet coefficients, averaged over shifts", 3),
}

DEFAULT = "auto"

FITS = {
    "auto": "decide by size and drift",
    "plane": "one training for each plane",
    "shared": "one training for all planes",
    "warm": "one training that goes on from plane to plane",
}
"""How the trainings of a stack hang together, as of ``noise2detail.Run``, in words."""
