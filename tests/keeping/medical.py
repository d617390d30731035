"""DICOM; the library alone is pydicom."""

from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from tests.dicom_material import EXPLICIT, RLE, dataset
from tests.keeping.tiffs import noise
from tests.keeping.trial import Facts, Trial, denoised

PADDING = -2000
KEPT = {
    "PatientName, PatientID": ("PatientName", "PatientID"),
    "StudyInstanceUID": ("StudyInstanceUID",),
    "FrameOfReferenceUID": ("FrameOfReferenceUID",),
    "ImagePositionPatient, ImageOrientationPatient": ("ImagePositionPatient", "ImageOrientationPatient"),
    "PixelSpacing, SliceThickness": ("PixelSpacing", "SliceThickness"),
    "RescaleSlope, RescaleIntercept": ("RescaleSlope", "RescaleIntercept"),
    "WindowCenter, WindowWidth": ("WindowCenter", "WindowWidth"),
    "BitsStored, PixelRepresentation": ("BitsStored", "PixelRepresentation"),
    "PixelPaddingValue": ("PixelPaddingValue",),
}
NEW = "SOPInstanceUID: a new one, in the header of the file too"
SERIES = "SeriesInstanceUID: a new one"
DERIVED = "ImageType: DERIVED"
DONE = "DerivationDescription: what was done"
SOURCE = "SourceImageSequence: from which image"
STALE = "SmallestImagePixelValue and its like: gone, as they are true no more"


def fields(place: int = 0) -> dict[str, Any]:
    return {
        "StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4", "FrameOfReferenceUID": "1.2.3.5",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "ImagePositionPatient": [-9, -8, 2.5 * place],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], "PixelSpacing": [0.5, 0.25], "SliceThickness": "2.5",
        "RescaleSlope": "2", "RescaleIntercept": "-100", "WindowCenter": "40", "WindowWidth": "400",
        "PixelPaddingValue": PADDING, "SmallestImagePixelValue": 0, "LargestImagePixelValue": 249,
        "SeriesNumber": 3, "SeriesDescription": "AXIAL", "InstanceNumber": place + 1,
    }  # fmt: skip


def slice_of(place: int = 0, syntax: str = EXPLICIT) -> Any:
    pixels = noise((9, 8), "int16") + np.int16(place)
    pixels[0, :3] = PADDING
    made = dataset(pixels, EXPLICIT, **fields(place))
    made.BitsStored, made.HighBit = 12, 11
    for name in ("Smallest", "Largest"):
        made[f"{name}ImagePixelValue"].VR = "SS"
    made["PixelPaddingValue"].VR = "SS"
    block = made.private_block(0x0099, "A MAKER", create=True)
    block.add_new(0x01, "LO", "a private word")
    if syntax == RLE:
        made.compress(RLE)
    return made


def again(source: Path, target: Path) -> None:
    """What everybody writes first."""
    image = pydicom.dcmread(source)
    image.PixelData = denoised(image.pixel_array).tobytes()
    image.save_as(target)


def all_again(source: Path, target: Path) -> None:
    """The same for every slice."""
    target.mkdir()
    for path in source.iterdir():
        again(path, target / path.name)


def facts(path: Path) -> Facts:
    image: Any = pydicom.dcmread(path)
    private = image.get((0x0099, 0x1001))
    stored = image.pixel_array
    return {
        **{name: [str(image[one].value) for one in words] for name, words in KEPT.items()},
        "pixels of the padding value, untouched": stored[0, :3] if (stored[0, :3] == PADDING).all() else False,
        "private fields": None if private is None else str(private.value),
        NEW: [image.SOPInstanceUID, image.file_meta.MediaStorageSOPInstanceUID],
        SERIES: image.SeriesInstanceUID,
        DERIVED: image.ImageType[0],
        DONE: image.get("DerivationDescription", ""),
        SOURCE: [one.ReferencedSOPInstanceUID for one in image.get("SourceImageSequence", ())],
        STALE: [image.get(name) for name in ("SmallestImagePixelValue", "LargestImagePixelValue")],
    }


WANTED: dict[str, Any] = {
    NEW: lambda before, after: before[NEW][0] not in after[NEW] and len(set(after[NEW])) == 1,
    SERIES: lambda before, after: before[SERIES] != after[SERIES],
    DERIVED: lambda before, after: after[DERIVED] == "DERIVED",
    DONE: lambda before, after: "noise2detail" in after[DONE],
    SOURCE: lambda before, after: after[SOURCE] == before[NEW][:1],
    STALE: lambda before, after: after[STALE] == [None, None],
}


def make_series(folder: Path) -> None:
    folder.mkdir()
    for place in range(3):
        made = slice_of(place)
        made.save_as(folder / f"{5 - place}.dcm", enforce_file_format=True)


def series_facts(folder: Path) -> Facts:
    slices: list[Any] = sorted((pydicom.dcmread(path) for path in folder.iterdir()), key=lambda one: one.InstanceNumber)
    new = "SeriesInstanceUID: one new one for all"
    return {
        "number of slices": len(slices),
        "names of the files": sorted(path.name for path in folder.iterdir()),
        "ImagePositionPatient of each": [[float(one) for one in each.ImagePositionPatient] for each in slices],
        "InstanceNumber of each": [int(each.InstanceNumber) for each in slices],
        "PatientID, StudyInstanceUID, FrameOfReferenceUID": [
            [each.PatientID, each.StudyInstanceUID, each.FrameOfReferenceUID] for each in slices
        ],
        new: sorted({str(each.SeriesInstanceUID) for each in slices}),
        "SOPInstanceUID: a new one for each": sorted({str(each.SOPInstanceUID) for each in slices}),
    }


def _all_new(name: str, count: int) -> Any:
    return lambda before, after: len(after[name]) == count and not set(after[name]) & set(before[name])


def compressed_facts(path: Path) -> Facts:
    image: Any = pydicom.dcmread(path)
    return {"pixels that can be read": image.pixel_array.shape, "BitsStored": image.BitsStored}


BARE = "pydicom: `image.PixelData = denoised(image.pixel_array).tobytes(); image.save_as(result)`"
TRIALS = (
    Trial(
        "DICOM", "a.dcm", "b.dcm", BARE, "pydicom",
        lambda path: slice_of().save_as(path, enforce_file_format=True), again, facts, WANTED,
    ),
    Trial(
        "DICOM, compressed (RLE)", "a.dcm", "b.dcm", BARE, "pydicom",
        lambda path: slice_of(syntax=RLE).save_as(path, enforce_file_format=True), again, compressed_facts,
    ),
    Trial(
        "DICOM series, a folder", "a", "b", f"{BARE}, for every file", "pydicom",
        make_series, all_again, series_facts,
        {
            "SeriesInstanceUID: one new one for all": _all_new("SeriesInstanceUID: one new one for all", 1),
            "SOPInstanceUID: a new one for each": _all_new("SOPInstanceUID: a new one for each", 3),
        },
    ),
)  # fmt: skip
