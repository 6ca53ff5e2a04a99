"""What a report looks like: HTML, text, tables, charts and the mail that carries them."""

from __future__ import annotations

import csv
import email
import email.policy
import io
import re
from dataclasses import replace
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest
from report_cases import EMPTY, EVIL, NOW, full

from reports.charts import charts
from reports.figures import Figures
from reports.mail import Written, mail
from reports.page import page
from reports.tables import NAMES, tables
from reports.text import subject, text
from reports.wording import change, dollars, millis, share, short, span


class Elements(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.found if name == tag]


def written(figures: Figures) -> Written:
    pictures = charts(figures)
    return Written(
        subject=subject(figures),
        html=page(figures, pictures),
        text=text(figures),
        charts={chart.name: chart.png for chart in pictures},
        tables={name: table.csv() for name, table in tables(figures).items()},
    )


def test_a_report_shows_figures_beside_those_of_the_week_before() -> None:
    shown = Elements(page(full(), ())).words
    for told in ("16 to 22 November 2026", "+20 %", "prompt injection", "1 h 30 min"):
        assert told in shown


def test_everything_from_outside_is_escaped() -> None:
    html = page(full(EVIL), charts(full(EVIL)))
    assert Elements(html).named("script") == []
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 8


def test_every_picture_is_within_the_page_and_has_a_sentence_for_who_does_not_see_it() -> None:
    images = Elements(page(full(), charts(full()))).named("img")
    assert len(images) == 4
    assert all(str(image["src"]).startswith("data:image/png;base64,") for image in images)
    assert all(len(str(image["alt"])) > 40 for image in images)


def test_a_page_fetches_nothing_and_brings_no_style_sheet() -> None:
    found = Elements(page(full(), charts(full())))
    assert not {"link", "style", "script", "iframe"} & {tag for tag, _ in found.found}
    assert not re.search(r'(?:src|href)="https?:', page(full(), charts(full())))


def test_an_empty_period_says_so() -> None:
    assert charts(EMPTY) == ()
    for shown in (Elements(page(EMPTY, ())).words, text(EMPTY)):
        assert "Nothing happened in this period" in shown
        assert "No input was judged" in shown


def test_an_unknown_period_before_is_not_called_a_change() -> None:
    figures = replace(EMPTY, total=replace(full().total, before=None))
    assert not re.search("new|[+−±×]", Elements(page(figures, ())).words)
    assert not re.search("new|[+−±×]", text(figures))


def test_notes_stand_on_page_and_text() -> None:
    assert "a note on shop" in page(full(), ())
    assert "Note: a note on shop" in text(full())


def test_the_text_has_short_lines() -> None:
    assert max(len(line) for line in text(full()).splitlines()) <= 79


def test_there_is_every_table_also_of_an_empty_period() -> None:
    assert tuple(tables(EMPTY)) == tuple(tables(full())) == NAMES


def test_tables_are_read_back_as_they_were() -> None:
    header, row = csv.reader(io.StringIO(tables(full())["traffic"].csv()))
    told = dict(zip(header, row, strict=True))
    assert (told["application"], told["calls"], told["cost_before"]) == ("shop", "1200", "100.0")


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@sum(a1)", "\tx"])
def test_no_name_is_a_formula_to_a_spreadsheet(name: str) -> None:
    _, row = csv.reader(io.StringIO(tables(full(name))["traffic"].csv()))
    assert row[0] == f"'{name}"


def test_charts_take_names_in_any_script() -> None:
    assert len(charts(full("$\\frac{ 漢字 مرحبا"))) == 4


def parsed(figures: Figures) -> EmailMessage:
    sent = mail(
        written(figures),
        sender="Sentinel <sentinel@example.com>",
        to=["ann@example.com", "bob@example.com"],
        key="report-1-0",
        at=NOW,
        attached=["traffic", "alerts"],
    )
    got = email.message_from_bytes(sent.as_bytes(), policy=email.policy.default)
    assert isinstance(got, EmailMessage)
    return got


def test_a_mail_has_text_then_html_with_its_pictures_then_tables() -> None:
    kinds = [part.get_content_type() for part in parsed(full()).walk()]
    images = ["image/png"] * 4
    assert kinds == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        *images,
        "text/csv",
        "text/csv",
    ]


def test_each_picture_of_a_mail_is_one_of_its_parts() -> None:
    got = parsed(full())
    html = got.get_body(("html",))
    assert html is not None
    sources = {str(image["src"]) for image in Elements(html.get_content()).named("img")}
    parts = {part["Content-ID"] for part in got.walk() if part["Content-ID"]}
    assert {f"<{source.removeprefix('cid:')}>" for source in sources} == parts
    assert "data:image" not in html.get_content()


def test_the_message_id_carries_the_key_and_a_title_adds_no_header() -> None:
    got = parsed(replace(full(), title="Evil\r\nBcc: all@example.com"))
    assert got["Message-ID"] == "<report-1-0@example.com>"
    assert got["Bcc"] is None
    assert got["To"] == "ann@example.com, bob@example.com"


@pytest.mark.parametrize(
    ("now", "before", "told"),
    [
        (120, 100, "+20 %"),
        (80, 100, "−20 %"),
        (100, 100, "±0 %"),
        (5, 0, "new"),
        (0, 0, ""),
        (0, 9, "−100 %"),
        (5000, 4, "×1,250"),
        (5, None, ""),
        (None, 5, ""),
    ],
)
def test_a_change_in_percent(now: float | None, before: float | None, told: str) -> None:
    assert change(now, before) == told


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        (short(9_999), "9,999"),
        (short(99_960), "100 k"),
        (short(1_234_567), "1.2 M"),
        (dollars(0), "$0"),
        (dollars(0.00123), "$0.0012"),
        (dollars(1234.5), "$1,234"),
        (millis(0.31), "0.31 ms"),
        (millis(2300), "2,300 ms"),
        (millis(90_000), "2 min"),
        (span(59), "59 s"),
        (span(5400), "1 h 30 min"),
        (span(400_000), "4.6 days"),
        (share(0.0123), "1.2 %"),
        (share(0), "0 %"),
        (share(None), "–"),
    ],
)
def test_numbers_as_people_read_them(shown: str, told: str) -> None:
    assert shown == told
