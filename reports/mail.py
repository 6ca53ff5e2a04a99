"""A report as a mail: text and HTML side by side, its charts within, its tables attached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage, MIMEPart
from email.utils import format_datetime, parseaddr

from reports.page import with_parts


@dataclass(frozen=True, slots=True)
class Written:
    """A finished report: charts as PNG by name, tables as CSV by name."""

    subject: str
    html: str
    text: str
    charts: Mapping[str, bytes]
    tables: Mapping[str, str]


def mail(
    written: Written,
    *,
    sender: str,
    to: Sequence[str],
    key: str,
    at: datetime,
    attached: Sequence[str],
) -> EmailMessage:
    """The mail for some addresses. `key` is in its Message-ID, the same in every attempt."""
    domain = parseaddr(sender)[1].rpartition("@")[2]
    made = EmailMessage()
    made["Subject"] = written.subject
    made["From"] = sender
    made["To"] = ", ".join(to)
    made["Date"] = format_datetime(at)
    made["Message-ID"] = f"<{key}@{domain}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(written.text)
    made.add_alternative(with_parts(written.html, list(written.charts.items())), subtype="html")
    *_, page = made.iter_parts()
    assert isinstance(page, MIMEPart)
    for name, png in written.charts.items():
        page.add_related(
            png, "image", "png", cid=f"<{name}>", filename=f"{name}.png", disposition="inline"
        )
    for name in attached:
        made.add_attachment(written.tables[name], subtype="csv", filename=f"{name}.csv")
    return made
