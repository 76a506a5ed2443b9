"""The boards of this repository, which a source distribution does not have."""

from __future__ import annotations

from pathlib import Path

import pytest

BOARDS = Path(__file__).resolve().parents[2] / "leaderboards"
DIGITS = BOARDS / "digits-sew8-v1"
needs_boards = pytest.mark.skipif(not BOARDS.is_dir(), reason="not a checkout: there is no folder leaderboards")
