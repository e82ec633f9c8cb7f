"""The report in a browser: it draws, sorts, filters and shows values, by mouse and by keyboard."""

import shutil
from contextlib import contextmanager

import pytest
from made_up_findings import shown

from simnpo.paper.report import write_reproduction

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("there is no chromium on the PATH", allow_module_level=True)
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
TABLE = "section[aria-labelledby=fig3c] table.numbers"


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    return write_reproduction(
        shown(),
        tmp_path_factory.mktemp("reproduction"),
        title="The paper, again",
        command="simnpo reproduce all",
        settings={"Scale": "mini"},
        failed={},
    )


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield started
        started.close()


@contextmanager
def opened(browser, page_file, **context):
    """Open the page; afterwards nothing may have been logged, thrown or asked of the network."""
    window = browser.new_context(**context)
    page = window.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(page_file.as_uri())
    yield page
    window.close()
    assert said == []
    # The icon is empty data, so that no browser asks for one.
    assert [url for url in asked if not url.startswith("data:")] == [page_file.as_uri()]


@pytest.fixture
def page(browser, page_file):
    with opened(browser, page_file) as one:
        yield one


def names(page):
    return page.locator(f"{TABLE} tbody:not(.paper) th").all_inner_texts()


def test_a_table_sorts_by_click_and_by_enter_and_the_papers_rows_stay_below(page):
    button = page.locator(f"{TABLE} th button", has_text="MU")
    assert names(page) == ["SimNPO", "NPO", "<b>$x"]
    button.click()
    button.click()
    assert names(page) == ["NPO", "SimNPO", "<b>$x"]  # 0.5, 0.61, missing
    assert button.locator("..").get_attribute("aria-sort") == "ascending"
    button.focus()
    page.keyboard.press("Enter")
    assert names(page) == ["SimNPO", "NPO", "<b>$x"]
    last = page.locator(f"{TABLE} tr").last
    assert "paper, 7B" in last.inner_text() and "0.790" in last.inner_text()


def test_claims_sort_by_verdict(page):
    page.locator(".claims th button", has_text="Here").press("Enter")
    found = page.locator(".claims tbody td:nth-child(3)").all_inner_texts()
    assert found == ["held", "held", "not held", "not testable", "undecided"]


def test_the_filter_leaves_the_questions_that_hold_every_word(page):
    cards = page.locator("section[aria-labelledby=tableA5] .card")
    field = page.get_by_label("Filter answers")
    assert cards.count() == 40 and field.is_visible()
    field.fill("mila BORN")
    visible = cards.locator("visible=true")
    assert visible.count() == 8  # four questions about each of five authors, in two sets
    assert all("Mila Tarrent" in text for text in visible.all_inner_texts())
    assert page.locator(".filter output").inner_text() == "8 of 40 questions"
    field.fill("")
    assert cards.locator("visible=true").count() == 40


def test_a_figure_shows_values_on_hover_and_by_keyboard(page):
    bubble, marks = page.locator("#bubble"), page.locator("figure .tip")
    assert bubble.is_hidden()
    marks.nth(1).locator("use").hover()
    assert bubble.inner_text() == "SimNPO, epoch 2: FQ 0.22"
    page.mouse.move(0, 0)
    assert bubble.is_hidden()
    marks.first.focus()
    assert bubble.inner_text() == "SimNPO, epoch 1: FQ 0.11"
    page.keyboard.press("End")
    assert bubble.inner_text() == "NPO, epoch 3: FQ 0.53"
    page.keyboard.press("Escape")
    assert bubble.is_hidden()
    # One stop of the Tab key for the whole figure.
    assert page.locator("figure .tip[tabindex='0']").count() == 1


def test_a_dark_scheme_darkens_page_and_figure(browser, page_file):
    def colours(scheme):
        with opened(browser, page_file, color_scheme=scheme) as page:
            script = "(e, what) => getComputedStyle(e)[what]"
            text = page.locator("figure svg text").first
            paper = page.locator("body").evaluate(script, "backgroundColor")
            return paper, text.evaluate(script, "fill")

    light, dark = colours("light"), colours("dark")
    assert light[0] == "rgb(255, 255, 255)" and dark[0] == "rgb(21, 24, 28)"
    assert light[1] != dark[1]


def test_a_narrow_page_does_not_scroll_sideways(browser, page_file):
    with opened(browser, page_file, viewport={"width": 420, "height": 800}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 420
