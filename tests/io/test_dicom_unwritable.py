"""What cannot become DICOM is refused with one clear error, and no patient gets out."""

import logging
import struct
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.sequence import Sequence
from tests.dicom_material import SECRET, dataset, write

from noise2detail.errors import UnwritableFileError
from noise2detail.image import Image
from noise2detail.io import open_image, save_image
from noise2detail.plans import Provenance

Noise = Callable[..., Any]


def quietly(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pydicom.dcmread(path, force=True)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda image: replace(image, array=image.array.astype("float32")), "cannot hold float32"),
        (lambda image: replace(image, array=image.array.astype("uint8")), "cannot hold uint8"),
        (lambda image: replace(image, array=image.array[:5]), "another shape"),
        (lambda image: replace(image, array=image.array[None], axes="ZYX"), "another axes"),
        (lambda image: replace(image, pixel_size_um={"X": 1.0}), "another pixel size"),
        (lambda image: replace(image, metadata={}), "did not come from a DICOM file"),
        (lambda image: Image(image.array, "YX"), "did not come from a DICOM file"),
    ],
    ids=["float", "narrow", "cropped", "axes", "scale", "metadata", "array"],
)
def test_what_is_not_its_source_is_refused(
    tmp_path: Path, noise: Noise, change: Callable[[Image], Image], found: str, nothing_left: Callable[[], None]
) -> None:
    image = open_image(write(tmp_path / "v.dcm", noise((9, 8))))
    nothing_left()
    with pytest.raises(UnwritableFileError, match=found) as caught:
        save_image(change(image), tmp_path / "w.dcm")
    assert ".tif" in caught.value.remedy


def refused_source(path: Path, *parts: str) -> None:
    with pytest.raises(UnwritableFileError) as caught:
        save_image(open_image(path), path.with_name("w.dcm"))
    for part in (path.name, *parts):
        assert part in str(caught.value)
    assert SECRET not in str(caught.value)
    assert not path.with_name("w.dcm").exists()


def test_sources_that_have_no_way_back(tmp_path: Path, noise: Noise) -> None:
    table: Any = pydicom.Dataset()
    table.LUTDescriptor, table.ModalityLUTType, table.LUTData = [4, 0, 16], "US", struct.pack("<4H", 10, 20, 40, 80)
    table["LUTDescriptor"].VR, table["LUTData"].VR = "US", "OW"
    few = np.array([[0, 1], [2, 3]], np.uint8)
    refused_source(write(tmp_path / "lut.dcm", few, ModalityLUTSequence=Sequence([table])), "lookup table")
    refused_source(
        write(tmp_path / "more.dcm", noise((9, 8, 3), "uint8"), PixelData=bytes(648), NumberOfFrames=2), "more frames"
    )
    refused_source(write(tmp_path / "wide.dcm", noise((9, 8), "uint32")), "uint32", "8 or 16 bits")
    refused_source(write(tmp_path / "high.dcm", noise((9, 8)) // 16, BitsStored=12, HighBit=15), "unusual place")
    made = dataset(noise((9, 8)))
    del made.SOPInstanceUID
    made.save_as(tmp_path / "nameless.dcm", enforce_file_format=True)
    refused_source(tmp_path / "nameless.dcm", "lacks the identifiers")


def test_floats_are_read_only(tmp_path: Path, noise: Noise) -> None:
    pixels = noise((9, 8), "float32")
    made = dataset(pixels)
    for name in ("PixelData", "BitsStored", "HighBit", "PixelRepresentation"):
        delattr(made, name)
    made.FloatPixelData = pixels.tobytes()
    made.save_as(tmp_path / "v.dcm", enforce_file_format=True)
    np.testing.assert_array_equal(open_image(tmp_path / "v.dcm").array, pixels, strict=True)
    refused_source(tmp_path / "v.dcm", "stored as float32")


def test_header_that_cannot_be_read_in_full(tmp_path: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "v.dcm", noise((9, 8)))
    read = pydicom.dcmread

    def partly(*arguments: Any, **options: Any) -> Any:
        if options["specific_tags"] is None:
            raise ValueError(SECRET)
        return read(*arguments, **options)

    monkeypatch.setattr("pydicom.dcmread", partly)
    assert open_image(path).array.shape == (9, 8)
    refused_source(path, "cannot all be read")


def test_overlays_in_the_pixels_are_given_up_aloud(
    tmp_path: Path, noise: Noise, caplog: pytest.LogCaptureFixture
) -> None:
    made = dataset(noise((9, 8)), BitsStored=12, HighBit=11)
    for element, kind, value in ((0x10, "US", 9), (0x11, "US", 8), (0x100, "US", 16), (0x102, "US", 15)):
        made.add_new((0x6000, element), kind, value)
    made.add_new((0x6002, 0x3000), "OW", bytes(10))
    made.add_new((0x6002, 0x102), "US", 0)
    made.save_as(tmp_path / "v.dcm", enforce_file_format=True)
    save_image(open_image(tmp_path / "v.dcm"), tmp_path / "w.dcm")
    assert "overlays in unused bits of the pixels do not fit" in caplog.text
    after = pydicom.dcmread(tmp_path / "w.dcm")
    assert not list(after.group_dataset(0x6000))
    assert len(after.group_dataset(0x6002)) == 2


def test_no_patient_gets_out(
    tmp_path: Path,
    noise: Noise,
    recwarn: Any,
    caplog: pytest.LogCaptureFixture,
    provenance: Provenance,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    made = dataset(noise((9, 8)), PatientComments=SECRET, SeriesDescription=SECRET)
    made.add_new("PatientBirthDate", "DA", "19700101")
    made.save_as(tmp_path / "v.dcm", enforce_file_format=True)
    bad = (tmp_path / "v.dcm").read_bytes().replace(b"19700101", SECRET.encode())
    (tmp_path / "v.dcm").write_bytes(bad)
    image = open_image(tmp_path / "v.dcm")
    save_image(image, tmp_path / "w.dcm", provenance=provenance)
    assert quietly(tmp_path / "w.dcm").PatientName == SECRET
    assert SECRET not in (tmp_path / "w.dcm.n2d.json").read_text() + caplog.text + repr(image.metadata)
    assert not recwarn.list

    def fail(*arguments: Any) -> Any:
        raise ValueError(SECRET)

    monkeypatch.setattr("noise2detail.io.dicom_write.derived", fail)
    with pytest.raises(UnwritableFileError, match=r"cannot be written as DICOM \(ValueError\)") as caught:
        save_image(image, tmp_path / "u.dcm")
    assert SECRET not in str(caught.value)
    assert not (tmp_path / "u.dcm").exists()
