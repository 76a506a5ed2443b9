"""Protocol documents and their baselines: one folder a protocol."""

from snnbench.protocols.document import Baseline, Protocol, Stage, Training, digest, read_protocol

__all__ = ["Baseline", "Protocol", "Stage", "Training", "digest", "read_protocol"]
