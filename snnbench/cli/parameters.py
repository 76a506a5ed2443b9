"""The options of the verbs: one flag and one sentence of help each, wherever it is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from snnbench.cli.completion import chip_name, cost_name, dataset_name, model_name, protocol_name, quantizer_name
from snnbench.engine import EngineChoice

DataRoot = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="DIR",
        help="Folder of the data sets. Default: SNNBENCH_DATA, else the platform's data folder.",
    ),
]
Device = Annotated[str, typer.Option("--device", help="Where networks run: cpu, cuda, ...")]
Engine = Annotated[
    EngineChoice,
    typer.Option(
        "--engine",
        help="Eager PyTorch, compiled kernels, the same with int8 convolutions, or auto: compiled where that pays.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Results folder.")]

DatasetName = Annotated[str, typer.Argument(help="Data set, as in 'snnbench data list'.", autocompletion=dataset_name)]
ProtocolName = Annotated[str, typer.Argument(metavar="PROTOCOL", help="Protocol.", autocompletion=protocol_name)]
ResultsFolder = Annotated[Path, typer.Argument(metavar="DIR", help="Results folder.")]
RESULTS = Path("snnbench-results")

# One cell, or one a number of bits: snnbench run.
Quantizer = Annotated[
    str, typer.Option("--quantizer", "-q", help="Quantizer of the weights.", autocompletion=quantizer_name)
]
Bits = Annotated[
    str | None,
    typer.Option(
        "--bits", "-b", metavar="B[,B...]", help="Bits a weight, as 4 or 2,4,8. Default: the quantizer's own, else 4."
    ),
]
Mode = Annotated[
    Literal["ptq", "qat"],
    typer.Option("--mode", help="Post-training quantization, or quantization-aware fine-tuning."),
]
Option = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        "-o",
        metavar="KEY=VALUE",
        help="Option of the quantizer; may be given again (snnbench plugins show NAME lists them).",
    ),
]
Membrane = Annotated[
    str | None,
    typer.Option(
        "--membrane",
        metavar="NAME",
        help="Quantizer of the membrane potentials. Default: none.",
        autocompletion=quantizer_name,
    ),
]
MembraneBits = Annotated[
    str | None,
    typer.Option("--membrane-bits", metavar="B", help="Bits a membrane potential. Default: as for --bits."),
]
MembraneOption = Annotated[
    list[str] | None,
    typer.Option(
        "--membrane-option",
        metavar="KEY=VALUE",
        help="Option of the membrane quantizer, or site=pre_spike|post_reset; may be given again.",
    ),
]
Protocol = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        "-p",
        metavar="NAME",
        help="Protocol, or path of a .toml. Default: cifar10-sew8 where CIFAR-10 is prepared, else digits-sew8.",
        autocompletion=protocol_name,
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Picks the baseline and seeds fine-tuning.")]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, metavar="N", help="A quick look at the first N test images; never ranked."),
]
OwnModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="A network of your own instead of the protocol's; needs --weights. Never ranked.",
        autocompletion=model_name,
    ),
]
OwnModelOption = Annotated[
    list[str] | None,
    typer.Option("--model-option", metavar="KEY=VALUE", help="Option of the model; may be given again."),
]
OwnWeights = Annotated[
    Path | None, typer.Option("--weights", metavar="FILE", help="Its full-precision weights, safetensors.")
]
OwnNetwork = Annotated[
    str | None,
    typer.Option(
        "--network",
        metavar="MODULE:FUNCTION",
        help="A network of your own: mypackage:make or file.py:make, with --weights; or graph.nir. Never ranked.",
    ),
]
Timesteps = Annotated[
    int | None, typer.Option("--timesteps", min=1, metavar="T", help="Show images T times: --network has no loop.")
]
Exempt = Annotated[
    str | None,
    typer.Option(
        "--exempt",
        metavar="LAYER[,LAYER...]",
        help="Layers of --network that stay in float, or none. Default: first convolution and last linear layer.",
    ),
]
Mean = Annotated[str | None, typer.Option("--mean", metavar="M[,M...]", help="Subtracted from pixels in [0, 1].")]
Std = Annotated[str | None, typer.Option("--std", metavar="S[,S...]", help="Divides pixels after --mean.")]
Costs = Annotated[
    str | None,
    typer.Option(
        "--cost",
        metavar="NAME[,NAME...]",
        help="More costs of --network, as 'snnbench plugins list' shows them.",
        autocompletion=cost_name,
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Compute finished cells again.")]

# A grid of cells, each axis a list: snnbench sweep.
GridFile = Annotated[
    Path | None,
    typer.Option("--grid", "-g", metavar="FILE.toml", help="File with the grid; options fill in what it omits."),
]
Quantizers = Annotated[
    str | None,
    typer.Option("--quantizer", "-q", metavar="Q[,Q...]", help="Quantizers.", autocompletion=quantizer_name),
]
BitsAxis = Annotated[str | None, typer.Option("--bits", "-b", metavar="B[,B...]", help="Bits a weight.")]
OptionAxes = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", metavar="KEY=V[,V...]", help="Values of an option; may be given again."),
]
Membranes = Annotated[
    str | None, typer.Option("--membrane", metavar="Q[,Q...]", help="Membrane quantizers; 'none' is one of them.")
]
MembraneBitsAxis = Annotated[
    str | None, typer.Option("--membrane-bits", metavar="B[,B...]", help="Bits a membrane potential.")
]
MembraneOptionAxes = Annotated[
    list[str] | None,
    typer.Option("--membrane-option", metavar="KEY=V[,V...]", help="Values of an option of theirs, or of site."),
]
Modes = Annotated[str | None, typer.Option("--mode", metavar="M[,M...]", help="ptq, qat or both.")]
Seeds = Annotated[str | None, typer.Option("--seeds", metavar="S[-S],...", help="Seeds, as 0-2 or 0,3.")]
Protocols = Annotated[
    str | None,
    typer.Option("--protocol", "-p", metavar="P[,P...]", help="Protocols.", autocompletion=protocol_name),
]
Executor = Annotated[str, typer.Option("--executor", "-x", help="in-process, local[:N] or ray[://ADDRESS].")]
Cpus = Annotated[float | None, typer.Option("--cpus", min=0.01, help="CPUs a cell; on Ray also a fraction.")]
Gpus = Annotated[float, typer.Option("--gpus", min=0.0, help="GPUs a cell on Ray; 0.5 shares one.")]
CellTimeout = Annotated[
    float | None, typer.Option("--cell-timeout", min=0.01, metavar="SECONDS", help="A cell fails after that.")
]
Attempts = Annotated[int, typer.Option("--attempts", min=1, help="Tries of a cell whose worker or node died.")]
Retry = Annotated[bool, typer.Option("--retry", help="Compute failed cells again.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="List the cells and the time expected; run nothing.")]
Chip = Annotated[
    str | None,
    typer.Option(
        "--chip",
        metavar="NAME",
        help="Put the quantized network on this chip's integers too (snnbench chips list), and measure the gap.",
        autocompletion=chip_name,
    ),
]
