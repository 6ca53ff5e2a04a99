from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage

from alert_cases import NOW
from alert_sinks import Mailbox, Make

from alerts.context import Context, Curve
from alerts.curves import blocks, number, picture, words
from alerts.message import view
from alerts.nouns import Notification
from alerts.receivers import make
from core.http import HttpClient

WINDOW = timedelta(minutes=5)
PNG = b"\x89PNG\r\n\x1a\n"


def curve(*values: float) -> Curve:
    last = len(values) - 1
    points = tuple((NOW - WINDOW * (last - n + 1), value) for n, value in enumerate(values))
    return Curve("cost", "USD", points, WINDOW, values[-1], NOW - WINDOW, 2.0, (1.0, 3.0))


def surrounded(one: Notification, **more: object) -> Notification:
    fingerprint = one.alerts[0].fingerprint
    known = {"ids": {fingerprint: "0190-id"}, "curves": {fingerprint: curve(2, 1, 2, 3, 2, 9)}}
    return replace(one, context=Context("https://farm.example.com", **{**known, **more}))


def received(mailbox: Mailbox, *notifications: Notification) -> list[EmailMessage]:
    config = {
        "smtp": {"host": "127.0.0.1", "port": mailbox.port},
        "from": "sentinel@example.com",
        "to": "ops@example.com",
    }
    receiver = make("here", "mail", "email", config, HttpClient())
    for one in notifications:
        receiver.send(one, NOW)
    parse = email.message_from_bytes
    read = [parse(mail.content, policy=email.policy.default) for mail in mailbox.mails]
    return [one for one in read if isinstance(one, EmailMessage)]


def test_the_html_shows_a_picture_that_the_mail_carries(
    mailbox: Mailbox, notification: Make
) -> None:
    (mail,) = received(mailbox, surrounded(notification()))
    page = mail.get_body(("html",))
    assert page is not None
    pictures = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    cid = str(pictures[0]["Content-ID"]).strip("<>")
    assert f'src="cid:{cid}"' in page.get_content()
    assert pictures[0].get_content().startswith(PNG)
    assert pictures[0].get_content_disposition() == "inline"


def test_text_and_html_are_alternatives_and_the_picture_belongs_to_the_html(
    mailbox: Mailbox, notification: Make
) -> None:
    (mail,) = received(mailbox, surrounded(notification()))
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]


def test_the_text_says_what_the_picture_shows(mailbox: Mailbox, notification: Make) -> None:
    (mail,) = received(mailbox, surrounded(notification()))
    text = mail.get_body(("plain",))
    assert text is not None
    assert "cost ▂▁▂▃▂█ 9 USD, usually 2 USD (ordinary 1 to 3)" in text.get_content()


def test_a_mail_links_to_its_runbook_and_to_why(mailbox: Mailbox, notification: Make) -> None:
    one = notification()
    url = "https://wiki.example.com/cost?a=1&b=2"
    told = replace(one.alerts[0], annotations={"runbook_url": url})
    (mail,) = received(mailbox, surrounded(replace(one, alerts=(told,))))
    page, text = mail.get_body(("html",)), mail.get_body(("plain",))
    assert page is not None
    assert text is not None
    assert 'href="https://wiki.example.com/cost?a=1&amp;b=2"' in page.get_content()
    why = "https://farm.example.com/api/v1/alerts/0190-id/why?format=text"
    assert why in page.get_content()
    assert why in text.get_content()
    assert url in text.get_content()


def test_a_runbook_that_is_no_web_address_is_text_and_no_link(
    mailbox: Mailbox, notification: Make
) -> None:
    one = notification()
    told = replace(one.alerts[0], annotations={"runbook_url": "javascript:alert(1)"})
    (mail,) = received(mailbox, replace(one, alerts=(told,)))
    page = mail.get_body(("html",))
    assert page is not None
    assert "javascript:" in page.get_content()
    assert "href" not in page.get_content()


def test_later_mails_of_a_group_refer_to_its_first_and_latest(
    mailbox: Mailbox, notification: Make
) -> None:
    first, later = notification(), surrounded(notification(), thread=("aa", "bb"))
    mails = received(mailbox, first, later)
    assert (mails[0]["References"], mails[0]["In-Reply-To"]) == (None, None)
    assert mails[1]["References"] == "<aa@example.com> <bb@example.com>"
    assert mails[1]["In-Reply-To"] == "<bb@example.com>"


def test_a_picture_shows_the_band_and_the_anomaly_and_is_the_same_each_time() -> None:
    wide = curve(*([2.0, 1.0, 3.0] * 8), 9.0)
    again = replace(wide)
    assert picture(wide) == picture.__wrapped__(again, "png")
    drawing = picture(wide, "svg").decode()
    assert "#2e7d32" in drawing
    assert "#b3261e" in drawing


def test_figures_are_written_as_people_write_them() -> None:
    given = [0.0, 0.00005, 0.02134, 9.0, 1250000.4, float("inf")]
    assert [number(one) for one in given] == ["0", "0.000050", "0.02134", "9", "1,250,000", "inf"]


def test_a_line_of_blocks_needs_two_windows() -> None:
    assert (blocks(curve(5)), blocks(curve(5, 5)), blocks(curve(1, 8))) == ("", "▁▁", "▁█")
    assert (
        words(replace(curve(5), baseline=None, band=None, bound=4.0)) == "cost 5 USD, limit 4 USD"
    )


def test_figures_that_the_picture_shows_are_not_listed_again(notification: Make) -> None:
    one = notification()
    told = replace(one.alerts[0], annotations={"value": "9", "baseline": "2", "note": "x"})
    bare = view(replace(one, alerts=(told,)))["firing"][0]
    drawn = view(surrounded(replace(one, alerts=(told,))))["firing"][0]
    assert [name for name, _ in bare.notes] == ["baseline", "note", "value"]
    assert [name for name, _ in drawn.notes] == ["note"]


def test_a_title_names_no_label_twice(notification: Make) -> None:
    seen = view(notification(detector="high-cost", metric="cost"))
    assert (seen["names"], seen["about"]) == ("high-cost-alert", "shop critical")
