"""The fixture with which napari is tested, here alone: as a plugin it would load Qt for every test there is."""

import importlib.util
from collections.abc import Iterator

import pytest

if importlib.util.find_spec("napari") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    from napari.utils._testsupport import (  # noqa: F401 - pytest finds them by their names
        make_napari_viewer,
        mock_app_model,
        pytest_runtest_makereport,
    )


@pytest.fixture(scope="session")
def no_graphics() -> Iterator[None]:
    """Qt's platform "offscreen" has no OpenGL: nothing is drawn, and what napari asks of it is answered here."""
    from OpenGL import GL
    from vispy.gloo.glir import GlirParser

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GL, "glGetString", lambda name: b"texture_float")
        patch.setattr(GL, "glGetIntegerv", lambda name: 2048)
        patch.setattr(GlirParser, "parse", lambda self, commands: None)
        yield
