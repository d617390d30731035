"""What a file that cannot be read must be answered with."""

from pathlib import Path

import pytest

from noise2detail.errors import UnreadableFileError
from noise2detail.io import open_image


def refused(path: Path, *parts: str) -> str:
    """The one error that a file gives, which names it, says all of ``parts`` and what to do."""
    with pytest.raises(UnreadableFileError) as caught:
        open_image(path)
    for part in (path.name, *parts):
        assert part in str(caught.value), str(caught.value)
    assert caught.value.remedy
    return str(caught.value)
