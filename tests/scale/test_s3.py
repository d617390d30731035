"""Input, output, markers and claim in an object store: a real S3 server on this machine."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from noise2detail.engine.crops import Crops
from noise2detail.engine.schedule import OneCycle
from noise2detail.engine.training import Training
from noise2detail.errors import ClaimedError, FileError
from noise2detail.methods.noise2detail import Noise2Detail
from noise2detail.pipeline.run import Run
from noise2detail.scale.claim import claimed
from noise2detail.scale.outcome import Outcome
from noise2detail.scale.place import place_of
from noise2detail.scale.preparing import Asked
from noise2detail.scale.running import run
from noise2detail.scale.status import status_of
from tests.scale.s3_server import bucket_of, credentials, s3_server

BRIEF = Training(2, OneCycle(), Crops(2, 16))
METHOD = Noise2Detail(stage1=BRIEF, stage3=BRIEF, width=4, clip=False)
RUN = Run(device="cpu", precision="float32", threads=1, channels="each")


@dataclass(frozen=True)
class Bucket:
    """A bucket of its own for a test, with a volume in it."""

    system: Any
    name: str
    options: dict[str, Any]
    local: Path
    """The same volume in a folder."""

    @property
    def source(self) -> str:
        return f"s3://{self.name}/volume.ome.zarr"

    @property
    def target(self) -> str:
        return f"s3://{self.name}/results/out.ome.zarr"

    def asked(self, **others: Any) -> Asked:
        asked = Asked(self.source, self.target, METHOD, None, run=RUN, storage=self.options, most=32 * 32)
        return replace(asked, **others)

    def denoised(self, **others: Any) -> Outcome:
        return run(self.asked(**others), workers=0)

    def content(self, folder: str) -> dict[str, str]:
        """SHA-256 of every object below a folder of the bucket."""
        root = f"{self.name}/{folder}/"
        found = {name.removeprefix(root): self.system.cat_file(name) for name in self.system.find(root)}
        return {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in credentials().items():
            patch.setenv(name, value)
        with s3_server() as found:
            yield found


@pytest.fixture
def bucket(address: str, tmp_path: Path, request: pytest.FixtureRequest) -> Bucket:
    local = two_sizes(tmp_path / "volume.ome.zarr")
    name = request.node.name.replace("_", "-")[:60].lower()
    system = bucket_of(address, name)
    system.put(str(local), f"{name}/", recursive=True)
    return Bucket(system, name, {"endpoint_url": address}, local)


def two_sizes(folder: Path) -> Path:
    """A volume of two planes in shards, and half as large again."""
    pixels = np.random.default_rng(0).poisson(40, (2, 32, 64)).astype(np.uint16)
    group = zarr.open_group(folder, mode="w", zarr_format=3)
    for path, content in (("0", pixels), ("1", pixels[:, ::2, ::2])):
        array = group.create_array(path, shape=content.shape, dtype="uint16", chunks=(1, 16, 16), shards=(1, 32, 32))
        array[:] = content
    axes: list[Any] = [{"name": name, "type": "space"} for name in "zyx"]
    sizes: list[Any] = [
        {"path": path, "coordinateTransformations": [{"type": "scale", "scale": [1.0, step, step]}]}
        for path, step in (("0", 0.5), ("1", 1.0))
    ]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"name": "", "axes": axes, "datasets": sizes}]}
    return folder


def test_a_run_in_a_bucket_and_a_second_one_for_what_is_missing(bucket: Bucket, tmp_path: Path) -> None:
    outcome = bucket.denoised()
    assert outcome.finished
    assert outcome.done == 4 + 1
    folder = tmp_path / "out.ome.zarr"
    assert run(bucket.asked(source=str(bucket.local), target=str(folder), storage={}), workers=0).finished
    own = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert bucket.content("results/out.ome.zarr") == own
    assert sum("/c/" in name for name in own) == 4 + 2

    work = f"{bucket.name}/results/out.ome.zarr.n2d"
    bucket.system.rm_file(f"{bucket.name}/results/out.ome.zarr/0/c/1/0/1")  # done by its marker, and gone
    bucket.system.rm_file(f"{work}/done/{1:09d}.json")  # as where a worker died between shard and marker
    found = status_of(bucket.target, bucket.options)
    assert found.done == (3, 1)
    assert found.holder is None
    outcome = bucket.denoised()
    assert outcome.finished
    assert (outcome.done, outcome.checked) == (2, 3)
    assert bucket.content("results/out.ome.zarr") == own


def test_somebody_else_at_work_is_named(bucket: Bucket) -> None:
    place = place_of(bucket.target + ".n2d", bucket.options)
    with claimed(place, bucket.target) as other, pytest.raises(ClaimedError) as refused:
        bucket.denoised()
    assert f"process {other.process} on {other.host}" in str(refused.value)
    assert bucket.target in str(refused.value)
    assert bucket.content("results/out.ome.zarr") == {}
    assert bucket.content("results/out.ome.zarr.n2d") == {}  # and nothing is left of the claim


def test_one_corrupt_chunk_is_named_and_the_rest_goes_on(bucket: Bucket) -> None:
    name = f"{bucket.name}/volume.ome.zarr/0/c/1/0/0"
    whole = bucket.system.cat_file(name)
    bucket.system.pipe_file(name, whole[: len(whole) // 2])
    outcome = bucket.denoised()
    assert not outcome.finished
    failed = {unit.index: unit.reason for unit in outcome.failed}
    # in full size the shard itself and the one whose halo reaches into it; of the half size what is made of them
    assert set(failed) == {2, 3, 4}
    assert bucket.source + "/0/c/1/0/0: its pixels cannot be decoded" in failed[2]
    assert bucket.source + "/0/c/1/0/0: its pixels cannot be decoded" in failed[3]
    assert "its unit 2" in failed[4]
    assert outcome.done == 2


def test_a_server_that_is_not_there_is_one_clear_error(bucket: Bucket) -> None:
    gone = {"endpoint_url": "http://127.0.0.1:9", "config_kwargs": {"retries": {"max_attempts": 0}}}
    with pytest.raises(FileError, match=r"s3://.* Could not connect .*check address, credentials"):
        bucket.denoised(storage=gone)


def test_a_bucket_that_is_not_there_is_one_clear_error(bucket: Bucket) -> None:
    with pytest.raises(FileError, match=r"s3://no-such-bucket"):
        bucket.denoised(source="s3://no-such-bucket/volume.ome.zarr")
    with pytest.raises(FileError, match=r"s3://no-such-bucket"):
        bucket.denoised(target="s3://no-such-bucket/out.ome.zarr")
