"""`snnbench run`: measure a quantizer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from snnbench.cli.completion import model_name, protocol_name, quantizer_name
from snnbench.errors import OptionError


def run(
    quantizer: Annotated[
        str, typer.Option("--quantizer", "-q", help="Quantizer of the weights.", autocompletion=quantizer_name)
    ],
    bits: Annotated[
        str | None,
        typer.Option(
            "--bits",
            "-b",
            metavar="B[,B...]",
            help="Bits a weight, as 4 or 2,4,8. Default: the quantizer's own, else 4.",
        ),
    ] = None,
    mode: Annotated[
        Literal["ptq", "qat"],
        typer.Option("--mode", help="Post-training quantization, or quantization-aware fine-tuning."),
    ] = "ptq",
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            "-o",
            metavar="KEY=VALUE",
            help="Option of the quantizer; may be given again (snnbench plugins show NAME lists them).",
        ),
    ] = None,
    membrane: Annotated[
        str | None,
        typer.Option(
            "--membrane",
            metavar="NAME",
            help="Quantizer of the membrane potentials. Default: none.",
            autocompletion=quantizer_name,
        ),
    ] = None,
    membrane_bits: Annotated[
        str | None,
        typer.Option("--membrane-bits", metavar="B", help="Bits a membrane potential. Default: as for --bits."),
    ] = None,
    membrane_option: Annotated[
        list[str] | None,
        typer.Option(
            "--membrane-option",
            metavar="KEY=VALUE",
            help="Option of the membrane quantizer, or site=pre_spike|post_reset; may be given again.",
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            "-p",
            metavar="NAME",
            help="Protocol, or path of a .toml. Default: cifar10-sew8 where CIFAR-10 is prepared, else digits-sew8.",
            autocompletion=protocol_name,
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Picks the baseline and seeds fine-tuning.")] = 0,
    out: Annotated[Path, typer.Option("--out", help="Results folder.")] = Path("snnbench-results"),
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Folder of the data sets. Default: SNNBENCH_DATA, else the platform's data folder.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, metavar="N", help="A quick look at the first N test images; never ranked."),
    ] = None,
    device: Annotated[str, typer.Option("--device", help="Where networks run: cpu, cuda, ...")] = "cpu",
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="A network of your own instead of the protocol's; needs --weights. Never ranked.",
            autocompletion=model_name,
        ),
    ] = None,
    model_option: Annotated[
        list[str] | None,
        typer.Option("--model-option", metavar="KEY=VALUE", help="Option of the model; may be given again."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", metavar="FILE", help="Its full-precision weights, safetensors.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Compute finished cells again.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the records as a JSON array on stdout.")] = False,
) -> None:
    """Measure a quantizer: accuracy and firing."""
    import snnbench
    from snnbench.bench.record import to_json_array
    from snnbench.cli.reporting import ConsoleReporter
    from snnbench.options import parse_pairs

    finished = snnbench.run(
        quantizer,
        parse_bits(bits, "--bits"),
        mode=mode,
        options=parse_pairs(option or []),
        membrane=membrane,
        membrane_bits=_one(parse_bits(membrane_bits, "--membrane-bits")),
        membrane_options=parse_pairs(membrane_option or [], "--membrane-option"),
        protocol=protocol,
        seed=seed,
        out=out,
        data=data,
        limit=limit,
        device=device,
        model=model,
        model_options=parse_pairs(model_option or [], "--model-option"),
        weights=weights,
        force=force,
        reporter=ConsoleReporter(),
    )
    if not finished:  # a helper of torchrun: the first process tells
        return
    if json:
        sys.stdout.write(to_json_array([cell.record for cell in finished]) + "\n")
    else:
        _print(finished)


def parse_bits(text: str | None, flag: str) -> list[int] | None:
    """``"2,4"`` as numbers; OptionError if it is not a list of whole numbers."""
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise OptionError(f"{flag} {text!r} is not a number or a list of numbers, such as 4 or 2,4,8") from None


def _one(bits: list[int] | None) -> int | None:
    if bits is not None and len(bits) > 1:
        raise OptionError(f"--membrane-bits takes one number, not {','.join(map(str, bits))}")
    return bits[0] if bits else None


def _print(finished: list[Any]) -> None:
    from rich.console import Console

    from snnbench.cli.tables import results_table

    console = Console(highlight=False)
    console.print(results_table([cell.record for cell in finished]))
    for cell in finished:
        console.print(f"{'Reused' if cell.reused else 'Record'}: {cell.directory}", markup=False, soft_wrap=True)
        for finding in cell.record.audit.findings:
            console.print(f"Audit: {finding}", markup=False, soft_wrap=True)
        for warning in cell.record.audit.warnings:
            console.print(f"Note: {warning}", markup=False, soft_wrap=True)
