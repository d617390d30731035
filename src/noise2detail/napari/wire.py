"""Messages between two processes: pickled records, with the bytes of their arrays behind them, uncopied."""

import pickle  # both ends are this very package, and nobody else can write into a pipe between them
import struct
from typing import IO, Any

_HEAD = struct.Struct("<QI")
_LENGTH = struct.Struct("<Q")


def send(stream: IO[bytes], message: Any) -> None:
    """Write a message.

    Raises
    ------
    OSError
        Nobody reads any more.
    """
    buffers: list[pickle.PickleBuffer] = []
    record = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    raw = [buffer.raw() for buffer in buffers]
    stream.write(_HEAD.pack(len(record), len(raw)))
    stream.writelines(_LENGTH.pack(view.nbytes) for view in raw)
    stream.write(record)
    for view in raw:
        stream.write(view)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """The next message; its arrays can be written to.

    Raises
    ------
    EOFError
        The other end is closed.
    """
    length, count = _HEAD.unpack(_exactly(stream, _HEAD.size))
    sizes = [_LENGTH.unpack(_exactly(stream, _LENGTH.size))[0] for _ in range(count)]
    record = _exactly(stream, length)
    buffers = [_exactly(stream, size) for size in sizes]
    return pickle.loads(record, buffers=buffers)  # noqa: S301 - see above


def _exactly(stream: IO[bytes], size: int) -> bytearray:
    content = bytearray(size)
    view, done = memoryview(content), 0
    while done < size:
        read = stream.readinto(view[done:])  # type: ignore[attr-defined]
        if not read:
            raise EOFError
        done += read
    return content
