"""The fields of a derived DICOM image: those of its source, and what makes it an image of its own."""

import copy
import secrets
from datetime import datetime
from typing import Any

from noise2detail.io.dicom_template import DicomFile
from noise2detail.version import __version__

_RUN = secrets.token_hex(16)
_SUFFIX = " N2D"
_LONGEST = 64
_LONGEST_TEXT = 1024
_SERIES_STEP = 1000
_TOO_MUCH = 2**31
_IMPLEMENTATION = "2.25.163055518737993640704611307300819046126"
"""Names this program as the writer of a file; a number drawn once."""

_STALE = (
    *("SmallestImagePixelValue", "LargestImagePixelValue", "SmallestPixelValueInSeries", "LargestPixelValueInSeries"),
    *("IconImageSequence", "DigitalSignaturesSequence", "MACParametersSequence"),
)
"""Fields that the pixels of the source decided."""

_PURPOSE = ("121322", "Source image for image processing operation")
_SMOOTHING = ("113087", "Smoothing")
_EQUIPMENT = ("109102", "Processing Equipment")
_WARNING = "For research use, not for diagnosis."


def derived(file: DicomFile, place: str, note: str) -> Any:
    """A data set without pixels, which says from which image it was derived and how.

    Parameters
    ----------
    file
        The source.
    place
        Tells apart the results of one run: images of one source series with the same ``place`` are one series.
    note
        What was done, in a line.
    """
    import pydicom

    fields = copy.deepcopy(file.fields)
    now = datetime.now().astimezone()
    text = f"{note or f'Written by noise2detail {__version__}'}. {_WARNING}"
    source = fields.SOPClassUID, fields.SOPInstanceUID
    for keyword in _STALE:
        fields.pop(keyword, None)
    for group in file.overlays:
        for tag in tuple(fields.group_dataset(group).keys()):
            del fields[tag]
    entropy = [_RUN, place, str(fields.get("StudyInstanceUID", "")), str(fields.get("SeriesInstanceUID", ""))]
    described = "; ".join(filter(None, [_text(fields, "DerivationDescription"), text]))
    new = {
        "SeriesInstanceUID": pydicom.uid.generate_uid(entropy_srcs=entropy),
        "SOPInstanceUID": pydicom.uid.generate_uid(),
        "SeriesNumber": _series_number(fields),
        "SeriesDescription": (_text(fields, "SeriesDescription")[: _LONGEST - len(_SUFFIX)] + _SUFFIX).strip(),
        "InstanceCreationDate": now.strftime("%Y%m%d"),
        "InstanceCreationTime": now.strftime("%H%M%S.%f"),
        "ImageType": _derived_type(fields.get("ImageType")),
        "DerivationDescription": described if len(described) <= _LONGEST_TEXT else text,
        "SourceImageSequence": [_source(*source)],
    }
    for keyword, value in new.items():
        fields.pop(keyword, None)  # a value that makes no sense cannot be replaced, because that parses it first
        setattr(fields, keyword, value)
    _mark_frames(fields)
    _append(fields, "DerivationCodeSequence", _code(*_SMOOTHING))
    _append(fields, "ContributingEquipmentSequence", _equipment(now, note))
    _describe_file(fields)
    return fields


def _text(fields: Any, keyword: str) -> str:
    return str(fields.get(keyword) or "")


def _series_number(fields: Any) -> int:
    try:
        number = int(fields.get("SeriesNumber") or 0) + _SERIES_STEP
    except (TypeError, ValueError, OverflowError):
        return _SERIES_STEP  # that of the source is no number
    return number if number < _TOO_MUCH else _SERIES_STEP


def _mark_frames(fields: Any) -> None:
    """Set the first value of the type of each frame, where frames have one."""
    for name in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for groups in fields.get(name) or ():
            for keyword in groups.dir("FrameTypeSequence"):
                for item in groups[keyword].value:
                    item.FrameType = _derived_type(item.get("FrameType"))


def _derived_type(found: Any) -> list[str]:
    values = [found] if isinstance(found, str) else [str(one) for one in found or ()]
    return ["DERIVED", *(values[1:] or ["SECONDARY"])]


def _source(kind: str, uid: str) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = kind, uid
    item.SpatialLocationsPreserved = "YES"
    item.PurposeOfReferenceCodeSequence = [_code(*_PURPOSE)]
    return item


def _equipment(now: datetime, note: str) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [_code(*_EQUIPMENT)]
    item.Manufacturer = "The noise2detail developers"
    item.ManufacturerModelName = "noise2detail"
    item.SoftwareVersions = __version__
    item.ContributionDateTime = now.strftime("%Y%m%d%H%M%S.%f%z")
    item.ContributionDescription = note or "Denoised"
    return item


def _code(value: str, meaning: str) -> Any:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def _append(fields: Any, keyword: str, item: Any) -> None:
    setattr(fields, keyword, [*(fields.get(keyword) or ()), item])


def _describe_file(fields: Any) -> None:
    """A file meta group of our own: that of the source says who wrote and sent the source."""
    from pydicom import uid
    from pydicom.dataset import FileMetaDataset

    implicit, little = fields.original_encoding
    plain = uid.ExplicitVRLittleEndian if little else uid.ExplicitVRBigEndian
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian if implicit else plain
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = fields.SOPClassUID, fields.SOPInstanceUID
    meta.ImplementationClassUID, meta.ImplementationVersionName = uid.UID(_IMPLEMENTATION), "NOISE2DETAIL"
    fields.file_meta = meta
    fields.preamble = bytes(128)
