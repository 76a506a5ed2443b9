from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import snnbench
from snnbench.errors import PluginError
from snnbench.plugins import KINDS, Catalogue, catalogue

GOOD = """
    from snnbench import hookimpl

    def halve(tensor, *, bits: int = 16):
        "Half of everything."

    @hookimpl
    def snnbench_quantizers():
        return {"halve": halve}
"""

BROKEN = {
    "missing import": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "syntax": ("def (", "SyntaxError: "),
    "exit": ("import sys; sys.exit(3)", "SystemExit: 3"),
    "panic": ("class Panic(BaseException): pass\nraise Panic('at the disco')", "Panic: at the disco"),
    "no hook": ("x = 1", "it implements none of the hooks snnbench_quantizers, "),
    "misspelt hook": (
        GOOD.replace("snnbench_quantizers", "snnbench_quantisers"),
        "unknown hook 'snnbench_quantisers'; did you mean 'quantizers'? this version of snnbench has ",
    ),
    "newer hook": (
        GOOD.replace("snnbench_quantizers", "snnbench_zoo"),
        "unknown hook 'snnbench_zoo'; this version of snnbench has",
    ),
    "unmarked hook": (GOOD.replace("@hookimpl", ""), "snnbench_quantizers() is not marked with @snnbench.hookimpl"),
    "argument": (GOOD.replace("quantizers()", "quantizers(config)"), "Argument(s) {'config'} are declared in the hook"),
    "wrapper": (
        GOOD.replace("@hookimpl", "@hookimpl(wrapper=True)").replace("return", "yield"),
        "snnbench_quantizers() is a hook wrapper",
    ),
    "raises": (GOOD.replace("return {", "raise ValueError('two\\nlines'); {"), "ValueError: two"),
    "returns None": (
        GOOD.replace("return {", "return None and {"),
        "snnbench_quantizers() returned NoneType, not a dict",
    ),
    "returns a list": (GOOD.replace('{"halve": halve}', "[halve]"), "snnbench_quantizers() returned list, not a dict"),
    "not callable": (GOOD.replace(": halve}", ": 4}"), "quantizer 'halve' is int, not a factory"),
    "name of no string": (GOOD.replace('"halve":', "4:"), "quantizer name 4 is not made of letters"),
    "name with a path": (GOOD.replace('"halve"', '"../halve"'), "quantizer name '../halve' is not made of letters"),
    "not a data set": (
        GOOD.replace("snnbench_quantizers", "snnbench_datasets"),
        "data set 'halve' is function, not a snnbench.data.Dataset",
    ),
    "path of no file": (
        GOOD.replace("snnbench_quantizers", "snnbench_protocols").replace(
            ": halve}", ": __import__('pathlib').Path('x')}"
        ),
        "Path, not the path of an existing protocol.toml",
    ),
    "path as a string": (
        GOOD.replace("snnbench_quantizers", "snnbench_protocols").replace(": halve}", ": __file__}"),
        "protocol 'halve' is str, not the path",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_built_ins_come_in_by_the_same_door(kind):
    shelf = catalogue().shelf(kind)
    assert not shelf.faults
    assert len(shelf) > 0
    assert {entry.source.distribution for entry in shelf.values()} == {"snnbench"}
    assert {entry.source.version for entry in shelf.values()} == {snnbench.__version__}


def test_a_plugin_is_found_with_its_distribution_and_version(install):
    install("snnbench-halve", GOOD, version="2.5")
    entry = Catalogue().quantizers["halve"]
    assert (entry.source.distribution, entry.source.version) == ("snnbench-halve", "2.5")
    assert str(entry) == "quantizer 'halve'"
    assert entry.value.__name__ == "halve"


@pytest.mark.parametrize(("source", "error"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_visible_and_harms_no_other(install, source, error):
    install("snnbench-bad", source)
    install("snnbench-good", GOOD.replace("halve", "third"))
    found = Catalogue()
    (fault,) = found.faults
    assert fault.fatal
    assert fault.source.distribution == "snnbench-bad"
    assert error in fault.error
    assert "\n" not in fault.error
    assert "Traceback" in fault.traceback
    assert "third" in found.quantizers
    assert "float" in found.quantizers
    assert "halve" not in found.quantizers


def test_an_unknown_name_tells_near_names_and_broken_plugins_that_may_hold_it(install):
    install("snnbench-bad", "import no_such_module")
    with pytest.raises(PluginError) as caught:
        Catalogue().quantizers["LQNett"]
    message = str(caught.value)
    assert message.startswith("no quantizer 'LQNett'; did you mean 'lqnet'? known: float, lqnet")
    assert "snnbench-bad 1.0 is broken and may hold it (ModuleNotFoundError" in message
    assert "\n" not in message


def test_a_hook_that_fails_takes_only_its_own_kind_away(install):
    install("snnbench-half", GOOD + "\n    @hookimpl\n    def snnbench_models():\n        raise OSError('gone')\n")
    found = Catalogue()
    assert "halve" in found.quantizers
    with pytest.raises(PluginError, match=r"snnbench-half 1\.0 is broken and may hold it \(OSError: gone\)"):
        found.models["halve"]


def test_a_name_claimed_twice_is_an_error_that_names_both(install):
    install("snnbench-one", GOOD)
    install("snnbench-two", GOOD.replace('{"halve": halve}', '{"halve": halve, "own": halve}'))
    shelf = Catalogue().quantizers
    assert "halve" not in shelf
    assert "halve" not in list(shelf)
    with pytest.raises(
        PluginError, match=r"'halve' is claimed by snnbench-one 1\.0 .* and by snnbench-two 1\.0.*uninstall"
    ):
        shelf["halve"]
    assert {"own", "uniform"} <= set(shelf)


def test_a_name_of_the_project_stays_the_projects(install):
    install("snnbench-two", GOOD.replace('{"halve": halve}', '{"lqnet": halve}'))
    shelf = Catalogue().quantizers
    assert shelf["lqnet"].source.built_in
    assert shelf.sources["lqnet"].built_in
    assert [str(source) for source in shelf.clashes["lqnet"]][1:] == ["snnbench-two 1.0"]
    assert shelf.clash("lqnet").endswith("and by snnbench-two 1.0 (snnbench-two = snnbench_two); it stays snnbench's")


def test_names_are_claimed_apart_by_kind(install):
    install("snnbench-named", GOOD + "\n    @hookimpl\n    def snnbench_models():\n        return {'halve': halve}\n")
    kinds = [entry.kind for entry in Catalogue().find("halve")]
    assert kinds == ["quantizers", "models"]


def test_a_hook_for_newer_versions_may_be_optional(install):
    newer = "\n    @hookimpl(optionalhook=True)\n    def snnbench_zoo():\n        return {}\n"
    install("snnbench-new", GOOD + newer)
    found = Catalogue()
    assert "halve" in found.quantizers
    assert not found.faults


def numpy_state() -> list[int]:
    return np.random.get_state()[1].tolist()  # noqa: NPY002


STATES = {
    "Python's random state": ("import random; random.seed(7)", random.getstate),
    "NumPy's random state": ("import numpy; numpy.random.seed(7)", numpy_state),
    "torch's random state": ("import torch; torch.manual_seed(7)", lambda: torch.get_rng_state().tolist()),
    "torch's default dtype": ("import torch; torch.set_default_dtype(torch.float64)", torch.get_default_dtype),
    "torch's gradient mode": ("import torch; torch.set_grad_enabled(False)", torch.is_grad_enabled),
}


@pytest.mark.parametrize("where", ["import", "hook"])
@pytest.mark.parametrize(("what", "code", "read"), [(what, *rest) for what, rest in STATES.items()], ids=STATES)
def test_global_state_is_put_back_and_the_plugin_warned_of(install, what, code, read, where):
    body = f"\n    {code}\n" if where == "import" else ""
    hook = GOOD.replace("return", f"{code}; return") if where == "hook" else GOOD
    install("snnbench-rude", hook + body)
    before = read()
    found = Catalogue()
    assert "halve" in found.quantizers
    assert read() == before
    (fault,) = found.faults
    assert not fault.fatal
    assert fault.error == f"changes {what} when it loads; it was put back"


def test_global_state_is_put_back_when_the_import_fails(install):
    install("snnbench-rude", "import torch; torch.set_default_dtype(torch.float64); import no_such_module")
    found = Catalogue()
    assert [fault.fatal for fault in found.faults] == [True, False]
    assert torch.get_default_dtype() == torch.float32


def test_the_first_to_import_torch_is_watched_too(install):
    site = install("snnbench-rude", GOOD + "\n    import torch; torch.set_default_dtype(torch.float64)\n")
    code = (
        "from snnbench.plugins.loading import load; from snnbench.plugins.source import PluginSource; "
        "load(PluginSource('snnbench-rude', '1.0', 'rude', 'snnbench_rude')); "
        "import torch; print(torch.get_default_dtype())"
    )
    assert run(code, site) == "torch.float32"


def test_what_a_plugin_prints_stays_off_stdout(install, capsys):
    install("snnbench-loud", "print('hello')" + GOOD.replace("\n    ", "\n"))
    assert "halve" in Catalogue().quantizers
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "hello\n"


def test_an_interrupt_is_not_taken_for_a_broken_plugin(install):
    install("snnbench-slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        Catalogue().quantizers["halve"]


def test_unreadable_metadata_is_visible_and_harms_no_other(install):
    install("snnbench-odd", GOOD, metadata=False)
    install("snnbench-good", GOOD.replace("halve", "third"))
    found = Catalogue()
    assert "third" in found.quantizers
    assert [str(fault.source.distribution) for fault in found.faults] == ["a distribution without readable metadata"]


def test_of_two_distributions_of_one_name_the_first_on_the_path_counts(install):
    install("snnbench-halve", GOOD, version="1.0")
    second = install("snnbench_halve", GOOD, version="2.0")
    assert second.is_dir()
    assert Catalogue().quantizers["halve"].source.version == "2.0"


def test_an_entry_point_named_after_a_kind_holds_that_kind_alone(install):
    install("snnbench-kind", GOOD, entry="models")
    found = Catalogue()
    assert "halve" not in found.quantizers
    assert not found.quantizers.faults
    with pytest.raises(PluginError, match="'models' may hold models only, but implements snnbench_quantizers"):
        found.models["halve"]


def test_a_plugin_is_imported_once(install, capsys):
    install("snnbench-once", "import sys; print('imported', file=sys.stderr)" + GOOD.replace("\n    ", "\n"))
    found = Catalogue()
    assert not found.faults
    assert [len(found.shelf(kind)) > 0 for kind in KINDS] == [True] * len(KINDS)
    assert capsys.readouterr().err == "imported\n"


def test_a_fresh_process_finds_nothing_wrong_with_the_built_ins():
    assert run("from snnbench.plugins import catalogue; print(list(map(str, catalogue().faults)))") == "[]"


def test_data_sets_and_protocols_need_no_torch():
    code = "from snnbench.plugins import catalogue as c; [*c().datasets, *c().protocols]; print('torch' in sys.modules)"
    assert run(code) == "False"


def run(code: str, *path: Path) -> str:
    program = f"import sys; sys.path[:0] = {[str(p) for p in path]}; {code}"
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=100
    ).stdout.strip()
