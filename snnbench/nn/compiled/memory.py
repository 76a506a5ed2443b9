"""Large blocks of memory, which training and evaluation ask for again and again, are kept by the process."""

from __future__ import annotations

import ctypes
import functools

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
_LARGE = 2**30


@functools.cache
def keep_memory() -> None:
    """Let glibc reuse large blocks: by default each is fetched from the system anew, page by page.

    Acts on the whole process; elsewhere than on glibc it does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _LARGE)
        mallopt(_TRIM_THRESHOLD, _LARGE)
