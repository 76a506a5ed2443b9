from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from snnbench.cli import completion
from snnbench.plugins import KINDS, catalogue

GOOD = """
from snnbench import hookimpl

@hookimpl
def snnbench_models():
    return {"lifted": dict}
"""


@pytest.fixture(autouse=True)
def own_catalogue():
    catalogue.cache_clear()
    yield
    catalogue.cache_clear()


def test_names_are_those_of_the_catalogue():
    assert completion.quantizer_name("l") == ["lqnet"]
    assert completion.dataset_name("") == list(catalogue().datasets)
    assert completion.protocol_name("digits") == ["digits-sew8"]
    assert completion.model_name("sew_resnet1") == ["sew_resnet18"]
    assert completion.any_name("digits") == ["digits", "digits-sew8"]


def test_a_second_press_imports_no_torch():
    completion.remember_names()
    code = (
        "import sys; from snnbench.cli.completion import quantizer_name; names = quantizer_name('');"
        "print(names, [name for name in ('torch', 'snnbench.builtin') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=100).stdout
    assert told == f"{list(catalogue().quantizers)} []\n"


def test_a_new_plugin_is_completed(install):
    assert completion.model_name("l") == []
    install("snnbench-lift", GOOD)
    catalogue.cache_clear()
    assert completion.model_name("l") == ["lifted"]


@pytest.mark.parametrize("content", ["", "{", "\x00"])
def test_a_damaged_file_of_names_is_made_anew(own_cache, content):
    completion.remember_names()
    (file,) = own_cache.iterdir()
    file.write_text(content)
    assert completion.quantizer_name("l") == ["lqnet"]
    assert set(json.loads(file.read_text())) == set(KINDS)


def test_without_a_place_for_the_file_names_still_complete(own_cache):
    own_cache.write_text("a file where a folder should be")
    assert completion.quantizer_name("l") == ["lqnet"]


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_verbs_and_names():
    completion.remember_names()
    script = """
        eval "$(snnbench --show-completion bash)"
        complete_words() {
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _snnbench_completion snnbench; echo "${COMPREPLY[*]}"
        }
        complete_words snnbench doc
        complete_words snnbench plugins show lqn
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    told = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, check=True, env=environment, timeout=100
    )
    assert told.stdout.split() == ["doctor", "lqnet"]


def test_completion_can_be_installed(shell, tmp_path):
    answer = shell("--install-completion", "bash", HOME=str(tmp_path), _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert answer.code == 0
    assert "snnbench" in (tmp_path / ".bashrc").read_text()
