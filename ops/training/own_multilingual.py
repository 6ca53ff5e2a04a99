"""Expands own/multilingual*.yaml into training lines in many languages.

python -m ops.training.own_multilingual [--seed 7] [--per-label 6000] [--out FILE]

One JSON line each: text, label (1 an attack), set, lang, kind. The same seed gives the
same lines. Each block is used as evenly as its kind allows, at most `--cap` times; a
share of both labels alike is lower-cased, stripped of accents, romanised or wrapped, so
that no such form tells the label.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ops.training.romanisation import ROMAN, bare, romanised

HERE = Path(__file__).resolve().parent / "own"
SET = "own_multilingual"
LISTS = (
    "open", "extract", "persona", "hijack", "fused", "story", "plant",
    "ask", "doc", "frame", "latin_attack", "latin_ask",
)  # fmt: skip

WORDS = (
    "PWNED", "OK", "42", "HACKED", "banana", "LOL", "12345", "haha", "XYZ", "done", "No",
    "HELLO", "I am free", "7", "cactus", "ACCESS GRANTED", "pizza", "yes", "Q", "0000",
)  # fmt: skip
MAILS = (
    "info@nordlicht-shop.com", "kontakt@reisefux.eu", "help@paperlane.org", "x91@mailbox.net",
    "office@lumaria.io", "data@collect-mail.com", "anna.berg@postfach.eu", "hello@tintero.net",
    "support@kitewell.com", "audit@firma-check.org", "team@orbitto.app", "leo@inbox.test",
)  # fmt: skip
URLS = (
    "https://www.paperlane.org/help", "https://lumaria.io/login", "kitewell.com/orders",
    "http://reisefux.eu/konto", "https://orbitto.app/verify", "www.tintero.net/info",
    "https://nordlicht-shop.com/faq", "http://secure-check.net/a1", "firma-check.org/form",
)  # fmt: skip
BRANDS = (
    "Lumaria", "Orbitto", "Kitewell", "Tintero", "Nordlicht", "Vastra Pro", "MiraBook",
    "Zenpad", "Corvo X2", "PaperLane", "Solanto", "Brevio",
)  # fmt: skip
FILL = {"{word}": WORDS, "{mail}": MAILS, "{url}": URLS, "{brand}": BRANDS}
WRAPS = (
    "> {x}", "---\n{x}\n---", "```\n{x}\n```", "<text>{x}</text>", "[{x}]", "### {x}",
    "P.S. {x}", "\"{x}\"", "Re: {x}", "({x})", "- {x}", "*{x}*",
)  # fmt: skip

KEEP_MARKS = {"ar", "fa", "he", "hi", "bn", "ta", "th", "ja", "ko", "zh", "ru", "uk"}
END = re.compile(r"[.!?。！？।؟…]+$")
ASKED = ("?", "？", "؟", ";")


class Line(NamedTuple):
    text: str
    label: int
    lang: str
    kind: str


class Short(Exception):
    """No block of the wanted kind is left below the cap."""


class Book:
    """The blocks of one language, and how often each was used."""

    def __init__(self, data: dict[str, Any], rng: random.Random, cap: int) -> None:
        self.lang: str = data["lang"]
        self.join: str = data.get("join", " ")
        self.lists = {
            name: [
                row.strip().replace("\\n", "\n")
                for row in (data.get(name) or "").splitlines()
                if row.strip()
            ]
            for name in LISTS
        }
        self.rng = rng
        self.cap = cap
        self.used: Counter[str] = Counter()

    def pick(self, *names: str, but: tuple[str, ...] = ()) -> str:
        """One of the least used blocks of these lists."""
        pool = [row for name in names for row in self.lists[name] if row not in but]
        if not pool:
            raise Short
        low = min(self.used[row] for row in pool)
        if low >= self.cap and names != ("frame",):
            raise Short
        row = self.rng.choice([row for row in pool if self.used[row] <= low])
        self.used[row] += 1
        return row

    def some(self, count: int, *names: str) -> list[str]:
        rows: list[str] = []
        for _ in range(count):
            rows.append(self.pick(*names, but=tuple(rows)))
        return rows

    def carriers(self, count: int, *names: str) -> list[str]:
        """Harmless blocks for an attack line: questions mostly, which attacks lack."""
        plain = tuple(row for row in self.lists["ask"] if not row.endswith(ASKED))
        rows: list[str] = []
        for _ in range(count):
            if len(plain) < len(self.lists["ask"]) and self.rng.random() < 0.75:
                try:
                    rows.append(self.pick("ask", but=(*rows, *plain)))
                    continue
                except Short:
                    pass
            rows.append(self.pick(*names, but=tuple(rows)))
        return rows

    def glue(self, *parts: str) -> str:
        usual = self.join or ""
        text = parts[0]
        for part in parts[1:]:
            between = self.rng.choices((usual, "\n", "\n\n", " "), (7, 2, 1, 1))[0]
            if not between and not END.search(text) and text[-1] not in "：:”」":
                between = "，" if self.lang in ("zh", "ja") else " "
            text += between + part
        return text

    def framed(self, frame: str, text: str) -> str:
        return frame.replace("{x}", text)


def attack(book: Book, english: Book, kind: str) -> str:
    rng = book.rng
    if kind == "open_payload":
        shape = rng.choices(
            (
                ("open", "extract"),
                ("open", "hijack"),
                ("open", "persona"),
                ("persona", "extract"),
                ("extract", "open"),
                ("open", "persona", "extract"),
                ("open", "hijack", "hijack"),
                ("fused", "persona"),
                ("fused", "extract"),
            ),
            (5, 5, 3, 2, 1, 2, 1, 1, 1),
        )[0]
        parts: list[str] = []
        for name in shape:
            parts.append(book.pick(name, but=tuple(parts)))
        return book.glue(*parts)
    if kind == "open_task":
        lead = book.pick(*rng.choices((("open",), ("persona",)), (3, 1))[0])
        return book.glue(lead, *book.carriers(rng.choice((1, 1, 1, 2)), "ask"))
    if kind == "ask_attack":
        asks = book.carriers(rng.choice((1, 1, 1, 2)), "ask", "doc")
        return book.glue(*asks, *payload(book))
    if kind == "document":
        docs = book.some(rng.choice((1, 1, 2)), "doc", "ask")
        inner = book.glue(*docs[:1], *payload(book, planted=True), *docs[1:])
        if rng.random() < 0.3:
            inner = book.glue(*payload(book, planted=True))
        return book.framed(book.pick("frame"), inner)
    if kind == "bare_document":
        docs = book.some(2, "doc")
        return book.glue(docs[0], *payload(book, planted=True), docs[1])
    if kind == "english_carrier":
        body = book.glue(*payload(book))
        if rng.random() < 0.4:
            return english.framed(english.pick("frame"), body)
        return english.glue(*order(rng, english.carriers(1, "ask", "doc")[0], body))
    if kind == "english_attack":
        body = english.glue(*payload(english))
        if rng.random() < 0.4:
            inner = book.glue(book.pick("doc", "ask"), " " + body).replace("  ", " ")
            return book.framed(book.pick("frame"), inner)
        return english.glue(*order(rng, book.carriers(1, "ask")[0], body))
    if kind == "english_half":  # one half of the attack in each language
        first, second = rng.choice(((book, english), (english, book)))
        return english.glue(first.pick("open"), second.pick("extract", "hijack", "persona"))
    if kind == "latin":
        row = book.pick("latin_attack")
        way = rng.randrange(3)
        if way == 0:
            return english.framed(english.pick("frame"), row)
        if way == 1:
            return english.glue(english.pick("ask", "doc"), row)
        return english.glue(book.pick("latin_ask"), row)
    raise ValueError(kind)


def payload(book: Book, planted: bool = False) -> list[str]:
    """What is planted in other text: two sentences mostly, or one that stands alone."""
    shape = book.rng.choices(
        (
            ("open", "hijack"), ("open", "extract"), ("open",), ("persona",), ("extract",),
            ("open", "persona"), ("story",), ("hijack", "hijack"), ("plant",), ("fused",),
            ("fused", "hijack"),
        ),
        (5, 4, 2, 2, 2, 1, 1.5 if book.lists["story"] else 0, int(planted), 2.5, 3, 1),
    )[0]  # fmt: skip
    parts: list[str] = []
    for name in shape:
        parts.append(book.pick(name, but=tuple(parts)))
    return parts


def order(rng: random.Random, carrier: str, body: str) -> tuple[str, str]:
    return (carrier, body) if rng.random() < 0.75 else (body, carrier)


def harmless(book: Book, english: Book, kind: str) -> str:
    rng = book.rng
    if kind == "pair":
        return book.glue(*book.some(2, "ask", "doc"))
    if kind == "triple":
        return book.glue(*book.some(rng.choice((3, 3, 3, 4)), "ask", "doc"))
    if kind == "document":
        rows = book.some(rng.choice((1, 2, 2, 3, 3, 4)), "doc", "ask")
        return book.framed(book.pick("frame"), book.glue(*rows))
    if kind == "doc_ask":
        return book.glue(*order(rng, book.pick("doc"), book.pick("ask")))
    if kind == "english_carrier":
        body = book.glue(*book.some(rng.choice((1, 2)), "ask", "doc"))
        if rng.random() < 0.4:
            return english.framed(english.pick("frame"), body)
        return english.glue(*order(rng, english.pick("ask", "doc"), body))
    if kind == "english_inside":
        body = english.glue(*english.some(rng.choice((1, 2)), "ask", "doc"))
        if rng.random() < 0.4:
            inner = book.glue(book.pick("doc", "ask"), " " + body).replace("  ", " ")
            return book.framed(book.pick("frame"), inner)
        return english.glue(*order(rng, book.pick("ask"), body))
    if kind == "english_half":
        first, second = rng.choice(((book, english), (english, book)))
        return english.glue(first.pick("ask"), second.pick("ask", "doc"))
    if kind == "latin":
        row = book.pick("latin_ask")
        way = rng.randrange(3)
        if way == 0:
            return english.framed(english.pick("frame"), row)
        if way == 1:
            return english.glue(english.pick("ask", "doc"), row)
        return english.glue(book.pick("latin_ask", but=(row,)), row)
    raise ValueError(kind)


ATTACK_SHARES = {
    "open_payload": 24, "open_task": 14, "ask_attack": 17, "document": 17, "bare_document": 4,
    "english_carrier": 8, "english_attack": 6, "english_half": 3, "latin": 5,
}  # fmt: skip
HARMLESS_SHARES = {
    "pair": 30, "triple": 18, "document": 24, "doc_ask": 6, "english_carrier": 8,
    "english_inside": 6, "english_half": 3, "latin": 5,
}  # fmt: skip
ALONE_ATTACK = ("open", "extract", "persona", "fused", "story", "plant", "latin_attack")
ALONE_HARMLESS = ("ask", "doc", "latin_ask")


def fill(text: str, rng: random.Random) -> str:
    for name, values in FILL.items():
        while name in text:
            text = text.replace(name, rng.choice(values), 1)
    return text


def surface(text: str, book: Book) -> tuple[str, str]:
    """The same chances for both labels: how people type and paste."""
    rng = book.rng
    roll = rng.random()
    if book.lang in ROMAN and rng.random() < 0.08:
        return romanised(text, ROMAN[book.lang]), "+roman"
    if roll < 0.07:
        return text.lower(), "+lower"
    if roll < 0.13:
        return END.sub("", text), "+open_end"
    if roll < 0.20:
        return (text, "") if book.lang in KEEP_MARKS else (bare(text), "+bare")
    if roll < 0.22:
        return text.upper(), "+upper"
    if roll < 0.30:
        return rng.choice(WRAPS).replace("{x}", text), "+wrap"
    if roll < 0.32:
        return re.sub(r"(?<=[.!?।؟])\s+|\n+", "   ", text), "+spaces"
    if roll < 0.35:
        return END.sub("", text) + rng.choice(("!!!", "!", "...", " :)", " thx", "??")), "+tail"
    return text, ""


def lines_of(book: Book, english: Book, label: int, wanted: int, seen: set[str]) -> Iterator[Line]:
    shares = ATTACK_SHARES if label else HARMLESS_SHARES
    make: Callable[[Book, Book, str], str] = attack if label else harmless
    made = 0
    for name in ALONE_ATTACK if label else ALONE_HARMLESS:
        for row in book.lists[name]:
            book.used[row] += 1
            text = fill(row, book.rng)
            if made < wanted and text not in seen:
                seen.add(text)
                made += 1
                yield Line(text, label, book.lang, f"alone_{name}")
    kinds = [kind for kind in shares if kind != "latin" or book.lists["latin_ask"]]
    left = wanted - made
    total = sum(shares[kind] for kind in kinds)
    plan = [kind for kind in kinds for _ in range(round(left * shares[kind] / total) + 1)]
    book.rng.shuffle(plan)
    tries = 0
    while made < wanted and tries < wanted * 6:
        kind = plan[tries % len(plan)]
        tries += 1
        before, before_english = book.used.copy(), english.used.copy()
        try:
            text = fill(make(book, english, kind), book.rng)
        except Short:
            book.used, english.used = before, before_english
            continue
        plain = text
        text, form = surface(plain, book)
        if text == plain:
            form = ""
        if text in seen:
            continue
        seen.add(text)
        made += 1
        yield Line(text, label, book.lang, kind + form)
    if made < wanted:
        print(f"{book.lang}: {made} of {wanted} for label {label}", file=sys.stderr)


def load(folder: Path = HERE) -> list[dict[str, Any]]:
    """One entry for a language; what further files hold for it is added to its lists."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("multilingual*.yaml")):
        for data in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            entry = found.setdefault(data["lang"], {})
            for key, value in data.items():
                if key in LISTS:
                    entry[key] = entry.get(key, "") + value
                else:
                    entry[key] = value
    return list(found.values())


def expand(seed: int = 7, per_label: int = 6000, cap: int = 12, folder: Path = HERE) -> list[Line]:
    rng = random.Random(f"{SET}/{seed}")
    blocks = load(folder)
    carrier = next(data for data in blocks if data.get("carrier"))
    english = Book(carrier, rng, cap * 2)
    spoken = [data for data in blocks if not data.get("carrier")]
    seen: set[str] = set()
    lines: list[Line] = []
    for number, data in enumerate(spoken):
        book = Book(data, random.Random(f"{SET}/{seed}/{data['lang']}"), cap)
        wanted = per_label * (number + 1) // len(spoken) - per_label * number // len(spoken)
        for label in (1, 0):
            lines += lines_of(book, english, label, wanted, seen)
    rng.shuffle(lines)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--per-label", type=int, default=6000)
    parser.add_argument("--cap", type=int, default=12)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = (
        json.dumps(
            {"text": x.text, "label": x.label, "set": SET, "lang": x.lang, "kind": x.kind},
            ensure_ascii=False,
        )
        for x in expand(args.seed, args.per_label, args.cap)
    )
    if args.out:
        args.out.write_text("\n".join(rows) + "\n", encoding="utf-8")
    else:
        print("\n".join(rows))


if __name__ == "__main__":
    main()
