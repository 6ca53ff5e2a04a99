"""Passwords, keys and tokens that are assigned to a name.

Reads `name = value` in the notations of environment files, INI, JSON, YAML, PHP, XML, connection
strings, command lines and plain sentences. A password is believed when it looks chosen, a key
when it looks random; placeholders, types, expressions and references pass.

Why it matters: most leaked credentials have no form of their own; only the name beside them tells
what they are.

Flags: Why is access denied? My .env says DB_PASSWORD=tr0mbone-Quartz7
Passes: db_password: str = os.environ["DB_PASSWORD"], or password: "<your password>" in YAML.

Source: OWASP LLM02:2025 Sensitive Information Disclosure; CWE-798 hard-coded credentials.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from core.analysis import Finding
from engines.base import MAX_SPANS, TextEngine
from engines.needles import LOWERED
from engines.normaliser import View
from engines.plausible_secret import bits, code, placeholder, random_looking


class _Name(NamedTuple):
    """A word inside a name: what may stand before and after it there, and what it names."""

    word: str
    before: str
    after: str
    kind: str


_OWNER = (
    r"(?<![a-z])(?:db|my|root|user|admin|smtp|ftp|mail|sql|http|login|key|store|trust|require)?"
)
_STRONG = (
    r"api|app|access|auth|client|secret|private|priv|encrypt\w{0,4}|sign\w{0,3}|master|account|acct"
    r"|consumer|license|session|deploy|webhook|service|shared|storage|subscription|master|admin"
    r"|server|rest|aes|hmac|jwt|ssh|validation|decryption|machine|bot|host|logged_in|nonce|site"
    r"|preshared|customer|project|write|ingest|oauth|refresh|bearer|id|csrf|npm|github|gitlab|slack"
    r"|vault|sas|user|device|push|personal"
)
_NAMES = (
    _Name("passw", "", r"(?:or[dt]|d)s?(?![a-rt-z])", "password"),
    _Name("passphrase", "", r"s?(?![a-z])", "password"),
    _Name("passcode", "", r"s?(?![a-z])", "password"),
    _Name("pass", _OWNER, r"(?![a-z])", "password"),
    _Name("pwd", "", r"(?![a-z])", "password"),
    _Name("pw", r"(?<![a-z])", r"(?![a-z])", "password"),
    _Name("psk", r"(?<![a-z])", r"(?![a-z])", "password"),
    _Name("contrase", "", r"[nñ]a(?![a-z])", "password"),
    _Name("kennwort", "", r"(?![a-z])", "password"),
    _Name("secret", "", r"s?(?![a-z])", "secret"),
    _Name("token", rf"(?:{_STRONG})[_. -]?", r"(?![a-z])", "key"),
    _Name("token", "", r"(?![a-z])", "code"),
    _Name("key", rf"(?:{_STRONG})[_. -]?", r"s?(?![a-z])", "key"),
    _Name("key", "", r"(?![a-z])", "code"),
    _Name("salt", r"(?<![a-z])", r"(?![a-z])", "key"),
    _Name("_auth", "", r"(?![a-z])", "key"),
    _Name("auth", r"(?<![a-z])", r"(?:enticity|code|orization)?(?![a-z])", "code"),
    _Name("credential", "", r"s?(?![a-z])", "code"),
    _Name("signature", "", r"(?![a-z])", "code"),
)
_FORMS = re.compile(
    r"(?i:[\w.-]{0,40})"
    r"(?:"
    r"(?P<end>[\"'`]?\]?\)?)[ \t]{0,12}(?P<op>=>|:=|->|==|=|:|(?<=[\"']),)\s{0,16}@?[rbuf]?"
    r"(?:\\?\"(?P<double>[^\"\n\\]{4,400})\\?\"|'(?P<single>[^'\n]{4,400})'|`(?P<tick>[^`\n]{4,400})`"
    r"|(?P<bare>[^\s\"'`,;<>(){}\[\]&|\\]{4,400})(?=(?P<after>[^\n]?)))"
    r"|(?:[ \t][^<>\n]{0,80})?>(?:<!\[CDATA\[)?(?P<element>[^<>\s]{4,400})(?:\]\]>)?</"
    r"|[\"'][ \t]{1,3}value[ \t]?=[ \t]?[\"'](?P<attribute>[^\"'\n]{4,400})[\"']"
    r"|\"[ \t]?\{[^{}\"]{0,120}default[ \t]{0,8}=[ \t]?\"(?P<default>[^\"\n]{4,400})\""
    r"|[ \t]{1,3}[\"']?(?P<word>[^\s\"'`,;<>(){}|]{4,200})[\"']?"
    r"|[ \t](?:\w{1,20}[ \t]){0,4}?(?:is|was|ist|es|est)[ \t]?:?[ \t]{1,3}[\"'`*]{0,3}"
    r"(?P<said>[^\s\"'`,;<>(){}\[\]]{6,200})"
    r")"
)
_WORDS = tuple(dict.fromkeys(name.word for name in _NAMES))
_COMPILED = tuple(
    (name, re.compile(rf"(?:{name.before})\Z"), re.compile(name.after)) for name in _NAMES
)
_REACH = 16
_PATH = re.compile(r"(?:~|\.{0,2}/|[A-Z]:\\|[a-z]+://)")
_SYMBOL = re.compile(r"[!@#$%^&*+=?~]")
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]{16,256}={0,2}")
_IDENTIFIER = re.compile(r"[A-Za-z]+(?:[_-][A-Za-z]+)*\d{0,2}[.:!?]?|v?\d[\d.:,_%/-]*\w{0,4}")
_URL_NAME = re.compile(
    r"(?:ur[li]|path|file|name|type|length|size|policy|reset|field|min|max|limit|count)",
    re.IGNORECASE,
)


class CredentialAssignment(TextEngine):
    name = "credential_assignment"
    version = "1.0.0"
    category = "secrets"
    inputs = ("text", "response", "documents", "history", "tools")

    def load(self) -> None:
        LOWERED.add(_WORDS)

    def scan(self, view: View) -> Iterable[Finding]:
        lower, there, found = view.lower, view.needles(False), 0
        for word in _WORDS:
            if word not in there:
                continue
            for start, end, kind, score in _assigned(view.text, lower, word):
                yield self.finding(
                    view,
                    start,
                    end,
                    label=f"assigned_{kind}",
                    score=score,
                    message=f"assigns what looks like a real {kind}",
                )
                found += 1
                if found >= MAX_SPANS:
                    return


def _assigned(text: str, lower: str, word: str) -> Iterator[tuple[int, int, str, float]]:
    """Every value that a name with this word is given."""
    place = lower.find(word)
    while place >= 0:
        end = place + len(word)
        for name, before, after in _COMPILED:
            if name.word != word or not before.search(lower, max(0, place - _REACH), place):
                continue
            rest = after.match(lower, end)
            form = rest and _FORMS.match(text, rest.end())
            if form and (score := _judged(form, name.kind, text[max(0, place - 3) : place])):
                group = str(form.lastgroup if form.lastgroup != "after" else "bare")
                kind = "key" if name.kind == "code" else name.kind
                yield (*form.span(group), kind, score)
                break
        place = lower.find(word, end)


def _judged(form: re.Match[str], kind: str, before: str) -> float:
    """How sure it is that the value is a secret; 0 where it is none."""
    group = form.lastgroup if form.lastgroup != "after" else "bare"
    value = form[str(group)]
    tail = form.string[form.start() : form.start(str(group))]
    if _PATH.match(value) or placeholder(value) or _URL_NAME.search(tail):
        return 0
    if group == "word" and not before.endswith("--"):
        return 0
    bare = group in {"bare", "word", "said"}
    if bare and not _set(form, kind) and (code(value) or _identifier(value, kind, str(group))):
        return 0
    if form["after"] in {"(", "["}:
        return 0
    if kind == "password":
        return _password(value, str(group), form["op"] or "")
    return _key(value, kind, bare)


def _identifier(value: str, kind: str, group: str) -> bool:
    """Whether it is a plain word of code or prose; a password told in a sentence may be long."""
    told = kind == "password" and group == "said" and len(value) >= 10 and value[-1].isdigit()
    return not told and _IDENTIFIER.fullmatch(value) is not None


def _set(form: re.Match[str], kind: str) -> bool:
    """Whether it stands as in a settings file, where nothing is an expression: `a_b=Word12`."""
    if kind != "password" or not form["bare"] or not form["bare"][-1].isdigit():
        return False
    tight = form.string[form.start("op") - 1 : form.end("op") + 1].count(" ") == 0
    whole = (form["after"] or "\n") in "\r\n;&\"'"
    return whole and (tight if form["op"] == "=" else form.string[form.start() - 1].isupper())


def _password(value: str, group: str, op: str) -> float:
    letters = any(sign.isalpha() for sign in value)
    digits = any(sign.isdigit() for sign in value)
    symbols = _SYMBOL.search(value) is not None
    mixed = value.lower() != value and value.upper() != value
    kinds = letters + digits + symbols + mixed
    if group in {"said", "word"} or (group == "bare" and op == ":"):
        return 0.55 if len(value) >= 6 and letters and digits + symbols and bits(value) > 2 else 0
    if any(sign.isspace() for sign in value):
        return 0.6 if len(value) >= 40 and bits(value) > 4.5 else 0
    if code(value) and not digits:
        return 0
    if kinds >= 3 or (digits and letters):
        return 0.7 if len(value) >= 6 else 0.5
    if digits and not letters:
        return 0.5 if len(value) >= 5 and len(set(value)) > 3 and group != "bare" else 0
    return 0.5 if len(value) >= 6 and (kinds >= 2 or group != "bare") and bits(value) >= 2.25 else 0


def _key(value: str, kind: str, bare: bool) -> float:
    if any(sign.isspace() for sign in value):
        return 0.65 if len(value) >= 40 and bits(value) > 4.5 else 0
    least = {"secret": 8, "key": 10, "code": 20}[kind]
    if len(value) < least or value.isdigit():
        return 0
    if _HEX.fullmatch(value):
        return 0.7 if bits(value) > 2.5 else 0
    if random_looking(value) and (kind != "code" or bits(value) >= 3.5):
        runs = re.split(r"[_.\-/:]", value)
        return 0.65 if max(map(len, runs)) >= 8 or _SYMBOL.search(value) else 0
    mixed = value.lower() != value and value.upper() != value
    return 0.55 if mixed and not bare and len(value) >= 20 and bits(value) > 3.8 else 0
