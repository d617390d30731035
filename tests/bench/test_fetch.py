import hashlib
import io
import re
import socket
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from noise2detail.bench.datasets import LAYOUTS
from noise2detail.bench.download import FetchProgress, download
from noise2detail.bench.fetch import fetch, fetch_source
from noise2detail.bench.sources import SOURCES, Checksum, DataSource, RemoteFile, find_source
from noise2detail.bench.unpacking import unpack
from noise2detail.errors import Cancelled, SettingError, UnreadableFileError

BODY = np.random.default_rng(0).bytes(700_000)
HOME = "https://example.org/data"


@dataclass
class Shop:
    """What a server on this machine offers, how it behaves, and what it was asked for."""

    files: dict[str, bytes]
    tag: str = '"first"'
    ranges: bool = True
    length: bool = True
    break_after: list[int] = field(default_factory=list)
    """Bytes after which the next answers break off."""
    page: bool = False
    asked: list[str | None] = field(default_factory=list)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    shop: Shop

    def do_GET(self) -> None:
        shop = self.shop
        shop.asked.append(self.headers.get("Range"))
        body = shop.files.get(self.path.lstrip("/"))
        if body is None:
            self.send_error(404)
            return
        same = self.headers.get("If-Range") in {None, shop.tag}
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        start = int(found[1]) if found and shop.ranges and same else 0
        if start >= len(body):
            self.send_response(416)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Type", "text/html" if shop.page else "application/x-tar")
        if shop.tag:
            self.send_header("ETag", shop.tag)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        if shop.length:
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        stop = shop.break_after.pop(0) if shop.break_after else len(body)
        self.wfile.write(body[start : start + stop])

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def shop() -> Iterator[Shop]:
    offered = Shop({"file.bin": BODY})
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {"shop": offered}))
    offered.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield offered
    server.shutdown()
    thread.join()
    server.server_close()


def source(name: str = "file.bin", checksum: Checksum | None = None) -> DataSource:
    remote = RemoteFile(name, f"https://example.org/{name}", None, checksum)
    return DataSource("Small", HOME, "CC0", "Nobody, 2000", (remote,), "pairs")


def published(body: bytes = BODY) -> Checksum:
    return Checksum("md5", hashlib.md5(body, usedforsecurity=False).hexdigest())


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_arrives_whole_and_is_not_fetched_twice(shop: Shop, tmp_path: Path) -> None:
    heard: list[FetchProgress] = []
    got = fetch_source(source(checksum=published()), tmp_path / "deep" / "er", shop.url, heard.append)
    assert got.files[0].read_bytes() == BODY
    assert names(got.folder) == {"file.bin"}
    assert got.source.licence == "CC0"
    assert got.recorded == ()
    downloading = [one.done for one in heard if one.stage == "downloading"]
    assert downloading == sorted(downloading)
    assert (downloading[0], downloading[-1], heard[0].total) == (0, len(BODY), len(BODY))
    assert heard[-1] == FetchProgress("file.bin", "checking", len(BODY), len(BODY))
    fetch_source(source(checksum=published()), tmp_path / "deep" / "er", shop.url)
    assert len(shop.asked) == 1


def test_an_interrupted_download_is_resumed(shop: Shop, tmp_path: Path) -> None:
    def stop(progress: FetchProgress) -> None:
        if progress.done > 300_000:
            raise Cancelled

    with pytest.raises(Cancelled):
        fetch_source(source(), tmp_path, shop.url, stop)
    assert names(tmp_path) == {"file.bin.part", "file.bin.part.json"}
    have = (tmp_path / "file.bin.part").stat().st_size
    assert 300_000 < have < len(BODY)
    fetch_source(source(checksum=published()), tmp_path, shop.url)
    assert shop.asked == [None, f"bytes={have}-"]
    assert (tmp_path / "file.bin").read_bytes() == BODY
    assert names(tmp_path) == {"file.bin"}


def test_a_connection_that_breaks_is_taken_up_at_once(shop: Shop, tmp_path: Path) -> None:
    shop.break_after = [100_000, 200_000]
    fetch_source(source(checksum=published()), tmp_path, shop.url)
    assert shop.asked == [None, "bytes=100000-", "bytes=300000-"]
    assert (tmp_path / "file.bin").read_bytes() == BODY


def test_a_connection_that_keeps_breaking_is_given_up_and_its_bytes_stay(shop: Shop, tmp_path: Path) -> None:
    shop.break_after = [50_000, 0, 0]
    with pytest.raises(UnreadableFileError, match="broke off after 50000 bytes; fetch it again"):
        fetch_source(source(), tmp_path, shop.url)
    assert (tmp_path / "file.bin.part").stat().st_size == 50_000
    fetch_source(source(checksum=published()), tmp_path, shop.url)


@pytest.mark.parametrize("change", ["tag", "length", "no tag"])
def test_a_file_that_changed_meanwhile_is_begun_again(shop: Shop, tmp_path: Path, change: str) -> None:
    shop.tag = "" if change == "no tag" else shop.tag
    shop.break_after = [50_000, 0, 0]
    with pytest.raises(UnreadableFileError, match="broke off"):
        fetch_source(source(), tmp_path, shop.url)
    other = BODY[::-1] if change == "tag" else BODY[::-1] + b"more"
    shop.files["file.bin"], shop.tag = other, '"second"' if change == "tag" else shop.tag
    fetch_source(source(checksum=published(other)), tmp_path, shop.url)
    assert (tmp_path / "file.bin").read_bytes() == other


def test_a_server_that_cannot_resume_sends_all_of_it(shop: Shop, tmp_path: Path) -> None:
    shop.ranges, shop.break_after = False, [60_000, 50_000]
    with pytest.raises(UnreadableFileError, match="broke off"):
        fetch_source(source(), tmp_path, shop.url)
    fetch_source(source(checksum=published()), tmp_path, shop.url)
    assert shop.asked[-1] is not None
    assert (tmp_path / "file.bin").read_bytes() == BODY


def test_a_length_that_nobody_says_is_no_obstacle(shop: Shop, tmp_path: Path) -> None:
    shop.length = False
    assert fetch_source(source(checksum=published()), tmp_path, shop.url).files[0].read_bytes() == BODY


def test_bytes_that_were_all_there_are_not_asked_for_again(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(BODY)
    (tmp_path / "file.bin.part.json").write_text(f'{{"total": {len(BODY)}, "validator": ""}}')
    fetch_source(source(checksum=published()), tmp_path, shop.url)
    assert (tmp_path / "file.bin").read_bytes() == BODY
    assert shop.asked == [f"bytes={len(BODY)}-"]


def test_a_part_longer_than_the_file_is_begun_again(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(BODY + b"rest of another file")
    (tmp_path / "file.bin.part.json").write_text('{"total": 900000, "validator": ""}')
    fetch_source(source(checksum=published()), tmp_path, shop.url)
    assert (tmp_path / "file.bin").read_bytes() == BODY


def test_a_file_with_another_checksum_is_kept_aside_and_not_used(shop: Shop, tmp_path: Path) -> None:
    shop.files["file.bin"] = BODY[:-1] + b"?"
    with pytest.raises(UnreadableFileError, match=r"md5 checksum is .* that published is .* kept as file\.bin\.bad"):
        fetch_source(source(checksum=published()), tmp_path, shop.url)
    assert names(tmp_path) == {"file.bin.bad"}
    shop.files["file.bin"] = BODY
    fetch_source(source(checksum=published()), tmp_path, shop.url)
    assert names(tmp_path) == {"file.bin", "file.bin.bad"}


def test_without_a_published_checksum_that_of_the_first_download_holds(shop: Shop, tmp_path: Path) -> None:
    assert fetch_source(source(), tmp_path, shop.url).recorded == ("file.bin",)
    record = tmp_path / "file.bin.sha256"
    assert record.read_text() == f"{hashlib.sha256(BODY).hexdigest()}  file.bin\n"
    assert fetch_source(source(), tmp_path, shop.url).recorded == ()
    (tmp_path / "file.bin").write_bytes(BODY + b"!")
    with pytest.raises(UnreadableFileError, match=r"recorded at the first download in file\.bin\.sha256.*delete"):
        fetch_source(source(), tmp_path, shop.url)
    assert names(tmp_path) == {"file.bin.bad", "file.bin.sha256"}
    record.write_text("nonsense")
    with pytest.raises(UnreadableFileError, match="holds no SHA-256"):
        fetch_source(source(), tmp_path, shop.url)


def test_an_absent_network_is_named_with_a_way_by_hand(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(UnreadableFileError, match=rf"no connection \(.*refused.*by hand from {HOME}"):
        fetch_source(source(), tmp_path, f"http://127.0.0.1:{port}")
    assert names(tmp_path) == set()


def test_a_file_put_there_by_hand_is_checked_and_used(tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(BODY)
    assert fetch_source(source(checksum=published()), tmp_path, "http://127.0.0.1:9").files == (tmp_path / "file.bin",)


def test_answers_that_are_no_file(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="answered 404"):
        fetch_source(source("other.bin"), tmp_path, shop.url)
    shop.page = True
    with pytest.raises(UnreadableFileError, match="answered 200 with a page"):
        fetch_source(source(), tmp_path, shop.url)
    with pytest.raises(SettingError, match="no address"):
        download("file:///etc/passwd", tmp_path / "x", HOME)


def packed(kind: str, members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as zipped:
            for name, content in members.items():
                zipped.writestr(name, content)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz" if kind == "tar.gz" else "w") as tape:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tape.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_archives_are_unpacked_once(shop: Shop, tmp_path: Path, kind: str) -> None:
    name = f"set.{kind}"
    shop.files[name] = packed(kind, {"set/a.txt": b"one", "set/deep/b.txt": b"two"})
    heard: list[FetchProgress] = []
    fetch_source(source(name), tmp_path, shop.url, heard.append)
    assert (tmp_path / "set" / "a.txt").read_bytes() == b"one"
    assert (tmp_path / "set" / "deep" / "b.txt").read_bytes() == b"two"
    assert heard[-1] == FetchProgress(name, "unpacking", 6, 6)
    (tmp_path / "set" / "a.txt").unlink()
    fetch_source(source(name), tmp_path, shop.url)
    assert not (tmp_path / "set" / "a.txt").exists()


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("evil", ["../out.txt", "a/../../out.txt", "/tmp/out.txt", "..\\out.txt", "C:/out.txt"])
def test_no_archive_writes_outside_its_folder(shop: Shop, tmp_path: Path, kind: str, evil: str) -> None:
    name, folder = f"set.{kind}", tmp_path / "here"
    shop.files[name] = packed(kind, {"good.txt": b"good", evil: b"bad"})
    with pytest.raises(UnreadableFileError, match="leads out of its folder"):
        fetch_source(source(name), folder, shop.url)
    assert names(tmp_path) == {"here"}
    assert names(folder) == {f"{name}.bad"}


def test_links_are_not_unpacked(tmp_path: Path) -> None:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    with tarfile.open(tmp_path / "set.tar", "w") as tape:
        tape.addfile(link)
    (tmp_path / "out").mkdir()
    with pytest.raises(UnreadableFileError, match="'link', which is a link"):
        unpack(tmp_path / "set.tar", tmp_path / "out")
    assert names(tmp_path / "out") == set()


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_damaged_archive_is_set_aside(shop: Shop, tmp_path: Path, kind: str) -> None:
    name = f"set.{kind}"
    shop.files[name] = b"no archive at all" * 100
    with pytest.raises(UnreadableFileError, match="no whole archive"):
        fetch_source(source(name), tmp_path, shop.url)
    assert names(tmp_path) == {f"{name}.bad"}


def test_a_data_set_goes_into_a_folder_of_its_name(shop: Shop, tmp_path: Path) -> None:
    shop.files["test_mix.tar"] = packed("tar", {"test_mix/raw/x.png": b"x"})
    got = fetch("fmd/test_mix", tmp_path, shop.url)
    assert got.folder == tmp_path / "fmd"
    assert (tmp_path / "fmd" / "test_mix" / "raw" / "x.png").exists()
    assert "CC BY-SA 4.0" in got.source.licence


def test_a_published_checksum_holds_for_mirrors_too(shop: Shop, tmp_path: Path) -> None:
    shop.files["CCPs.zip"] = packed("zip", {"CCPs/Cell_001/x": b"x"})
    with pytest.raises(UnreadableFileError, match="published"):
        fetch("biosr/CCPs", tmp_path, shop.url)


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(SettingError, match="did you mean 'biosr'"):
        find_source("bio-sr")
    with pytest.raises(SettingError, match="did you mean 'test_mix'"):
        find_source("fmd/testmix")


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_says_what_is_needed(name: str) -> None:
    whole = SOURCES[name]
    assert whole.home.startswith("http")
    assert whole.licence.endswith(".")
    assert whole.layout in LAYOUTS
    parts = [file.part for file in whole.files]
    assert len(set(parts)) == len(parts)
    for file in whole.files:
        assert file.url.startswith("https://")
        assert find_source(f"{name}/{file.part}").files == (file,)
        if file.checksum is not None:
            length = {"md5": 32, "sha256": 64}[file.checksum.algorithm]
            assert re.fullmatch(rf"[0-9a-f]{{{length}}}", file.checksum.digest)
