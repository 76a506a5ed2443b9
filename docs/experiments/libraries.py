"""Makes docs/libraries.md: what each library really does, in environments of pinned versions.

``python docs/experiments/libraries.py [FOLDER]`` makes an environment for each library in FOLDER (else in a temporary
one), all on one of PyTorch, runs `library_probes` there, and writes the table. An environment that is there already is
used as it is.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "libraries.md"
_NIR = ("nir==1.0.8", "nirtorch==2.6", "numpy==2.4.6", "h5py==3.16.0")
_OLD_NIR = ("nir==1.0.4", "nirtorch==2.0.2", "numpy==2.4.6", "h5py==3.16.0")
PINS: dict[str, tuple[str, ...]] = {
    "spikingjelly": ("spikingjelly==2.0.0", *_NIR),
    "snntorch": ("snntorch==1.0.0", *_NIR),
    "norse": ("norse==1.1.0", *_NIR),
    "sinabs": ("sinabs==3.1.3", *_OLD_NIR),
    "rockpool": ("rockpool==3.1.0", *_OLD_NIR),
}
TOOLS: dict[str, tuple[str, ...]] = {
    "neurobench": ("neurobench==2.3.0",),
    "brian2_loihi": ("brian2-loihi==0.5.2", "brian2==2.9.0", "numpy==1.26.4"),
}
_SLIM = {
    "spikingjelly": ("loguru==0.7.3", "scipy==1.17.1", "tqdm", "matplotlib"),
    "norse": ("matplotlib",),
    "neurobench": ("numpy==2.4.6",),
}
"""SpikingJelly and Norse ask for torchvision and NeuroBench for torchaudio, which none of this needs: each comes alone,
with what it imports."""
_TORCHLESS = ("brian2_loihi",)

_BEFORE = """# What each library does

Made by `docs/experiments/libraries.py`, which runs the packages. Only the rows of defaults and layout, and what is said
of kinds of reset that a library does not have, are told from their documentation. A neuron is driven step by step;
`IF` is the library's neuron without a leak, `LIF` the one with a time constant of two steps, with the library's own
defaults in all else. "NIR and back" is a network of random weights through the library's own export and import, in one
process: the same spikes, or how many of them differ, or the error.

"""
_BETWEEN = """
Tools that count operations and that round, each given the same way by their own functions:

"""
_AFTER = """
What follows from it here:

- `snnbench.to_nir(..., dialect=...)` writes a threshold one float32 lower where a library fires only above it, an IF of
  snnTorch and snn-mlir as a LIF without leak, time constants in each reader's unit, convolutions instead of a Flatten
  that would merge images, and refuses soft resets where a hard one would be read.
- snn-mlir 1.0.0 steps as snnTorch does and has a dialect; jaxpike 0.1.4, whose leak is exp(-1 / tau), and Spyx 1.0.0
  have none ([exchange](exchange.md) says why).
- sinabs and rockpool fire several spikes a step, which no network here does: their dialects are refused by name.
- `record_operations`, and with it every cost, decides by layer and for the whole run whether inputs are spikes, sums of
  spikes or real numbers: neither the batch, nor one value that is not whole, nor the weights change a count.
- `on_chip` rounds as the document of each chip says, and is held against the chip's own simulator
  ([semantics](semantics.md)).
- [findings](../findings) has a script for each surprise that a user would be hurt by.
"""


def python_of(library: str, folder: Path) -> Path:
    """The Python of the environment of a library, which is made if need be."""
    python = folder / library / "bin" / "python"
    if not python.exists():
        below = None if library in _TORCHLESS else _made(folder / "torch", [["torch==2.13.0"]])
        packages = list({**PINS, **TOOLS}[library])
        installs = [["--no-deps", *packages], list(_SLIM[library])] if library in _SLIM else [packages]
        _made(folder / library, installs, below)
    return python


def _made(folder: Path, installs: list[list[str]], below: Path | None = None) -> Path:
    """The packages of an environment, which is made if need be, on top of those of another one."""
    if not folder.exists():
        venv.create(folder, with_pip=False)
        if below is not None:
            (_packages(folder) / "below.pth").write_text(f"{below.resolve()}\n")
        for install in installs:
            pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
            subprocess.run([*pip, "--no-compile", *install], check=True)
    return _packages(folder)


def _packages(folder: Path) -> Path:
    (found,) = folder.glob("lib/python*/site-packages")
    return found


def probe(library: str, folder: Path) -> dict[str, str]:
    """What the library does, by question."""
    script = HERE / ("tool_probes.py" if library in TOOLS else "library_probes")
    command = [python_of(library, folder), script, library]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{library}: {done.stderr.strip().splitlines()[-1]}")
    answers: dict[str, str] = json.loads(done.stdout)
    return answers


def page(found: dict[str, dict[str, str]]) -> str:
    """The page: one row a question and one column a library, then one row a question and tool."""
    libraries = {library: answers for library, answers in found.items() if library in PINS}
    questions = next(iter(libraries.values()))
    head = ["question", *(_title(library) for library in libraries)]
    rows = [[question, *(answers[question] for answers in libraries.values())] for question in questions]
    tools = [
        [_title(tool), question, answer]
        for tool, answers in found.items()
        if tool in TOOLS
        for question, answer in answers.items()
    ]
    return _BEFORE + _table(head, rows) + _BETWEEN + _table(["tool", "given", "found"], tools) + _AFTER


def _title(library: str) -> str:
    return {**PINS, **TOOLS}[library][0].replace("==", " ")


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "".join("| " + " | ".join(line) + " |\n" for line in [head, [":--"] * len(head), *rows])


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary)
        PAGE.write_text(page({library: probe(library, folder) for library in (*PINS, *TOOLS)}), "utf-8")


if __name__ == "__main__":
    main()
