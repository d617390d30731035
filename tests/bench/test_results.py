"""Files of results: written line by line, resumed, refused."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from noise2detail.bench.results import FORMAT, begin, read_results
from noise2detail.errors import OutputExistsError, UnreadableFileError

HEAD = {"case": "small", "quick": False, "metrics": ["psnr"], "version": "0.9"}


def row(image: str = "a", **more: Any) -> dict[str, Any]:
    return {"data": "set", "image": image, "method": "gaussian", "unclipped": False, "seed": 0, **more}


def test_what_was_added_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.jsonl"
    written = begin(path, HEAD, resume=False)
    written.add(row(psnr=31.5))
    written.add(row("b", psnr=math.inf))
    found = read_results(path)
    assert found.rows == [row(psnr=31.5), row("b", psnr=math.inf)]
    assert found.head == {**HEAD, "format": FORMAT}


def test_a_row_is_in_the_file_at_once(tmp_path: Path) -> None:
    written = begin(tmp_path / "r.jsonl", HEAD, resume=False)
    written.add(row(psnr=1.0))
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == 2


def test_an_interrupted_last_line_is_left_out_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    begin(path, HEAD, resume=False).add(row(psnr=1.0))
    with path.open("a") as stream:
        stream.write('{"kind": "row", "da')
    again = begin(path, HEAD, resume=True)
    assert again.rows == [row(psnr=1.0)]
    again.add(row("b", psnr=2.0))
    assert read_results(path).rows == [row(psnr=1.0), row("b", psnr=2.0)]


def test_what_failed_is_not_done(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    written = begin(path, HEAD, resume=False)
    written.add(row(error="no memory"))
    written.add(row("b", psnr=2.0))
    assert {key[1] for key in read_results(path).done} == {"b"}


def test_the_latest_of_two_rows_counts(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    written = begin(path, HEAD, resume=False)
    written.add(row(error="no memory"))
    written.add(row(psnr=2.0))
    assert read_results(path).rows == [row(psnr=2.0)]


def test_an_existing_file_is_neither_mixed_nor_lost(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    begin(path, HEAD, resume=False).add(row(psnr=1.0))
    with pytest.raises(OutputExistsError, match="--resume"):
        begin(path, HEAD, resume=False)
    with pytest.raises(UnreadableFileError, match="small, not of other"):
        begin(path, {**HEAD, "case": "other"}, resume=True)
    with pytest.raises(UnreadableFileError, match="small, reduced"):
        begin(path, {**HEAD, "quick": True}, resume=True)
    assert len(read_results(path).rows) == 1
    assert begin(path, HEAD, resume=False, overwrite=True).rows == []


def test_a_file_of_an_older_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "old.jsonl"
    path.write_text(json.dumps({"kind": "head", "format": 0, **HEAD}) + "\n")
    with pytest.raises(UnreadableFileError, match=r"old\.jsonl.*format 0.*format 1.*noise2detail 0\.9"):
        read_results(path)


@pytest.mark.parametrize("content", ["", "not json\n", "[1]\n", '{"kind": "row"}\n', "\udcff"])
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.jsonl"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(UnreadableFileError, match=r"other\.jsonl"):
        read_results(path)
