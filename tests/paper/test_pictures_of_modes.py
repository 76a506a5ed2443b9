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
