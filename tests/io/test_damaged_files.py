"""Thousands of damaged files: each gives an image that makes sense or one clear error, soon and in little memory."""

import logging
from pathlib import Path

import pytest
from tests.mutation.judging import Kind
from tests.mutation.seed import no_text
from tests.mutation.seeds import SEEDS

FEWEST, PER_FORMAT = 40, 201
FORMATS = [name.partition("/")[0] for name in SEEDS]


@pytest.mark.parametrize("name", SEEDS)
def test_damaged_files(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    kind = Kind(name, tmp_path)
    count = max(FEWEST, -(-PER_FORMAT // FORMATS.count(name.partition("/")[0])))
    verdicts = [kind.verdict(index, 0) for index in range(count)]
    wrong = [(index, verdict) for index, verdict in enumerate(verdicts) if not verdict.good]
    assert not wrong, wrong[:3]
    assert any(verdict.outcome == "refused" for verdict in verdicts)
    if kind.seed.retext is not no_text:
        assert any(verdict.kind == "number in a text" for verdict in verdicts), "its text was never changed"


@pytest.mark.parametrize("name", SEEDS)
def test_cut_anywhere(tmp_path: Path, name: str) -> None:
    # every third file of the harness is cut where something begins; these come at even steps
    kind = Kind(name, tmp_path)
    if kind.source.is_dir():
        pytest.skip("a folder is cut file by file")
    path = tmp_path / f"cut{kind.seed.suffix}"
    for kept in range(1, len(kind.content), max(1, len(kind.content) // 25)):
        path.write_bytes(kind.content[:kept])
        assert kind.judge(path, "cut")[0] in {"image", "refused"}
