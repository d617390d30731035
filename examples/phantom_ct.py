"""A DICOM series to denoise where no patient is shown: slices of a phantom as a scanner with few photons measures them.

The Shepp-Logan phantom is projected, each projection loses photons by chance (Beer-Lambert, Poisson), and the noisy
projections are reconstructed by filtered back-projection. So the noise has the grain of a real scan: neighbouring
pixels share it. What was there without it is known.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from skimage import data, transform

phantoms: Any = data  # neither has annotations
transforms: Any = transform

SIDE, ANGLES = 256, 300
PIXEL_MM, SLICE_MM = 0.8, 2.5
HEIGHTS = (1.0, 0.97, 0.92)
"""Size of each slice in relation to the first: the head becomes narrower."""
PHOTONS = 60_000
"""Into each ray; a diagnostic scan has ten times as many."""
WATER = 0.02
"""Attenuation per millimetre."""


def write_series(folder: Path) -> NDArray[np.float64]:
    """The slices without noise, in Hounsfield units; with noise, they are in the folder afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    study, series, frame = (generate_uid(entropy_srcs=["noise2detail demo", name]) for name in ("a", "b", "c"))
    chance, clean = np.random.default_rng(0), []
    for number, size in enumerate(HEIGHTS):
        attenuation = WATER * slice_of(size)
        clean.append(1000 * (attenuation / WATER - 1))
        made = header(number)
        made.StudyInstanceUID, made.SeriesInstanceUID, made.FrameOfReferenceUID = study, series, frame
        values = 1000 * (scanned(attenuation, chance) / WATER - 1)
        stored = (values + 1024).round().clip(0, 4095).astype(np.uint16)
        made.Rows, made.Columns = stored.shape
        made.PixelData = stored.tobytes()
        made["PixelData"].VR = "OW"
        made.save_as(folder / f"slice{number + 1}.dcm", enforce_file_format=True)
    return np.stack(clean)


def slice_of(size: float) -> NDArray[np.float64]:
    """The phantom, water being 1 and air 0, narrower by that factor."""
    whole = phantoms.shepp_logan_phantom()
    small = transforms.rescale(whole, size * SIDE / len(whole) * 0.92, anti_aliasing=True)
    # the skull would be eight times as dense as the brain; bone is about twice as dense as water
    tissue = np.where(small > 0.5, 0.5 + (small - 0.5) * 2, small)
    gaps = [SIDE - length for length in tissue.shape]
    padded: NDArray[np.float64] = np.pad(tissue, [(gap // 2, gap - gap // 2) for gap in gaps])
    return np.where(padded > 0.005, 0.9 + padded * 0.5, 0.0)


def scanned(attenuation: NDArray[np.float64], chance: np.random.Generator) -> NDArray[np.float64]:
    """What a scanner makes of it."""
    angles = np.linspace(0, 180, ANGLES, endpoint=False)
    along = transforms.radon(attenuation, angles) * PIXEL_MM
    counted = chance.poisson(PHOTONS * np.exp(-along)).clip(1)
    found: NDArray[np.float64] = transforms.iradon(
        -np.log(counted / PHOTONS) / PIXEL_MM, angles, filter_name="shepp-logan"
    )
    return found


def header(number: int) -> Any:
    """Everything of a slice but its pixels and the names of its series."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID = ExplicitVRLittleEndian, CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["noise2detail demo", str(number)])
    made: Any = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    made.SOPClassUID, made.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    made.PatientName, made.PatientID, made.Modality = "Phantom^Shepp Logan", "PHANTOM", "CT"
    made.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    made.SeriesNumber, made.InstanceNumber, made.SeriesDescription = 1, number + 1, "Phantom"
    made.ImagePositionPatient = [-PIXEL_MM * SIDE / 2, -PIXEL_MM * SIDE / 2, SLICE_MM * number]
    made.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    made.PixelSpacing, made.SliceThickness = [PIXEL_MM, PIXEL_MM], SLICE_MM
    made.RescaleIntercept, made.RescaleSlope, made.RescaleType = -1024, 1, "HU"
    made.WindowCenter, made.WindowWidth = 40, 200
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PixelRepresentation = 1, "MONOCHROME2", 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 16, 12, 11
    return made
