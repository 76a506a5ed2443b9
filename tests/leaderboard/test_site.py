"""The site in headless Chromium: sort, filter, hover, links, no console error, no outside request, accessibility."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from snnbench.leaderboard import read_board
from snnbench.leaderboard.board import Board
from snnbench.leaderboard.site import write_site

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def board() -> Board:
    """The shipped board of digits, which nothing here changes."""
    folder = Path(__file__).resolve().parents[2] / "leaderboards" / "digits-sew8-v1"
    if not folder.is_dir():
        pytest.skip("not a checkout: there is no folder leaderboards")
    return read_board(folder)


@pytest.fixture(scope="session")
def site(board: Board, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_site([board], tmp_path_factory.mktemp("site")).parent


def test_pages_need_nothing_from_outside(site: Path, board: Board) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) == 1 + 1 + len(board.entries)
    for page in pages:
        text = page.read_text()
        assert "http://" not in text
        assert "https://" not in text


def test_the_table_is_plain_html(site: Path, board: Board) -> None:
    text = (site / board.name / "index.html").read_text()
    assert text.count("<tr") == 1 + len(board.entries)
    assert "lqnet clip=narrow codes=signed" in text


def test_the_page_of_an_entry_tells_how_to_measure_it(site: Path) -> None:
    page = next(site.glob("*/uniform-2bit*.html"))
    assert "snnbench run --quantizer uniform --bits 2 --mode ptq" in page.read_text()


PATIENCE = 180_000  # ms; a busy machine is slow, not wrong


def new_page(browser: Any, **options: Any) -> Any:
    page = browser.new_page(**options)
    page.set_default_timeout(PATIENCE)
    return page


class Visit:
    """A page, what it asked for, and what its console said."""

    def __init__(self, page: Any) -> None:
        self.page, self.requests, self.complaints = page, [], []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        if CHROMIUM is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("there is no Chromium: install it, or run: playwright install chromium")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS, timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Visit]:
    page = new_page(browser)
    yield Visit(page)
    page.close()


def column(page: Any, title: str) -> list[str]:
    titles = page.locator("#entries thead th").all_inner_texts()
    index = [text.strip().rstrip("↕↑↓").strip() for text in titles].index(title) + 1
    return [text.strip() for text in page.locator(f"#entries tbody tr:visible td:nth-child({index})").all_inner_texts()]


@pytest.mark.slow
def test_sort_filter_hover_and_links(site: Path, board: Board, visit: Visit) -> None:
    page = visit.page
    page.goto((site / board.name / "index.html").as_uri())
    page.get_by_role("button", name="firing EMD").click()
    values = [float(text) for text in column(page, "firing EMD")]
    assert values == sorted(values)
    page.get_by_role("button", name="firing EMD").press("Enter")
    assert [float(text) for text in column(page, "firing EMD")] == values[::-1]
    page.get_by_label("Filter rows").fill("uniform absmax")
    found = [entry for entry in board.entries if entry.record.cell.quantizer.options.get("clip") == "absmax"]
    assert sorted(map(int, column(page, "bits"))) == sorted(entry.record.cell.quantizer.bits for entry in found)
    assert page.get_by_role("status").inner_text() == f"{len(found)} of {len(board.entries)} rows"
    page.locator("#scatter .points path").first.hover(force=True)
    page.wait_for_selector("#scatter .hoverlayer text")
    page.get_by_role("link", name="uniform").first.click()
    page.wait_for_selector("#rates .main-svg")
    assert page.get_by_role("heading", level=1).inner_text().startswith("uniform")
    assert visit.complaints == []
    assert [url for url in visit.requests if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(site: Path, browser: Any, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = new_page(browser, color_scheme=scheme)
    for path in (site / "index.html", site / "digits-sew8-v1" / "index.html", next(site.glob("*/lqnet*.html"))):
        page.goto(path.as_uri())
        found = axe.Axe().run(page).response["violations"]
        assert [
            (each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")
        ] == []
    page.close()


@pytest.mark.slow
def test_a_phone_scrolls_the_table_and_not_the_page(site: Path, browser: Any) -> None:
    page = new_page(browser, viewport={"width": 375, "height": 740})
    page.goto((site / "digits-sew8-v1" / "index.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.close()


@pytest.mark.slow
def test_without_javascript(site: Path, board: Board, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "digits-sew8-v1" / "index.html").as_uri())
    assert page.locator("#entries tbody tr").count() == len(board.entries)
    assert not page.locator("#filterbar").is_visible()
    context.close()


@pytest.mark.slow
def test_500_entries_load_in_two_seconds(
    board: Board, browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snnbench.leaderboard.site._write_entry", lambda *_: None)
    many = Board(board.folder, board.protocol)
    many.__dict__["entries"] = tuple(islice(cycle(board.entries), 500))
    write_site([many], tmp_path)
    page = new_page(browser)
    started = time.monotonic()
    page.goto((tmp_path / board.name / "index.html").as_uri())
    page.wait_for_selector("#scatter .main-svg")
    assert page.locator("#entries tbody tr").count() == 500
    assert time.monotonic() - started < 2
    page.close()
