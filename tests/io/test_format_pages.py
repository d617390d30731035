"""What files keep and what is refused, measured; the pages of the reference say exactly that."""

import logging
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.keeping import page
from tests.keeping.trial import Outcome

from noise2detail.io.describe import _FORMATS
from noise2detail.io.names import JPEG, READ_ONLY, WRITTEN

HOW = "run python -m tests.keeping.page"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the trials take place."""
    return tmp_path_factory.mktemp("trials")


@pytest.fixture(scope="module")
def outcomes(folder: Path) -> dict[str, Outcome]:
    """What came of each trial, by its title."""
    logging.getLogger("noise2detail").setLevel(logging.WARNING)
    return {outcome.trial.title: outcome for outcome in page.outcomes(folder)}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Every message."""
    return page.refusals(tmp_path_factory.mktemp("refusals"))


@pytest.mark.parametrize("title", [trial.title for trial in page.TRIALS])
def test_no_field_is_lost_in_silence(title: str, outcomes: Mapping[str, Outcome]) -> None:
    outcome = outcomes[title]
    lost = {name for name, kept in outcome.ours.items() if not kept}
    assert lost == set(outcome.trial.lost), "fields that are lost, and fields of which we say so"
    for name in lost:
        assert any(outcome.trial.lost[name] in word for word in outcome.told), f"{name} is lost in silence"


@pytest.mark.parametrize("title", [trial.title for trial in page.TRIALS])
def test_we_keep_what_the_library_alone_keeps(title: str, outcomes: Mapping[str, Outcome]) -> None:
    outcome = outcomes[title]
    assert {name for name, kept in outcome.bare.items() if kept} <= {
        name for name, kept in outcome.ours.items() if kept
    }


def test_every_refusal_says_what_and_what_to_do(refusals: Mapping[str, Mapping[str, str]]) -> None:
    for cases in refusals.values():
        for name, message in cases.items():
            assert message, f"{name} was not refused"
            assert ": " in message, message
            assert "0x" not in message, message
            assert "Error(" not in message, message


def test_every_format_stands_in_the_page() -> None:
    assert set(page.FORMATS) == set(_FORMATS) - {"array"}
    named = {suffix for known in page.FORMATS.values() for suffix in known.names}
    assert named >= WRITTEN | JPEG
    assert {suffix.removesuffix(".gz") for suffix in READ_ONLY} <= named


def test_the_libraries_that_are_named_are_used() -> None:
    readers = "\n".join(
        path.read_text(encoding="utf-8") for path in Path(page.ROOT / "src/noise2detail/io").glob("*.py")
    )
    for library in {known.reader for known in page.FORMATS.values()} - {"own"}:
        name = "PIL" if library == "pillow" else library
        assert re.search(rf'(import|from) {name}\b|library\(.*"{name}"', readers), f"{library} is not imported"


def test_page_of_formats(outcomes: Mapping[str, Outcome], folder: Path) -> None:
    assert page.FORMATS_PAGE.read_text(encoding="utf-8") == page.formats_page([*outcomes.values()], folder), HOW


def test_page_of_refusals(refusals: Mapping[str, Mapping[str, str]]) -> None:
    assert page.REFUSALS_PAGE.read_text(encoding="utf-8") == page.refusals_page(refusals), HOW
