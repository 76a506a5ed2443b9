"""What records hold besides times and environment, for comparing executors bit for bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def measured(out: Path) -> dict[str, dict[str, Any]]:
    """Every cell by name: its record without times and environment, and each file of its evidence byte for byte."""
    found = {}
    for path in out.glob("*/*/record.json"):
        record = json.loads(path.read_bytes())
        for name in ("environment", "started", "seconds"):
            del record[name]
        for row in record["training_log"]:
            row.pop("seconds", None)
        files = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.name != path.name}
        found[path.parent.name] = record | {"files": files}
    return found
