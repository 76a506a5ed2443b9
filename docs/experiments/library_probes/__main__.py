"""What one library of spiking networks does, measured by running it: ``python library_probes LIBRARY`` prints JSON.

It runs where that library is installed, and imports no part of snnbench. `libraries.py` makes the environments.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings

import torch

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.stdout, out = sys.stderr, sys.stdout
    library = importlib.import_module(f"of_{sys.argv[1]}")
    torch.manual_seed(0)
    with torch.no_grad():
        result = library.answers()
    out.write(json.dumps(result))
