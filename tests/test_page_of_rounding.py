"""What the documentation says of one training on two processors is what their evidence says."""

from __future__ import annotations

from fixtures.released import ROOT, records_of

from snnbench.functional import firing_drift, firing_emd
from snnbench.records.evidence import Evidence, read_evidence
from snnbench.records.record import read_record

CONTROLS = (("cifar100-sew8-v4", 0), ("cifar100-sew8-v5", 0), ("cifar100-sew8-v5", 2))


def test_what_rounding_does_is_the_leaderboards() -> None:
    page = " ".join((ROOT / "docs" / "what-accuracy-hides.md").read_text("utf-8").split())
    processors, controls = zip(*(control_of(board, seed) for board, seed in CONTROLS), strict=True)
    assert len(set(processors[:2])) == 2
    assert processors[1] == processors[2]
    for (one, other), said in (
        (controls[:2], "The two are {:.4f} apart, drift {:.4f}, and answer {:.1f} % of the test images differently"),
        (controls[1:], "one kind of processor are {:.4f} apart, drift {:.4f}, and differ in {:.1f} %"),
    ):
        emd, drift = firing_emd(one.profile, other.profile), firing_drift(one.profile, other.profile)
        answers = (one.predictions != other.predictions).double().mean()
        assert said.format(emd, drift, 100 * answers) in page


def control_of(board: str, seed: int) -> tuple[str, Evidence]:
    """The processor on which a board's control was trained, and its evidence."""
    folders = (ROOT / "leaderboards" / board / "entries").glob(f"float-32bit-qat-seed{seed}-*")
    (folder,) = folders
    return read_record(folder).environment.processor, read_evidence(folder / "evidence.safetensors")


def test_one_kind_of_processor_trains_one_control() -> None:
    first = [each for each in records_of("cifar100-sew8-v4", "qat") if each.cell.seed == 0]
    (control,) = (each for each in first if each.cell.membrane is None and not each.cell.quantizes)
    same = control.environment.processor
    tuned = [each for each in records_of("cifar100-sew8-v5", "qat") if each.cell.seed == 0]
    later = [each for each in tuned if each.environment.processor == same]
    assert later
    assert {each.environment.git for each in later}.isdisjoint({each.environment.git for each in first})
    for each in later:
        assert each.control.accuracy == control.control.accuracy
        assert each.control.firing_emd == control.control.firing_emd
        assert each.control.to_other_seed == control.control.to_other_seed
