"""The site in headless Chromium: sort, filter, hover, links, no console error, no outside request, accessibility."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from snnbench.leaderboard import read_board
from snnbench.leaderboard.board import Board
from snnbench.leaderboard.charts import scatter_figure
from snnbench.leaderboard.ranking import ranked_rows
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
def board(shipped_boards: Path) -> Board:
    """The shipped board of digits, which nothing here changes."""
    return read_board(shipped_boards / "digits-sew8-v1")


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
    assert "In all rows of a quantizer: lqnet clip=narrow codes=signed" in text
    assert ">uniform clip=absmax</a>" in text


def test_the_page_of_an_entry_tells_how_to_measure_it(site: Path) -> None:
    page = next(site.glob("*/uniform-2bit*.html"))
    assert "snnbench run --quantizer uniform --bits 2 --mode ptq" in page.read_text()


def test_the_legend_names_quantizers_and_leaves_their_options_to_the_points(board: Board) -> None:
    rows = [row for row in ranked_rows(board) if row.entry.record.value("firing_emd")]
    traces = scatter_figure(rows)["data"]
    assert [trace["name"] for trace in traces] == sorted({row.entry.record.cell.quantizer.name for row in rows})
    assert sum(len(trace["x"]) for trace in traces) == len(rows)
    assert any("clip=absmax" in about for trace in traces for about in trace["hovertext"])


def test_superseded_boards_come_last(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("snnbench.leaderboard.site._write_entry", lambda *_: None)
    newer = board.protocol.model_copy(update={"version": board.protocol.version + 1})
    text = write_site([board, Board(board.folder, newer)], tmp_path).read_text()
    current, superseded = text.split("<h2>Superseded by a newer version</h2>")
    assert f">{board.name}</span>" in superseded
    assert f">{newer.name}-v{newer.version}</span>" in current


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
    page.get_by_role("button", name="firing EMD").click()
    assert [float(text) for text in column(page, "firing EMD")] == values[::-1]
    page.get_by_label("Filter rows").fill("uniform absmax")
    found = [entry for entry in board.entries if entry.record.cell.quantizer.options.get("clip") == "absmax"]
    assert sorted(map(int, column(page, "bits"))) == sorted(entry.record.cell.quantizer.bits for entry in found)
    assert page.get_by_role("status").inner_text() == f"{len(found)} of {len(board.entries)} rows"
    page.get_by_label("bits").select_option("4")
    assert column(page, "bits") == ["4"]
    page.get_by_label("bits").select_option("all")
    page.get_by_label("Filter rows").fill("")
    assert page.get_by_role("status").inner_text() == f"{len(board.entries)} of {len(board.entries)} rows"
    page.locator("#scatter .points path").first.hover(force=True)
    page.wait_for_selector("#scatter .hoverlayer text")
    assert "firing EMD" in (page.locator("#scatter .hoverlayer").text_content() or "")
    page.get_by_role("link", name="uniform").first.click()
    page.wait_for_selector("#rates .main-svg")
    assert page.get_by_role("heading", level=1).inner_text().startswith("uniform")
    page.get_by_role("navigation").get_by_role("link", name=board.name).click()
    page.get_by_role("heading", name=board.protocol.title).wait_for()
    assert visit.complaints == []
    assert [url for url in visit.requests if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.slow
def test_by_keyboard_alone(site: Path, board: Board, visit: Visit) -> None:
    """Skip link, filter, choice, heading, row: each is reached by TAB, shows where it is, and answers."""
    page = visit.page
    page.goto((site / board.name / "index.html").as_uri())
    page.wait_for_selector("#scatter .main-svg")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to content"
    tab_to(page, "#filter")
    page.keyboard.type("lqnet")
    assert page.get_by_role("status").inner_text() == f"4 of {len(board.entries)} rows"
    tab_to(page, "#filterbar select")
    tab_to(page, "#entries thead th[data-key=accuracy] button")
    page.keyboard.press("Enter")
    page.keyboard.press("Space")
    values = [float(text) for text in column(page, "accuracy %")]
    assert values == sorted(values, reverse=True)
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    tab_to(page, "#entries tbody a")
    page.keyboard.press("Enter")
    page.wait_for_selector("#rates .main-svg")
    assert page.get_by_role("heading", level=1).inner_text().startswith("lqnet")
    assert visit.complaints == []


def focused(page: Any) -> str:
    text: str = page.evaluate("document.activeElement.textContent")
    return text


def tab_to(page: Any, selector: str) -> None:
    """Press TAB until an element that `selector` names has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    pytest.fail(f"TAB does not reach {selector}")


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
@pytest.mark.parametrize("width", [320, 375, 1280])
def test_tables_scroll_and_pages_do_not(site: Path, board: Board, browser: Any, width: int) -> None:
    page = new_page(browser, viewport={"width": width, "height": 740})
    for path in (site / "index.html", site / board.name / "index.html", next(site.glob("*/lqnet*.html"))):
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    page.goto((site / board.name / "index.html").as_uri())
    page.evaluate("document.querySelector('.scroll').scrollLeft = 400")
    assert page.locator("#entries tbody a").first.bounding_box()["x"] >= 0
    page.close()


@pytest.mark.slow
def test_without_javascript(site: Path, board: Board, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((site / board.name / "index.html").as_uri())
    assert page.locator("#entries tbody tr").count() == len(board.entries)
    assert not page.locator("#filterbar").is_visible()
    assert page.locator("#entries button").count() == 0
    page.get_by_role("link", name="lqnet").first.click()
    assert page.get_by_role("heading", level=1).inner_text().startswith("lqnet")
    for name in ("Scores", "Layers", "Audit"):
        rows = page.get_by_role("region", name=name, exact=False).locator("tbody tr")
        assert rows.count() >= 8
    context.close()


def processor_seconds(page: Any, url: str) -> float:
    """What the page's main thread computes until table and picture are there; a busy machine does not add to it."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(url)
    page.wait_for_selector("#scatter .main-svg")
    found = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return float(found["TaskDuration"])


@pytest.mark.slow
def test_500_entries_load_in_two_seconds(
    board: Board, browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snnbench.leaderboard.site._write_entry", lambda *_: None)
    many = Board(board.folder, board.protocol)
    many.__dict__["entries"] = tuple(islice(cycle(board.entries), 500))
    write_site([many], tmp_path)
    page = new_page(browser)
    found = [processor_seconds(page, (tmp_path / board.name / "index.html").as_uri()) for _ in range(3)]
    assert page.locator("#entries tbody tr").count() == 500
    assert min(found) < 2
    page.close()
