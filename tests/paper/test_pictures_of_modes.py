"""Pictures of a study show no mode of which they have nothing to show."""

from __future__ import annotations

from fixtures.rows import Maker

from snnbench.paper.pictures import accuracy_picture, bits_picture, rates_picture


def test_a_mode_without_the_papers_methods_has_no_panel(make: Maker) -> None:
    other = make.rows(make.case("uniform", 4, accuracy=0.8, emd=0.01, clip="absmax"))
    tuned = make.rows(
        make.case("lqnet", 4, accuracy=0.8, emd=0.01, clip="wide", codes="signed", mode="qat"), mode="qat"
    )
    assert bits_picture([other]) is None
    figure = bits_picture([other, tuned])
    assert figure is not None
    assert [axes.get_title() for axes in figure.axes] == ["qat"]


def test_rows_of_other_seeds_alone_are_not_told_as_those_of_seed_0(make: Maker) -> None:
    rows = [make.rows(make.case("lqnet", 4, accuracy=0.8, emd=0.01, clip="wide", codes="signed", seed=1))]
    assert rates_picture(rows) is None
    _, labels = accuracy_picture(rows).axes[0].get_legend_handles_labels()
    assert labels == ["lqnet ptq"]


def test_no_two_of_a_dozen_methods_look_alike_in_either_mode(make: Maker) -> None:
    names = [f"method {index}" for index in range(12)]
    rows = [
        make.rows(*(make.case(name, 4, accuracy=0.8, emd=0.01, mode=mode) for name in names), mode=mode)
        for mode in ("ptq", "qat")
    ]
    lines = [line for line in accuracy_picture(rows).axes[0].lines if str(line.get_label()).startswith("method")]
    looks = {(line.get_color(), line.get_marker(), line.get_fillstyle()) for line in lines}
    assert len(looks) == len(lines) == 24
