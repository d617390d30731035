"""Miniature trees of every layout, made up."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
import tifffile
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from noise2detail.types import Pixels

SIDE = 16
GAUSSIAN = {"gaussian": 25}


def picture(seed: int = 0, side: int = SIDE) -> Pixels:
    """8-bit, from 0 to 255, no two alike."""
    y, x = np.mgrid[:side, :side]
    image = np.sin(y / 3 + seed) * np.cos(x / 4)
    pixels: Pixels = np.rint(255 * (image - image.min()) / np.ptp(image)).astype(np.uint8)
    return pixels


def noisy(clean: Pixels, seed: int = 0) -> Pixels:
    noise = 10 * np.random.default_rng(seed).standard_normal(clean.shape)
    return np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)


def png(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels))))


def tif(path: Path, pixels: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels)


def nifti(path: Path, volume: Pixels) -> None:
    """A NIfTI-1 file of int16 values, ``(z, y, x)``."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, *volume.shape[::-1], 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 0, 0, 0, 0)
    struct.pack_into("<3f", header, 108, 352, 1, 0)
    header[344:348] = b"n+1\0"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(header) + volume.astype("<i2").tobytes())


def mrc(path: Path, frames: Pixels) -> None:
    """An MRC file of uint16 values, ``(frame, y, x)``."""
    header = bytearray(1024)
    sections, rows, columns = frames.shape
    struct.pack_into("<4i", header, 0, columns, rows, sections, 6)
    struct.pack_into("<3i", header, 28, columns, rows, sections)
    struct.pack_into("<3f", header, 40, columns, rows, sections)
    struct.pack_into("<3i", header, 64, 1, 2, 3)
    header[208:212] = b"MAP "
    header[212:214] = b"\x44\x44"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(header) + frames.astype("<u2").tobytes())


def dicom(folder: Path, volume: Pixels) -> None:
    """A series of CT slices in Hounsfield units; later files lie lower."""
    folder.mkdir(parents=True, exist_ok=True)
    series = generate_uid()
    for index, plane in enumerate(volume):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        one = pydicom.Dataset()
        one.file_meta, one.SOPClassUID, one.SeriesInstanceUID = meta, CTImageStorage, series
        one.SOPInstanceUID, one.Modality, one.PixelData = meta.MediaStorageSOPInstanceUID, "CT", plane.tobytes()
        one.Rows, one.Columns = plane.shape
        one.BitsAllocated = one.BitsStored = 16
        one.HighBit, one.PixelRepresentation, one.SamplesPerPixel = 15, 1, 1
        one.PhotometricInterpretation, one.RescaleSlope, one.RescaleIntercept = "MONOCHROME2", 1, -1024
        one.ImagePositionPatient, one.ImageOrientationPatient = [0, 0, 2 * index], [1, 0, 0, 0, 1, 0]
        one.PixelSpacing = [1, 1]
        one.save_as(folder / f"slice_{index}.dcm", enforce_file_format=True)


def volume(planes: int = 3, seed: int = 0) -> Pixels:
    return np.stack([picture(seed + plane).astype(np.int16) * (plane + 1) for plane in range(planes)])


def release(root: Path) -> None:
    """The FMD release with two configurations, two fields and two captures."""
    for place, name in enumerate(("Confocal_FISH", "WideField_BPAE_R")):
        for field in (1, 19):
            clean = picture(10 * place + field)
            png(root / name / "gt" / str(field) / "avg50.png", clean)
            for level in ("raw", "avg4"):
                for capture in (0, 1):
                    png(root / name / level / str(field) / f"HV110_P{capture:04d}.png", noisy(clean, capture))
        for number in (1, 2):
            clean = picture(10 * place + number)
            png(root / "test_mix" / "gt" / f"{name}_{number}.png", clean)
            png(root / "test_mix" / "raw" / f"{name}_{number}.png", noisy(clean))


def tree_fmd(root: Path) -> Mapping[str, Any]:
    release(root / "fmd")
    return {"layout": "fmd", "path": "fmd"}


def tree_sample(root: Path) -> Mapping[str, Any]:
    png(root / "some" / "gt" / "Confocal_FISH.png", picture())
    for number in (1, 2):
        png(root / "some" / "raw" / f"Confocal_FISH_{number}.png", noisy(picture(), number))
    return {"layout": "fmd-sample", "path": "some"}


def tree_task09(root: Path) -> Mapping[str, Any]:
    for place, planes in enumerate((2, 3)):
        nifti(root / "Task09_Spleen" / "imagesTr" / f"spleen_{place + 2}.nii", volume(planes, place))
    (root / "Task09_Spleen" / "imagesTr" / "._spleen_2.nii").write_bytes(b"Mac OS X")
    return {"layout": "ct", "path": "Task09_Spleen", "noise": GAUSSIAN}


def tree_dicom(root: Path) -> Mapping[str, Any]:
    dicom(root / "series", volume())
    return {"layout": "ct", "path": "series", "noise": {"poisson": [10, 50]}}


def tree_biosr(root: Path) -> Mapping[str, Any]:
    frames = np.stack([picture().astype(np.uint16) * 4 + 7 * phase for phase in range(9)])
    for cell in (1, 2):
        home = root / "BioSR" / "CCPs" / f"Cell_{cell:03d}"
        mrc(home / "RawSIMData_level_01.mrc", frames // 2 + np.random.default_rng(cell).integers(0, 9, frames.shape))
        mrc(home / "RawSIMData_level_02.mrc", frames)
        mrc(home / "RawSIMData_gt.mrc", frames * 3 + 100)
    return {"layout": "biosr", "path": "BioSR"}


def tree_pairs(root: Path) -> Mapping[str, Any]:
    for name in ("a", "b"):
        tif(root / "mine" / "clean" / f"{name}.tif", picture())
        png(root / "mine" / "noisy" / f"{name}.png", noisy(picture()))
    return {"layout": "pairs", "path": "mine"}


def tree_clean(root: Path) -> Mapping[str, Any]:
    for name in ("01", "02"):
        tif(root / "Set12" / f"{name}.tif", picture())
    return {"layout": "clean", "path": "Set12", "noise": {"uniform": 0.2, "seed": 3}}


def tree_noise2fast(root: Path) -> Mapping[str, Any]:
    for name in ("01", "02"):
        tif(root / "n2f" / "Noise2Fast-8b24469" / "Set12" / f"{name}.tif", picture())
    return {"layout": "noise2fast", "path": "n2f"}
