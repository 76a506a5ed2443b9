"""The command ``snnbench``, also as ``python -m snnbench``: Ctrl-C is seen to before anything heavy is imported."""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False  # as in typing, whose import takes longer than all of this
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

INTERRUPTED = 130


def main() -> int:
    """Run the command line; returns the exit code."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # it is ignored, as in the background
        return _run()
    signal.signal(signal.SIGINT, interrupt)
    try:
        return _run()
    finally:  # Python tells of a Ctrl-C during its own exit by a traceback
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _run() -> int:
    try:
        from snnbench.cli.main import main as run

        return run()
    except KeyboardInterrupt:
        leave()


def interrupt(number: int, frame: FrameType | None) -> None:
    """Raise KeyboardInterrupt, but end the process at once if anything is being imported.

    C code that imports, and callbacks of the import system, turn the exception into another one or drop it.
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            leave()
        frame = frame.f_back
    raise KeyboardInterrupt


def leave() -> NoReturn:
    """End the process as Ctrl-C does; nothing is flushed or cleaned up."""
    os.write(2, b"Interrupted.\n")
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
