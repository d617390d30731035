"""An S3 on this machine, for as long as a block runs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def s3_server() -> Iterator[str]:
    """Address of an S3 that answers on this machine only, and forgets everything at the end of the block."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # one line a request otherwise
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def credentials() -> dict[str, str]:
    """Environment with which libraries for S3 sign what they ask; the server looks at nothing of it."""
    return {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nothing", "AWS_DEFAULT_REGION": "us-east-1"}


def bucket_of(address: str, name: str) -> Any:
    """The file system of a new bucket."""
    import fsspec

    system = fsspec.filesystem("s3", endpoint_url=address, skip_instance_cache=True)
    system.mkdir(name)
    return system
