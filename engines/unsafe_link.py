"""Links that lead elsewhere than they seem, or to something that runs.

Judges each address by its host (a bare IP number, a number in disguise, a brand's name in other
letters or before a stranger's domain, signs that only look like slashes or dots), by a name before
an @, by what it opens (`javascript:`, `data:` pages, programs, double extensions), by a shortener,
and by whether a link shows one address and leads to another. Several doubts about one address
weigh more than each. Addresses of one's own machine or network pass.

Why it matters: a model passes links on in good faith; people trust them because the assistant
said so.

Flags: Please confirm your account at https://paypal.com.account-check.example/login
Passes: See [the docs](https://docs.python.org/3/library/re.html) and http://127.0.0.1:8000/health

Source: OWASP LLM05:2025 Improper Output Handling; CWE-601; Unicode Technical Standard 39; the URL
Standard, 4.1 (hosts).
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from core.analysis import EngineResult, Finding
from engines.base import TextEngine
from engines.document import Document
from engines.lookalike_hosts import Doubt, doubts, registrable
from engines.needles import LOWERED
from engines.normaliser import View

MOST = 500
"""Addresses of one text that are judged; of each host and path once."""
_NEEDS = frozenset({"://", "javascript:", "vbscript:", "data:text", "data:application",
                    "data:image/svg", "](//", "](www.", "\"//", ":\\\\"})  # fmt: skip
_PLAIN_LAYERS = frozenset({"percent", "escapes", "leetspeak", "spacing"})
_URL = re.compile(
    r"\b(?:h(?:tt|xx)ps?|ftp):(?://|\\\\|/\\)([^\s<>\"'`|^{}()\[\]]{1,1500})"
    r"|(?<=\]\()//([^\s<>\"'`()\[\]]{3,1500})"
)
_RUNS = re.compile(
    r"(?:\]\(\s{0,3}<?|\b(?:href|src|action)\s{0,3}=\s{0,3}[\"']?)\s{0,3}(?:(?:javascript"
    r"|vbscript)\s{0,3}:(?!\s{0,3}(?:void|;|\"|'|#))|data:(?:text/html|application/(?!json|pdf"
    r"|font|octet)|image/svg))"
    r"|(?:^|[\s\"'(<])(?:javascript:\s?(?!void)[\w.]{1,40}[(=`]|data:text/html[,;])"
)
_MARKDOWN = re.compile(r"(?<!!)\[([^\[\]\n]{4,200})\]\(\s{0,3}<?(https?://[^\s()<>\"']{4,800})")
_ANCHOR = re.compile(
    r"<a\b[^<>]{0,300}?\bhref\s{0,3}=\s{0,3}[\"']?(https?://[^\s<>\"']{4,800})(?=[\s<>\"'])"
    r"[^<>]{0,300}>([^<>]{4,200})</a"
)
_SHOWN = re.compile(
    r"\W{0,3}(?:https?://|www\.)([\w.-]{4,120})|\W{0,3}((?:[\w-]{1,63}\.){1,4}(?:com|org|net|gov"
    r"|edu|bank|de|uk|fr|es|it|nl|ch|at|eu|us|ca|au|br|jp|in))(?:/\S{0,200})?\W{0,3}$"
)
_SHORT_NAMES = """
    bit.ly tinyurl.com goo.gl is.gd v.gd ow.ly cutt.ly rb.gy t.ly shorturl.at rebrand.ly buff.ly
    tiny.cc bl.ink shorte.st adf.ly soo.gd s.id qrco.de lnkd.in clck.ru tr.im
"""
_SHORT = frozenset(_SHORT_NAMES.split())
_NO_HOSTS = frozenset(("asp.net", "vb.net", "ado.net", "ml.net"))
"""Names of products that read like hosts."""
_PROGRAM = (
    r"(?:exe|scr|msi|bat|cmd|ps1|vbs|vbe|jse|wsf|hta|lnk|pif|com|jar|apk|iso|img|dmg|pkg|xll|reg)"
)
_DOUBLE = re.compile(
    r"\.(?:pdf|docx?|xlsx?|pptx?|txt|rtf|csv|jpe?g|png|gif|mp[34]|zip|html?|eml)(?:%20|\s|_){0,20}"
    rf"\.{_PROGRAM}$"
)
_RUNNABLE = re.compile(rf"\.{_PROGRAM}$")
_NUMBER = re.compile(r"(?:0x[0-9a-f]{1,8}|[0-9]{1,12})(?:\.(?:0x[0-9a-f]{1,4}|[0-9]{1,4})){0,3}")
_DISGUISED = re.compile(
    r"0x|[0-9]{8,}$|(?:[0-9a-fx]{1,10}\.){1,3}0x|0[0-9]{2,}(?:\.|$)|.{1,12}\.0[0-9]"
)
_HOST = re.compile(r"[\w-]{1,63}(?:\.[\w-]{1,63})+")


class UnsafeLink(TextEngine):
    name = "unsafe_link"
    version = "1.0.0"
    category = "unsafe_link"
    inputs = ("text", "response", "documents")

    def load(self) -> None:
        LOWERED.add(_NEEDS)

    def examine(self, document: Document) -> EngineResult:
        found: list[Finding] = []
        for field in document.fields(self.inputs):
            views = document.unfold(field).views
            for view in views:
                decoded = bool(view.layers) and _PLAIN_LAYERS.isdisjoint(view.layers)
                if view is views[0] or decoded:
                    found += self.scan(view)
        return self.found(found)

    def scan(self, view: View) -> Iterable[Finding]:
        if view.needles(False).isdisjoint(_NEEDS):
            return
        text = view.lower
        seen: set[str] = set()
        for match in _URL.finditer(text):
            address = match[1] or match[2]
            if address in seen or len(seen) >= MOST:
                continue
            seen.add(address)
            signs = list(_signs(address.rstrip(".,;:!?")))
            if signs:
                top = max(signs, key=lambda sign: sign.score)
                together = 1 - math.prod(1 - sign.score for sign in signs)
                score = max(top.score, min(0.85, round(together, 4)))
                yield self._found(view, match, Doubt(top.label, score, top.message))
        for match in _RUNS.finditer(text):
            what = Doubt("running_link", 0.65, "holds a link that runs a script")
            yield self._found(view, match, what)
        for match in _MARKDOWN.finditer(text):
            if _differs(match[1], match[2]):
                yield self._found(view, match, _MISMATCH)
        for match in _ANCHOR.finditer(text):
            if _differs(match[2], match[1]):
                yield self._found(view, match, _MISMATCH)

    def _found(self, view: View, match: re.Match[str], what: Doubt) -> Finding:
        label, score, message = what
        return self.finding(view, *match.span(), label=label, score=score, message=message)


_MISMATCH = Doubt("shows_another_address", 0.65, "shows one address and leads to another")


def _signs(address: str) -> Iterator[Doubt]:
    """What is wrong with an address, given from behind its `//`."""
    authority = re.split(r"[/?#\\]", address, maxsplit=1)[0]
    rest = address[len(authority) :]
    user, at, host = authority.rpartition("@")
    if at:
        name = user.partition(":")[0]
        if _HOST.fullmatch(unquote(name)) and registrable(name) != registrable(_bare(host)):
            yield Doubt("host_before_at", 0.8, "names a host before an @ and leads to another")
        else:
            yield Doubt("user_in_address", 0.25, "holds a user name or password in an address")
    if rest.startswith("\\") and "@" in rest:
        yield Doubt("false_slash", 0.65, "mixes slashes so that programs read two hosts")
    host = _bare(host)
    yield from _number(host) if host[:1].isdigit() else ()
    yield from doubts(host)
    if host in _SHORT and len(rest) > 1:
        yield Doubt("shortener", 0.2, "hides its goal behind a shortener")
    path = unquote(rest.partition("?")[0].partition("#")[0])
    if _DOUBLE.search(path):
        yield Doubt("double_extension", 0.75, "leads to a program that is named like a document")
    elif path.count("/") and _RUNNABLE.search(path):
        yield Doubt("program", 0.25, "leads to a program")


def _bare(host: str) -> str:
    """A host without its port."""
    return host.rpartition(":")[0] if re.search(r":\d{0,5}$", host) else host


def _number(host: str) -> Iterator[Doubt]:
    if not _NUMBER.fullmatch(host):
        return
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        if _DISGUISED.match(host):
            yield Doubt("number_in_disguise", 0.7, "writes an IP number so that nobody knows it")
        return
    if address.is_global:
        yield Doubt("ip_number", 0.4, "leads to a bare IP number")


def _differs(shown: str, target: str) -> bool:
    """Whether a link's text is an address of another owner than its target."""
    match = _SHOWN.match(shown)
    if not match:
        return False
    named = registrable((match[1] or match[2]).rstrip(".-"))
    goal = target.partition("//")[2]
    host = _bare(re.split(r"[/?#\\]", goal, maxsplit=1)[0].rpartition("@")[2])
    if named in _NO_HOSTS:
        return False
    return "." in named and registrable(host) != named and named not in unquote(goal)[len(host) :]
