"""Orders that ask for output without end, or for more than anybody reads.

The table of `denial_of_wallet`. A program that counts or repeats costs nothing, and passes.
"""

from __future__ import annotations

import re

from engines.base import Rule

_NUMBER = (
    r"(?:\d{1,3}(?:[,.' ]\d{3}){1,4}|\d{3,12}|\d{1,4} ?k\b|(?:a |one |ten |hundred )?(?:thousand"
    r"|million|billion|trillion|zillion)s?)"
)
_ENDLESS = (
    r"(?:forever|endlessly|infinitely|indefinitely|ad infinitum|eternally|non-?stop"
    r"|without (?:ever )?(?:stopping|end|ending|pause|limit)|(?:an )?infinite(?: number of)? times"
    r"|in an? (?:infinite|endless) loop|until (?:you (?:run out|reach|hit|crash|can(?:'t|not)"
    r"|are (?:stopped|told|forced))|the (?:end of time|context|token|maximum))|(?:and"
    r"|but) (?:never|don't|do not|never ever) stop\b|without stopping)"
)
_ENDLESS_NEEDS = (
    "forever", "endless", "infinit", "indefinite", "eternally", "without stop", "without ever",
    "without end", "without pause", "without limit", "nonstop", "non-stop", "you run out",
    "you reach", "you hit", "you crash", "until you", "end of time", "until the", "and never",
    "and do", "but never", "but do",
)  # fmt: skip
_CODE = re.compile(
    r"\b(?:program|function|code|script|python|java|c\+\+|loop|algorithm|simulat\w{1,5}|sql|query"
    r"|class|method|monte|regex|benchmark|test|dataset)s?\b"
)
_PROGRAMS = 120
"""Characters before a demand in which a program is asked for, which costs nothing."""


def _amount(text: str) -> int:
    """The largest number that stands in a few words."""
    found = 0
    for match in re.finditer(r"(\d[\d,.' ]{0,18}\d|\d)( ?k\b)?", text):
        digits = re.sub(r"\D", "", match[1])
        found = max(found, int(digits) * (1000 if match[2] else 1))
    for word, value in (("thousand", 10**3), ("million", 10**6), ("illion", 10**9)):
        if word in text:
            return max(found * value if 0 < found < 1000 else value, found)
    return found


def _by_hand(match: re.Match[str]) -> bool:
    """Whether no program is asked for that does it."""
    return not _CODE.search(match.string, max(0, match.start() - _PROGRAMS), match.end() + 40)


def _many(match: re.Match[str]) -> bool:
    literal = any(sign.isdigit() for sign in match[0]) or match[0].startswith(_COPYING)
    return literal and _amount(match[0]) >= 500 and _by_hand(match)


_COPYING = ("repeat", "print", "output", "type", "copy", "paste", "echo")


def _enormous(match: re.Match[str]) -> bool:
    unit = match["unit"]
    least = next((least for begin, least in _USEFUL.items() if unit.startswith(begin)), 2_000)
    return _amount(match[0]) >= least and _by_hand(match)


_USEFUL = {"word": 20_000, "token": 20_000, "char": 100_000, "digit": 5_000, "page": 200,
           "chapter": 200, "stor": 200, "essay": 200, "poem": 200}  # fmt: skip
"""How much of each somebody may want."""


def _far(match: re.Match[str]) -> bool:
    endless = "infinity" in match[0] or "existence" in match[0]
    return (endless or _amount(match[0]) >= 10_000) and _by_hand(match)


_UNITS = (
    "word", "page", "para", "chap", "sent", "line", "tok", "verse", "poem", "stor", "essay", "item",
    "exam", "fact", "vari", "joke", "name", "digit", "char",
)  # fmt: skip
_UNIT = (
    r"(?:words?|pages?|paragraphs?|chapters?|sentences?|lines?|tokens?|verses?|poems?|story"
    r"|stories|essays?|items?|examples?|facts?|variations?|jokes?|names?|digits?|characters)"
)
_OUTPUT_NEEDS = (
    *(
        f"{end}{joint}{unit}"
        for end in ("00", "k", "thousand", "million", "billion")
        for joint in (" ", "-", "")
        for unit in _UNITS
    ),
    "000 uni", "000 dif", "000 ori", "000 ran", "million ", "billion ",
)  # fmt: skip


RULES = (
    Rule(
        "endless_repetition",
        r"\b(?:(?:repeat|print|output(?! without)|echo|recite|chant|keep (?:saying|writing"
        r"|printing|typing|repeating))\b|(?:say|write|type|spell|sing) (?:out )?(?:the (?:word"
        r"|phrase|letter|sentence|name|following|same)|[\"'“]))"
        rf"[^\n.]{{0,120}}?\b{_ENDLESS}",
        0.55,
        "asks to repeat something without end",
        needs=_ENDLESS_NEEDS,
        check=_by_hand,
    ),
    Rule(
        "endless_list",
        r"\b(?:writ|generat|produc|creat|print|output|giv|list|show)\w{0,3} (?:me |out "
        r"|us )?(?:an? )?(?:truly |really )?(?:infinite|endless|never-?ending"
        r"|unending)(?:ly long)? (?:\w{1,14} )?(?:lists?|streams?|amounts?|outputs?|answers?"
        r"|responses?|texts?|repl(?:y|ies)|story|stories|essays?|poems?|strings?|number"
        r"|sequence of (?:words|tokens|letters))\b|\b(?:keep|continue|go on) (?:on )?(?:writing"
        r"|generating|talking|going|counting|outputting"
        rf"|printing|typing|speaking|producing)\b[^\n.]{{0,60}}?{_ENDLESS}",
        0.5,
        "asks for output without end",
        needs=("infinite", "never-ending", "neverending", "unending", *_ENDLESS_NEEDS),
        check=_by_hand,
    ),
    Rule(
        "many_times",
        r"\b(?:repeat|say|write|print|output|type|echo|recite|copy|paste|generate|sing)\b"
        rf"[^\n.]{{0,120}}?\b{_NUMBER} (?:more )?times\b|\b(?:write|print|make|give"
        rf"|produce) (?:me )?{_NUMBER} (?:copies|repetitions) of\b",
        0.55,
        "asks for hundreds of repetitions",
        needs=("0 times", "k times", "thousand times", "million times", "illion times",
               "9 times", "1 times", "5 times", "2 times", "6 times", "7 times", "0 more times",
               "0 copies", "0 repetitions", "thousand copies", "million copies"),
        check=_many,
    ),
    Rule(
        "enormous_output",
        r"\b(?:writ|generat|produc|creat|compos|giv|list|output|print|mak)\w{0,3}\b[^\n.?]{0,60}?"
        rf"\b{_NUMBER}[ -]?(?:(?!{_UNIT})\w{{4,12}} )?(?P<unit>{_UNIT})\b",
        0.5,
        "asks for an enormous amount of output",
        needs=_OUTPUT_NEEDS,
        check=_enormous,
    ),
    Rule(
        "counting",
        r"\b(?:count|list|print|write|output|enumerate|name|give|say)\b[^\n.]{0,60}?\b(?:0|1|one"
        r"|zero)"
        rf" (?:up )?(?:to|until|through|-) {_NUMBER}|\b(?:count|counting) (?:up )?to (?:{_NUMBER}"
        r"|infinity)|\b(?:print|list|write|output|give|recite|name)\b[^\n.]{0,30}?\b(?:every"
        r"|all(?: the| of the)?) (?:integers?|(?:(?:prime|natural|whole|even|odd) )?numbers?"
        r"|primes?|digits of pi)"
        rf"\b[^\n.]{{0,40}}?(?:{_NUMBER}|infinity|in existence)",
        0.5,
        "asks to count or list further than anybody reads",
        needs=("000", "million", "billion", "trillion", "zillion", "infinity", "0k",
               "in existence"),
        check=_far,
    ),
    Rule(
        "until_the_limit",
        r"\b(?:write|writing|keep|continue|generat\w{1,3}|talk\w{0,3}|go on|repeat\w{0,3}"
        r"|output\w{0,4}|print\w{0,3}|say\w{0,3})\b[^\n.]{0,100}?\b(?:until|till) (?:you(?:'ve)? "
        r"|the )?(?:have )?(?:reach|hit|fill|exhaust|use)\w{0,3}(?: up)?\b[^\n.]{0,30}?\b(?:limit"
        r"|window|budget|quota|tokens|credits|buffer|maximum)\b|\b(?:fill|exhaust|use up|max out"
        r"|consume) (?:up )?(?:all (?:of )?)?(?:your|the) (?:(?:entire|whole|maximum|remaining"
        r"|complete|full|available|output|token|context) ){1,3}(?:limit|window|budget|length|quota"
        r"|tokens|credits|buffer)\b|\b(?:your|the) (?:answer|response|output|reply) (?:must|should"
        r"|has to|may) never end\b|\bnever[- ]ending (?:answer|response|output|reply|list)\b",
        0.5,
        "asks to go on until a limit is reached",
        needs=("until you", "till you", "until the", "till the", "entire ", "whole ",
               "maximum ", "remaining ", "full output", "full context", "all tokens", 
               "your available",
               "never end", "never-ending", "the available"),
        check=_by_hand,
    ),
    Rule(
        "calls_itself",
        r"\b(?:for|to) (?:each|every)(?: one)?(?: of)? (?:(?:the|these|those|your|its"
        r"|of your) )?(?:\w{1,14} ){0,2}?(?:answers?|outputs?|questions?|replies"
        r"|responses?)\b[^\n]{0,160}?"
        rf"\b(?:recursive(?:ly)?|{_ENDLESS})"
        r"|\b(?:prompt|call|query|invoke|ask) yourself\b[^\n]{0,120}?"
        rf"\b(?:recursive(?:ly)?|{_ENDLESS})"
        r"|\b(?:feed|paste|use|take|treat) (?:your|the|that|this) (?:own |last |previous "
        r"|new )?(?:answer|output|response|result|reply)\b[^\n]{0,60}?\b(?:next|new|another|back"
        r"|again)\b"
        rf"[^\n]{{0,80}}?\b{_ENDLESS}"
        r"|\b(?:repeat|run|execute|apply|follow) (?:this|the same|these"
        r"|the above) (?:\w{1,12} )?(?:prompt|instructions?|process|steps?"
        r"|task)\b[^\n.]{0,80}?(?:on|to|with|for|using) (?:your"
        rf"|its|the) (?:\w{{1,10}} )?(?:answer|output|response"
        rf"|result)s?\b[^\n]{{0,80}}?\b{_ENDLESS}",
        0.55,
        "calls for itself again",
        needs=("recursiv", *_ENDLESS_NEEDS),
        check=_by_hand,
    ),
)  # fmt: skip
