"""The harness: cells, references, training, records, sweeps."""
