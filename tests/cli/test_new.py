"""`snnbench plugins new`: what it writes, and what it refuses. That it works is what the tutorial's test shows."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from snnbench.cli.main import main


@pytest.fixture
def new(tmp_path, monkeypatch, capsys):
    def new(name):
        monkeypatch.setattr("sys.argv", ["snnbench", "plugins", "new", name, "--in", str(tmp_path)])
        return main(), *capsys.readouterr()

    return new


def test_what_is_written(new, tmp_path):
    code, out, _ = new("half-step")
    project = tmp_path / "snnbench-half-step"
    assert code == 0
    assert out == f"Wrote {project}. Next: pip install -e '{project}[test]' && snnbench check half-step\n"
    files = {str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()}
    assert files == {"README.md", "pyproject.toml", "snnbench_half_step/__init__.py", "tests/test_half_step.py"}
    assert "{{" not in "".join((project / path).read_text("utf-8") for path in files)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Halve", "'Halve' is not made of small letters, digits and single hyphens"),
        ("a/b", "'a/b' is not made of small letters"),
        ("lqnet", "quantizer 'lqnet' is there already; choose another name"),
    ],
)
def test_names_that_will_not_do_are_refused(new, name, message):
    code, _, err = new(name)
    assert code == 2
    assert message in err


def test_nothing_is_overwritten(new):
    assert new("snnbench-halve")[0] == 0
    code, _, err = new("halve")
    assert code == 2
    assert "exists already" in err


@pytest.mark.parametrize(
    ("name", "identifier"),
    [("half-step", "half_step"), ("class", "class_"), ("sum", "sum_"), ("torch", "torch_")],
)
def test_the_function_has_the_quantizers_name_unless_python_has_it_too(new, name, identifier, tmp_path):
    new(name)
    module = tmp_path / f"snnbench-{name}" / f"snnbench_{identifier.rstrip('_')}" / "__init__.py"
    space: dict[str, Any] = {}
    exec(module.read_text("utf-8"), space)
    assert space["snnbench_quantizers"]() == {name: space[identifier]}
    weight = torch.tensor([-0.8, 0.1, 0.5])
    assert torch.allclose(space[identifier](weight, bits=2)(weight), torch.tensor([-0.8, 0.0, 0.8]))
