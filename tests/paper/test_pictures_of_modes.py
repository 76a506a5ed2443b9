"""Pictures of a study show no mode of which they have nothing to show."""

from __future__ import annotations

from fixtures.rows import Maker

from snnbench.paper.pictures import bits_picture


def test_a_mode_without_the_papers_methods_has_no_panel(make: Maker) -> None:
    other = make.rows(make.case("uniform", 4, accuracy=0.8, emd=0.01, clip="absmax"))
    tuned = make.rows(
        make.case("lqnet", 4, accuracy=0.8, emd=0.01, clip="wide", codes="signed", mode="qat"), mode="qat"
    )
    assert bits_picture([other]) is None
    figure = bits_picture([other, tuned])
    assert figure is not None
    assert [axes.get_title() for axes in figure.axes] == ["qat"]
