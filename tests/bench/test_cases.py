"""Case files: read, refused, and those of the repository."""

from pathlib import Path

import pytest

from noise2detail.bench.case import read_case
from noise2detail.bench.datasets import read_spec
from noise2detail.errors import UnreadableFileError

CASES = sorted((Path(__file__).parents[2] / "benchmarks" / "cases").glob("*_table*.toml"))

SMALL = """
title = "Small"
metrics = ["psnr"]
[[data]]
name = "a"
layout = "pairs"
path = "p"
[[methods]]
method = "zs_n2n"
[quick]
seeds = [0, 1]
note = "less"
"""


def test_the_four_tables_are_there() -> None:
    assert [path.stem for path in CASES] == ["paper_table1", "paper_table2", "paper_table3", "report_table1"]


@pytest.mark.parametrize("quick", [False, True], ids=["full", "quick"])
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_cases_of_the_repository_are_whole(path: Path, quick: bool) -> None:
    case = read_case(path, quick=quick)
    names = [candidate.name for candidate in case.methods]
    assert len(set(names)) == len(names)
    for spec in case.data:
        read_spec(spec)
    groups = [str(spec["name"]) for spec in case.data]
    for group, figures in case.published.items():
        assert group in (*groups, "mean") or len(groups) == 1
        # the noisy image has a row as well
        assert set(figures) <= {*names, "noisy"}
    assert "gaussian" in names or not quick


def test_the_reduced_form_replaces_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    full, quick = read_case(path), read_case(path, quick=True)
    assert (full.name, full.seeds, full.note, full.quick) == ("small", (0,), "", False)
    assert (quick.seeds, quick.note, quick.quick) == ((0, 1), "less", True)
    assert quick.methods == full.methods


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title", "titel", "did you mean 'title'"),
        ('["psnr"]', '["psrn"]', "did you mean 'psnr'"),
        ("zs_n2n", "zsn2n", "did you mean 'zs_n2n'"),
        ('name = "a"\n', "", "expected a name for each"),
        ("[[methods]]", "[[x", "no benchmark case"),
    ],
)
def test_mistakes_name_the_file_and_the_remedy(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "small.toml"
    path.write_text(SMALL.replace(old, new))
    with pytest.raises(UnreadableFileError, match=said) as error:
        read_case(path)
    assert "small.toml" in str(error.value)


def test_no_reduced_form(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(SMALL.partition("[quick]")[0])
    with pytest.raises(UnreadableFileError, match="no reduced form"):
        read_case(path, quick=True)
