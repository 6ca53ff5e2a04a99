"""Expand the grammars of ops/training/own into labelled training lines.

    python -m ops.training.own_english --out own.jsonl [--seed 7] [--only d_roles] [--scale 1.0]

Every file of own/ but those named multilingual* holds `slots` (name: lines of text) and `sets`
(which slot to expand, how often, and what the results are).  In a line:

    «slot»        a value of the slot, from a shuffled deck: each comes once before any comes twice
    «slot.x»      the same value wherever the same mark x stands in this text
    «fn:slot»     the value put through a function of FUNCTIONS (rev, b64, hyph, cap …)
    «slot.x[1]»   column 1 of a value (a ||| b ||| c), so that what belongs together stays so
    ⟦a¦b¦c⟧       one of them;  ⟦a⟧ stands in every second text only
    ⏎             a line break

A set is {set, kind, task, label, from, count}, and where wanted:
    surface   (default true) case, final stop, greeting and typing noise, alike for both labels
    alias     {slot: other slot}, so that both labels share their templates
    insert    a slot, or one for each kind of document, whose value is put into the document as
              foreign text; a first line that is one of `marks` names the kind and is taken away
    marked    takes that line away without an insertion
    around    a slot of frames with the word DOC, which nearly half of the texts get
Output is the same for the same seed and the same files, and no text comes twice.
"""

import argparse
import base64
import codecs
import json
import pathlib
import random
import re
import sys
import zlib

import yaml

HERE = pathlib.Path(__file__).resolve().parent / "own"
SLOT = re.compile(r"«(?:(\w+):)?(\w+)(?:\.(\w+))?(?:\[(\d)\])?»")
CHOICE = re.compile(r"⟦([^⟦⟧]*)⟧")
TASKS = {"injection", "harm", "toxicity"}
CASINGS = (
    '"{}"',
    "User: {}",
    "Q: {}",
    "> {}",
    "### Instruction:\n{}\n\n### Response:",
    "Human: {}\n\nAssistant:",
    "[INST] {} [/INST]",
    "task: {}",
)
LEET = str.maketrans("aeiosAEIOS", "4310543105")
MORSE = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        (
            ".-",
            "-...",
            "-.-.",
            "-..",
            ".",
            "..-.",
            "--.",
            "....",
            "..",
            ".---",
            "-.-",
            ".-..",
            "--",
            "-.",
            "---",
            ".--.",
            "--.-",
            ".-.",
            "...",
            "-",
            "..-",
            "...-",
            ".--",
            "-..-",
            "-.--",
            "--..",
        ),
        strict=True,
    )
)


def _article(text):
    return ("an " if text[:1].lower() in "aeiou" else "a ") + text


FUNCTIONS = {
    "rev": lambda s: s[::-1],
    "b64": lambda s: base64.b64encode(s.encode()).decode(),
    "hex": lambda s: s.encode().hex(),
    "rot": lambda s: codecs.encode(s, "rot13"),
    "morse": lambda s: " ".join(MORSE.get(c, "/") for c in s.lower()),
    "bin": lambda s: " ".join(format(b, "08b") for b in s.encode()),
    "leet": lambda s: s.translate(LEET),
    "hyph": lambda s: "-".join(s),
    "space": lambda s: " ".join(s),
    "under": lambda s: s.replace(" ", "_"),
    "slug": lambda s: re.sub(r"[^a-z0-9]+", "-", s.lower()).strip("-"),
    "cap": lambda s: s[:1].upper() + s[1:],
    "low": lambda s: s[:1].lower() + s[1:],
    "up": str.upper,
    "title": str.title,
    "a": _article,
    "A": lambda s: _article(s)[:1].upper() + _article(s)[1:],
    "bare": lambda s: s.rstrip(".?! "),
    "half1": lambda s: s[: len(s) // 2],
    "half2": lambda s: s[len(s) // 2 :],
    "alt": lambda s: "".join(c.upper() if i % 2 else c.lower() for i, c in enumerate(s)),
    "rep": lambda s: " ".join([s] * (6 + len(s) * 7 % 30)),
    "glue": lambda s: s * (8 + len(s) * 11 % 40),
}


class Grammar:
    def __init__(self, slots, seed):
        self.slots, self.rng, self.decks = slots, random.Random(seed), {}

    def draw(self, name):
        deck = self.decks.get(name)
        if not deck:
            if name not in self.slots:
                raise SystemExit(f"no slot named {name}")
            deck = self.decks[name] = list(self.slots[name])
            self.rng.shuffle(deck)
        return deck.pop()

    def choose(self, text):
        def one(match):
            parts = match.group(1).split("¦")
            return self.rng.choice(parts if len(parts) > 1 else [parts[0], ""])

        while CHOICE.search(text):
            text = CHOICE.sub(one, text)
        return text

    def fill(self, text, bound):
        text = self.choose(text)

        def one(match):
            function, name, mark, column = match.groups()
            if mark:
                if (name, mark) not in bound:
                    bound[name, mark] = self.fill(self.draw(name), bound)
                value = bound[name, mark]
            else:
                value = self.fill(self.draw(name), bound)
            if column:
                value = value.split("|||")[int(column)].strip()
            return FUNCTIONS[function](value) if function else value

        return SLOT.sub(one, text)

    def text(self, name):
        return tidy(self.fill(self.draw(name), {}).replace("⏎", "\n"))


def tidy(text):
    text = re.sub(r"[ \t]+\n", "\n", text)
    text = re.sub(r"(?<=\S) {2,3}(?=\S)", " ", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def insert(document, foreign, rng):
    """Foreign text at the start, inside or at the end, on a line of its own or within one."""
    lines = document.split("\n")
    place = rng.choice(("start", "middle", "middle", "end"))
    at = rng.randrange(1, len(lines)) if place == "middle" and len(lines) > 1 else 1
    before = lines[at - 1]
    prose = len(before) > 40 and not re.search(r"[|{};<>]", before)
    if place == "middle" and prose and rng.random() < 0.5:
        sentences = re.split(r"(?<=[.!?]) ", before)
        sentences.insert(rng.randint(1, len(sentences)), foreign.replace("\n", " "))
        lines[at - 1] = " ".join(sentences)
        return "\n".join(lines)
    at = {"start": 0, "end": len(lines)}.get(place, at)
    gap = [""] if rng.random() < 0.4 else []
    return "\n".join([*lines[:at], *gap, foreign, *gap, *lines[at:]]).strip()


def typo(text, rng):
    at = [m.start() for m in re.finditer(r"[a-z]{2}", text)]
    if at:
        i = rng.choice(at)
        kept = text[i] if rng.random() < 0.6 else ""
        text = text[:i] + text[i + 1] + kept + text[i + 2 :]
    return text


def surface(text, rng, slots):
    """How people type, at one rate whatever the label, so that no such trait tells a label."""
    roll = rng.random()
    if roll < 0.16 and len(text) < 400:
        text = text.lower()
    elif roll < 0.175 and len(text) < 120:
        text = text.upper()
    elif roll < 0.26:
        text = typo(text, rng)
    if rng.random() < 0.05:
        text = rng.choice(slots["greeting"]) + " " + text
    if rng.random() < 0.04 and len(text) < 600:
        text = text + " " + rng.choice(slots["closing"])
    if rng.random() < 0.2:
        text = re.sub(r"[.?!]+$", "", text)
    if rng.random() < 0.015 and len(text) < 600:
        text = rng.choice(CASINGS).replace("{}", text)
    return text


def lines_of(value):
    if not isinstance(value, str):
        return list(value)
    return [line.strip() for line in value.split("\n") if line.strip()]


def load(folder):
    files = {}
    for path in sorted(folder.glob("*.yaml")):
        if not path.name.startswith("multilingual"):
            files[path.stem] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    return files


def compose(one, grammar, shared):
    """One text of a set, as the set wants it, and where foreign text stands in it."""
    slots, foreign = grammar.slots, ""
    text, mark = grammar.text(one["from"]), ""
    if ("insert" in one or one.get("marked")) and text.partition("\n")[0] in slots.get("marks", ()):
        mark, _, text = text.partition("\n")
        text = text.strip("\n")
    if "insert" in one:
        name = one["insert"]
        if isinstance(name, dict):
            name = name.get(mark, name["other"])
        foreign = grammar.text(name)
        text = insert(text, foreign, grammar.rng)
    if "around" in one and grammar.rng.random() < 0.45:
        text = grammar.text(one["around"]).replace("DOC", text)
    if one.get("surface", True):
        text = surface(text, grammar.rng, shared)
    text = text.strip()
    return text, place_of(foreign, text)


def place_of(foreign, text):
    """Where the foreign text stands, whatever case or typing error came over it since."""
    if not foreign:
        return []
    flat = foreign.replace("\n", " ").lower()
    whole = text.replace("\n", " ").lower()
    for head, tail in ((flat, ""), (flat[:20], flat[-20:]), (flat[:20], ""), ("", flat[-20:])):
        start = whole.find(head) if head else whole.find(tail) + len(tail) - len(flat)
        if start >= 0 and (tail in whole[start:]):
            end = whole.find(tail, start) + len(tail) if tail else start + len(flat)
            return [[max(start, 0), min(end, len(text))]]
    return []


def expand(folder=HERE, seed=7, only=None, scale=1.0):
    """Yield the lines of all sets as dicts, in the order of the files."""
    files = load(folder)
    shared = {k: lines_of(v) for k, v in files.get("shared", {}).get("slots", {}).items()}
    seen = set()
    for stem, content in files.items():
        common = {**shared, **{k: lines_of(v) for k, v in content.get("slots", {}).items()}}
        for number, one in enumerate(content.get("sets", [])):
            if only and not any(key in (stem, one["set"], one["kind"]) for key in only):
                continue
            if one["task"] not in TASKS or one["label"] not in (0, 1):
                raise SystemExit(f"{stem}: {one}")
            slots = {**common, **{k: common[v] for k, v in one.get("alias", {}).items()}}
            name = f"{seed}/{stem}/{number}/{one['kind']}/{one['label']}"
            grammar = Grammar(slots, zlib.crc32(name.encode()))
            every = one["count"] == "all"
            wanted = len(slots[one["from"]]) if every else max(1, round(one["count"] * scale))
            made = tries = 0
            while made < wanted and tries < wanted * 6 + 40:
                tries += 1
                text, spans = compose(one, grammar, shared)
                key = re.sub(r"\W+", " ", text.lower()).strip() or text
                if text and key not in seen:
                    seen.add(key)
                    made += 1
                    about = {k: one[k] for k in ("label", "set", "kind", "task")}
                    yield {"text": text, **about, **({"spans": spans} if spans else {})}
            if made < wanted:
                print(f"{stem}/{one['kind']}: {made} of {wanted}", file=sys.stderr)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", help="files, sets or kinds, with commas between")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on every count")
    parser.add_argument("--folder", type=pathlib.Path, default=HERE)
    given = parser.parse_args(argv)
    counts = {}
    with given.out.open("w", encoding="utf-8") as out:
        only = given.only.split(",") if given.only else None
        for line in expand(given.folder, given.seed, only, given.scale):
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
            key = line["task"], line["set"], line["kind"], line["label"]
            counts[key] = counts.get(key, 0) + 1
    for key, count in sorted(counts.items()):
        print(*key, count)
    print("total", sum(counts.values()))


if __name__ == "__main__":
    main()
