"""Protocol documents and their baselines: one folder a protocol."""

from snnbench.protocols.document import Baseline, Protocol, Training, digest, read_protocol

__all__ = ["Baseline", "Protocol", "Training", "digest", "read_protocol"]
