"""``python -m snnbench``: the command line."""

import sys

from snnbench.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
