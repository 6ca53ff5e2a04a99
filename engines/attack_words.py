"""What an attack is about, in few words, for engines that judge a disguise.

A disguise alone proves little; one that hides these words does. Recognising attacks in plain
writing is the work of other engines, whose rules are finer.
"""

from __future__ import annotations

import re

_WORDS = """
    anthrax arson attack bioweapon bomb bombs bypass bypassing chemical cocaine confidential
    counterfeit credential credentials cyberattack developer disable disregard drugs exploit
    explosive explosives firearm forget fraud grenade hack hacker hacking heroin hidden hijack
    ignore ignoring illegal illegally inject injection instruction instructions jailbreak keylogger
    kill killing launder malicious malware meth methamphetamine molotov murder napalm override
    password phishing poison previous prompt prompts ransomware restriction restrictions reveal
    rootkit sarin secret secrets steal stealing stolen suicide system terrorist trojan uncensored
    unethical unfiltered unrestricted virus weapon weapons
"""
WORDS = frozenset(_WORDS.split())
"""Words that carry an attack; worth a second look where somebody has disguised them."""

SQUEEZED = (
    "ignoreall", "ignoreprev", "ignorethe", "ignoreyour", "disregardall", "disregardprev",
    "forgetall", "forgetyour", "forgetprev", "previousinstruction", "allinstructions",
    "yourinstructions", "systemprompt", "hiddenprompt", "thepassword", "secretpassword",
    "doanythingnow", "makeabomb", "buildabomb", "norestrictions",
)  # fmt: skip
"""Beginnings of attacks written without spaces."""

_ATTACK = re.compile(
    r"(?:ignor|disregard|forget|bypass|overrid|circumvent)[^\n]{1,40}?(?:instruction|prompt|\brules"
    r"|guideline|directive|restriction|filter|safety|safeguard|everything)"
    r"|(?:reveal|show|print|repeat|tell|give|output|leak|say|write|send)[^\n]{1,30}?(?:password"
    r"|secret|prompt\b|your instructions|hidden|credential|api key)"
    r"|system prompt|do anything now|jailbreak|\bdan mode|without (?:any )?restrictions"
    r"|(?:unrestricted|uncensored|unfiltered) (?:ai|mode|assistant|model)"
    r"|(?:mak|build|creat|synthesi[sz]|cook|construct|produc|assembl|detonat|writ)(?:e|ing|)\b"
    r"[^\n]{1,30}?(?:\bbomb|explosive|molotov|napalm|\bmeth\b|methamphetamine|cocaine|heroin"
    r"|malware|ransomware|keylogger|rootkit|\bvirus|nerve agent|sarin|bioweapon|anthrax|\bpoison)"
    r"|(?:steal|launder|counterfeit)(?:ing)?\b[^\n]{1,30}?(?:money|identit|credit card|password"
    r"|data|credentials|currency|bills)"
    r"|(?:kill|murder|poison)(?:ing)?\b[^\n]{1,20}?(?:someone|somebody|people|a person|my \w+)"
)


def names_attack(lower: str) -> bool:
    """Whether a text in lower case reads like an attack."""
    return _ATTACK.search(lower) is not None
