"""The mark of tests that run compiled kernels: without a compiler they are skipped, and told why."""

from __future__ import annotations

import pytest

from snnbench.nn.compiled import why_not_compiled

needs_kernels = pytest.mark.skipif(why_not_compiled() is not None, reason=str(why_not_compiled()))
