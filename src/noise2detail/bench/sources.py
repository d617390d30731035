"""Where the data sets come from: official addresses, licences, and checksums where they are published."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from noise2detail.errors import SettingError
from noise2detail.registry import unknown

Algorithm = Literal["md5", "sha256"]


@dataclass(frozen=True)
class Checksum:
    """What a file must sum up to."""

    algorithm: Algorithm
    """As published; MD5 tells damage, not malice."""
    digest: str
    """In lower-case hexadecimal."""


@dataclass(frozen=True)
class RemoteFile:
    """One file of a data set."""

    name: str
    """Here, with its ending."""
    url: str
    """Direct address."""
    size: int | None = None
    """In bytes, as published; None: the server says it."""
    checksum: Checksum | None = None
    """As published; None: that of the first download is recorded."""

    @property
    def part(self) -> str:
        """Name without ending, by which a file is asked for alone."""
        return self.name.split(".", 1)[0]


@dataclass(frozen=True)
class DataSource:
    """A data set that can be downloaded."""

    title: str
    """In full."""
    home: str
    """Page from which a person can download it."""
    licence: str
    """What one must know before using it, as a sentence."""
    citation: str
    """Whom to cite."""
    files: tuple[RemoteFile, ...]
    """Archives, which are unpacked into one folder."""
    layout: str
    """Of ``bench.datasets``, to be used on that folder."""


def find_source(name: str) -> DataSource:
    """The source of a data set, or of one of its files.

    Parameters
    ----------
    name
        Such as ``fmd``, or ``fmd/test_mix`` for one file of it.

    Raises
    ------
    SettingError
        No such data set or file; the message names the nearest.
    """
    own, _, part = name.partition("/")
    if own not in SOURCES:
        raise SettingError(unknown("data set", own, tuple(SOURCES)))
    source = SOURCES[own]
    if not part:
        return source
    parts = {file.part: file for file in source.files}
    if part not in parts:
        raise SettingError(f"{own}: {unknown('file', part, tuple(parts))}")
    return DataSource(source.title, source.home, source.licence, source.citation, (parts[part],), source.layout)


def _figshare(name: str, number: int, size: int | None = None, md5: str = "") -> RemoteFile:
    return RemoteFile(
        name, f"https://ndownloader.figshare.com/files/{number}", size, Checksum("md5", md5) if md5 else None
    )


_NOISE2FAST = "8b244699ee84eb057b77cbcedc9dc6f5a4a434b8"

SOURCES: Mapping[str, DataSource] = {
    "fmd": DataSource(
        title="Fluorescence Microscopy Denoising (FMD) dataset",
        home="https://curate.nd.edu/articles/dataset/Fluorescence_Microscopy_Denoising_FMD_dataset/24744648",
        licence="CC BY-SA 4.0: name the authors, and share what you make of it under the same licence.",
        citation=(
            "Zhang, Zhu, Nichols, Wang, Zhang, Smith & Howard, A Poisson-Gaussian Denoising Dataset with Real "
            "Fluorescence Microscopy Images, CVPR 2019, doi:10.7274/r0-ed2r-4052"
        ),
        files=(
            _figshare("test_mix.tar", 43648128),
            _figshare("Confocal_BPAE_B.tar", 43648062, 589619200, "59fabbba691aa1e72f34a1af73d0a71c"),
            _figshare("Confocal_BPAE_G.tar", 43648065, 790200320, "20b796d0c502c33ffe4154f49c6e8bed"),
            _figshare("Confocal_BPAE_R.tar", 43648071, 627537920, "3d8b449e7b9284bc1c4c6c66c95526f1"),
            _figshare("Confocal_FISH.tar", 43648074, 697856000, "1187cccaf456db747e3a1b58512549d0"),
            _figshare("Confocal_MICE.tar", 43648080, 737976320, "0b27b77206366c86c11eaf9b965d7f76"),
            _figshare("TwoPhoton_BPAE_B.tar", 43648086),
            _figshare("TwoPhoton_BPAE_G.tar", 43648089),
            _figshare("TwoPhoton_BPAE_R.tar", 43648092),
            _figshare("TwoPhoton_MICE.tar", 43648095),
            _figshare("WideField_BPAE_B.tar", 43648098),
            _figshare("WideField_BPAE_G.tar", 43648113, 792780800, "7e2e734f83bf6609bd2fe876f4a54345"),
            _figshare("WideField_BPAE_R.tar", 43648116, 709232640, "e02b07bc4cfcd19dc911bd9d0c4e65a0"),
        ),
        layout="fmd",
    ),
    "msd-task09": DataSource(
        title="Medical Segmentation Decathlon, Task09 Spleen",
        home="http://medicaldecathlon.com",
        licence="CC BY-SA 4.0: name the authors, and share what you make of it under the same licence.",
        citation=(
            "Antonelli et al., The Medical Segmentation Decathlon, Nature Communications 2022, "
            "doi:10.1038/s41467-022-30695-9"
        ),
        files=(
            RemoteFile(
                "Task09_Spleen.tar",
                "https://msd-for-monai.s3-us-west-2.amazonaws.com/Task09_Spleen.tar",
                checksum=Checksum("md5", "410d4a301da4e5b2f6f86ec3ddba524e"),
            ),
        ),
        layout="ct",
    ),
    "biosr": DataSource(
        title="BioSR: a biological image dataset for super-resolution microscopy, version 9",
        home="https://figshare.com/articles/dataset/BioSR/13264793",
        licence="CC BY 4.0: name the authors.",
        citation=(
            "Qiao et al., Evaluation and development of deep neural networks for image super-resolution in optical "
            "microscopy, Nature Methods 2021, doi:10.6084/m9.figshare.13264793.v9"
        ),
        files=(
            _figshare("Microtubules.zip", 25714514, 1633356198, "df983755a1b45d512b000475e3072fc7"),
            _figshare("CCPs.zip", 25714583, 1176569302, "41771b9fd0a7c9fd939bdb71b106fa6e"),
            _figshare("ER.zip", 25714658, 2956077632, "2bd05c7dba69a10b36a141407927d585"),
            _figshare("F-actin.zip", 25944599, 2233338886, "80fafab68f26fb71de12be0141face74"),
            _figshare("F-actin_Nonlinear.zip", 25714772, 4480187050, "b2884114e5fb034b9261855b3c8dbf77"),
        ),
        layout="biosr",
    ),
    "noise2fast": DataSource(
        title="BSD68, Set12 and confocal images as the Noise2Fast repository holds them",
        home="https://github.com/jason-lequyer/Noise2Fast",
        licence=(
            "The repository is under Apache-2.0; the licence of the photographs in BSD68 and Set12 is not stated: use "
            "them for benchmarks only."
        ),
        citation=(
            "Lequyer, Philip, Sharma, Hsu & Pelletier, A fast blind zero-shot denoiser, Nature Machine Intelligence "
            "2022; Martin, Fowlkes, Tal & Malik, ICCV 2001, for BSD68"
        ),
        # GitHub packs this archive anew at times: no checksum of it can be published
        files=(RemoteFile("Noise2Fast.zip", f"https://github.com/jason-lequyer/Noise2Fast/archive/{_NOISE2FAST}.zip"),),
        layout="noise2fast",
    ),
}
"""Every data set that ``fetch`` knows, by name. Checksums of figshare are those of its records."""
