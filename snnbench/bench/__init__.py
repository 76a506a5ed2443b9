"""The harness: cells, references, training, records."""

from snnbench.bench.record import Record, read_record
from snnbench.bench.run import Finished, run

__all__ = ["Finished", "Record", "read_record", "run"]
