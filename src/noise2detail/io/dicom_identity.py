"""Who was imaged, for those who ask: the only place that reads a patient's name."""

from collections.abc import Mapping
from typing import Any

from noise2detail.image import Image
from noise2detail.io.dicom_template import DICOM_KEY, DicomTemplate

FIELDS = (("patient", "PatientName"), ("patient ID", "PatientID"), ("study date", "StudyDate"))


def identity(image: Image) -> Mapping[str, str]:
    """Name, number and date of the study, as far as the first file of a DICOM image tells them; of others nothing.

    Parameters
    ----------
    image
        As opened.
    """
    template = image.metadata.get(DICOM_KEY)
    if not isinstance(template, DicomTemplate) or not template.files:
        return {}
    fields: Any = template.files[0].fields
    found = {label: str(fields.get(keyword, "")).strip() for label, keyword in FIELDS}
    return {label: text for label, text in found.items() if text}
