"""Pages of the site that are generated: commands, protocols and boards."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    pages = {"reference/commands.md": commands(), "reference/protocols.md": protocols()}
    for board in sorted(ROOT.glob("leaderboards/*/table.md")):
        pages[f"boards/{board.parent.name}.md"] = board.read_text("utf-8")
    for name, text in pages.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links that leave the folder for a board's table lead to its page; others become plain text."""
    markdown = re.sub(r"\(\.\./leaderboards/([\w-]+)/table\.md\)", r"(boards/\1.md)", markdown)
    return re.sub(r"\[([^]]+)\]\(\.\./[\w./-]+\)", r"\1", markdown)


def commands() -> str:
    """Every command with its options, from the command line itself."""
    from snnbench.cli.main import app

    parts = ["# Commands", "What `--help` prints. Exit codes: 0 done, 1 failed, 2 refused, 130 interrupted."]
    for path, command in _walk(typer.main.get_command(app), ["snnbench"]):
        context = command.make_context(path[-1], [], resilient_parsing=True, terminal_width=100)
        context.info_name = " ".join(path)
        parts.append(f"## {' '.join(path)}\n\n```text\n{command.get_help(context)}\n```")
    return "\n\n".join(parts)


def _walk(command: Any, path: list[str]) -> Iterator[tuple[list[str], Any]]:
    yield path, command
    for name, verb in getattr(command, "commands", {}).items():
        yield from _walk(verb, [*path, name])


def protocols() -> str:
    """Every protocol that ships: what it is, and its document."""
    parts = ["# Protocols", "A protocol fixes everything that can move a number; a change of one is a new version."]
    for path in sorted(ROOT.glob("snnbench/protocols/*/protocol.toml")):
        text = path.read_text("utf-8")
        document = tomllib.loads(text)
        title = f"{document['title']}; version {document['version']}"
        references = ", ".join(f"{100 * one['accuracy']:.2f} %" for one in document.get("baselines", []))
        notes = f"References: {references}." if references else "No weights ship."
        parts.append(f"## {path.parent.name}\n\n{title}. {notes}\n\n```toml\n{text}```")
    return "\n\n".join(parts)
