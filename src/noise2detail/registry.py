"""The only file that knows every method by name."""

import difflib
from dataclasses import dataclass
from typing import Any

from noise2detail.errors import SettingError
from noise2detail.methods.auto import Auto
from noise2detail.methods.bilateral import Bilateral
from noise2detail.methods.bm3d import BM3D
from noise2detail.methods.bm3d_reference import BM3DReference, is_installed
from noise2detail.methods.deep_image_prior import DeepImagePrior
from noise2detail.methods.gaussian import Gaussian
from noise2detail.methods.mean import Mean
from noise2detail.methods.median import Median
from noise2detail.methods.neighbor2neighbor import Neighbor2Neighbor
from noise2detail.methods.nlm import NonLocalMeans
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.methods.noise2fast import Noise2Fast
from noise2detail.methods.noise2noise import Noise2Noise
from noise2detail.methods.noise2self import Noise2Self
from noise2detail.methods.noise2void import Noise2Void
from noise2detail.methods.self2self import Self2Self
from noise2detail.methods.tv import TotalVariation
from noise2detail.methods.wavelet import Wavelet
from noise2detail.methods.wiener import Wiener
from noise2detail.methods.zs_n2n import ZeroShotNoise2Noise


@dataclass(frozen=True)
class Entry:
    """A method as people see it."""

    method: type[Any]
    """Its class, a ``Method``; a class cannot be asked at run time whether it fits a protocol with attributes."""
    recipes: tuple[str, ...]
    """Names that its ``recipe`` knows, the default first."""
    title: str
    """What it does, one line for people."""
    paper: str
    """Authors and venue."""
    year: int
    """Of the paper."""
    seconds: float
    """Of the default recipe for 512x512 pixels on two cores, as measured (``benchmarks/results/peers.md``)."""
    reduced: bool = False
    """The default recipe trains less than the paper says, to end within a minute."""
    licence: str = "written from the paper"
    """Where the code comes from, and what the authors' own program allows."""


METHODS: dict[str, Entry] = {
    "auto": Entry(
        Auto,
        ("standard", "fast", "best"),
        "measure the noise, decide by it, and mix non-local filters and a network by their estimated risk",
        "this project; see docs/explanation/auto.md",
        2026,
        8,
        licence="own",
    ),
    "noise2detail": Entry(
        Noise2Detail,
        ("fast", "best", "paper"),
        "train on the image itself, refine through pixel-shuffled copies, recover detail",
        "Chobola, Schnabel & Peng, MICCAI",
        2025,
        3,
        licence="written from the paper; the authors' program has no licence",
    ),
    "zs_n2n": Entry(
        ZeroShotNoise2Noise,
        ("fast", "best", "paper", "demo"),
        "train on two half-size views of the image itself",
        "Mansour & Heckel, CVPR",
        2023,
        1.5,
        licence="written from the paper; the authors' notebook has no licence",
    ),
    "noise2fast": Entry(
        Noise2Fast,
        ("standard", "paper"),
        "train on checkerboard halves of the image, stop by the image itself, average the last outputs",
        "Lequyer et al., Nature Machine Intelligence",
        2022,
        33,
        reduced=True,
        licence="written from the paper; the authors' program is Apache-2.0",
    ),
    "noise2void": Entry(
        Noise2Void,
        ("standard", "n2v2", "struct", "paper"),
        "train to predict hidden pixels from their surroundings (also N2V2 and structN2V)",
        "Krull, Buchholz & Jug, CVPR",
        2019,
        47,
        reduced=True,
        licence="written from the papers; the authors' program is BSD-3-Clause",
    ),
    "noise2self": Entry(
        Noise2Self,
        ("standard", "paper"),
        "train to predict a grid of hidden pixels, keep the network that predicts unseen ones best",
        "Batson & Royer, ICML",
        2019,
        12,
        reduced=True,
        licence="written from the paper; the authors' program is MIT",
    ),
    "neighbor2neighbor": Entry(
        Neighbor2Neighbor,
        ("standard", "paper", "as_in_paper"),
        "train on pairs of random neighbours; as_in_paper is the adaptation that the Noise2Detail paper compared with",
        "Huang et al., CVPR",
        2021,
        23,
        reduced=True,
        licence="written from the paper; the authors' program is BSD-3-Clause",
    ),
    "deep_image_prior": Entry(
        DeepImagePrior,
        ("standard", "paper", "as_in_paper"),
        "fit an untrained network to the image and stop before it has learnt the noise",
        "Ulyanov, Vedaldi & Lempitsky, CVPR",
        2018,
        50,
        reduced=True,
        licence="written from the paper; the authors' program is Apache-2.0",
    ),
    "self2self": Entry(
        Self2Self,
        ("standard", "paper"),
        "train with dropout on the pixels that a random mask removed, average many such networks",
        "Quan et al., CVPR",
        2020,
        48,
        reduced=True,
        licence="written from the paper; the authors' program is Apache-2.0",
    ),
    "noise2noise": Entry(
        Noise2Noise,
        ("standard", "paper"),
        "train on two or more noisy frames of the same scene (axis T, or --frames)",
        "Lehtinen et al., ICML",
        2018,
        26,
        reduced=True,
        licence="written from the paper; the authors' program is non-commercial",
    ),
    "bm3d": Entry(
        BM3D,
        ("standard", "paper"),
        "filter groups of similar patches together, with a hard threshold and then a Wiener filter",
        "Dabov et al., IEEE TIP; correlated noise: Makinen, Azzari & Foi, IEEE TIP 2020",
        2007,
        2.7,
        licence="written from the papers; the authors' program is non-commercial",
    ),
    "nlm": Entry(
        NonLocalMeans,
        ("standard",),
        "average pixels whose surroundings are alike",
        "Buades, Coll & Morel, CVPR",
        2005,
        3,
        licence="scikit-image, BSD-3-Clause",
    ),
    "wiener": Entry(
        Wiener,
        ("standard",),
        "shrink towards the local mean by the local variance",
        "Lee, IEEE TPAMI",
        1980,
        1.5,
        licence="numpy and scipy, BSD-3-Clause",
    ),
    "median": Entry(
        Median,
        ("standard",),
        "median of the neighbours",
        "Tukey, Exploratory Data Analysis",
        1977,
        2,
        licence="scipy, BSD-3-Clause",
    ),
    "gaussian": Entry(
        Gaussian,
        ("standard",),
        "blur: the opponent that every method must beat",
        "parameter by Batson & Royer, ICML 2019",
        2019,
        0.7,
        licence="scipy, BSD-3-Clause",
    ),
    "mean": Entry(
        Mean,
        ("standard",),
        "mean of the neighbours",
        "parameter by Batson & Royer, ICML 2019",
        2019,
        0.4,
        licence="scipy, BSD-3-Clause",
    ),
    "bilateral": Entry(
        Bilateral,
        ("standard",),
        "mean of the neighbours with about the same value",
        "Tomasi & Manduchi, ICCV",
        1998,
        6,
    ),
    "tv": Entry(
        TotalVariation,
        ("standard",),
        "the image of least total variation near the noisy one",
        "Rudin, Osher & Fatemi, Physica D; Chambolle 2004",
        1992,
        1.5,
        licence="scikit-image, BSD-3-Clause",
    ),
    "wavelet": Entry(
        Wavelet,
        ("standard",),
        "threshold wavelet coefficients, averaged over shifts",
        "Chang, Yu & Vetterli, IEEE TIP",
        2000,
        3,
        licence="scikit-image (BSD-3-Clause) and PyWavelets (MIT)",
    ),
}

REFERENCE = Entry(
    BM3DReference,
    ("standard", "paper"),
    "the authors' own BM3D, which you have installed, for comparison",
    "Makinen, Azzari & Foi, IEEE TIP",
    2020,
    5,
    licence="non-commercial: see the packages bm3d and bm4d",
)
"""Never installed with this package, and listed only where its user has installed it."""

if is_installed():
    METHODS["bm3d_reference"] = REFERENCE

DEFAULT = "auto"


def find(method: str) -> Entry:
    """Entry of a method.

    Raises
    ------
    SettingError
        No such method; the message names the nearest.
    """
    if method not in METHODS:
        raise SettingError(unknown("method", method, tuple(METHODS)))
    return METHODS[method]


def unknown(what: str, name: str, known: tuple[str, ...]) -> str:
    """Message for a name that does not exist, with the nearest that does."""
    near = difflib.get_close_matches(name.lower(), known, 1, 0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"there is no {what} {name!r}; {hint}{what}s are: {', '.join(known)}"
