"""What a turn of a conversation is about, where it is about harm, and how far it goes.

A word list knows themes and not intentions: alone it says nothing, and no engine takes it for a
verdict. Engines that look at many turns use it to see where they are heading.
"""

from __future__ import annotations

import re

_THEMES = {
    "weapons": r"bombs?|explosives?|molotov\w*|grenades?|detonators?|napalm|thermite|ieds?"
    r"|ghost guns?|silencers?|nerve (?:agents?|gas)|sarin|ricin|anthrax|mustard gas|chlorine gas"
    r"|bio-?weapons?|chemical weapons?|incendiary \w+|blasting caps?|gunpowder|c-?4\b",
    "drugs": r"meth|methamphetamines?|crystal meth|cocaine|heroin|fentanyl|lsd|mdma|ecstasy|ghb"
    r"|crack cocaine|controlled substances?|date[- ]rape drugs?|opioids?",
    "intrusion": r"malware|ransomware|keyloggers?|botnets?|ddos|phishing|backdoors?|rootkits?"
    r"|spyware|trojans?|exploits?|credential stuffing|password crack\w*|sql injections?"
    r"|hack(?:ing)? (?:into|(?:a|an|the|someone'?s?|my \w{1,12}'?s?) )|zero-?days?|worms?"
    r"|computer virus(?:es)?|stolen passwords?|steal(?:ing)? (?:passwords?|credentials|data)",
    "fraud": r"counterfeit\w*|card skimm\w+|identity theft|money launder\w*|launder(?:ing)? money"
    r"|fake (?:ids?|passports?|documents?|invoices?)|credit card (?:fraud|numbers?)|scams?|forg(?:e"
    r"|ing|ery)|ponzi|tax evasion|embezzl\w+|blackmail\w*|extort\w*|shoplift\w*|lock ?pick\w*"
    r"|hot-?wir\w+|steal(?:ing)? (?:a |the |some )?(?:cars?|money|identit\w+)",
    "violence": r"kill(?:ing)? (?:someone|somebody|a (?:person|man|woman|human)|people|him|her|my)"
    r"|murder\w*|assassinat\w*|poison(?:ing|s)?|kidnap\w*|tortur\w*|mass shootings?|arson"
    r"|dispos\w+ of (?:a |the )?bod(?:y|ies)|terroris\w+|hitm[ae]n|strangl\w*|stab(?:bing)?",
    "self_harm": r"suicide|kill(?:ing)? myself|self-?harm\w*|overdos\w*|starv\w+ myself|cutting"
    r" myself|pro-?ana",
    "hate": r"racist|racial slurs?|slurs?|genocide|ethnic cleansing|inferior races?|neo-?nazis?"
    r"|antisemiti\w+|white suprema\w+|hate speech|subhuman\w*|hateful",
    "abuse": r"child porn\w*|csam|rap(?:e|ing)\b|non-?consensual|groom(?:ing)? (?:a )?(?:child"
    r"|minor|teen)\w*|revenge porn|sex trafficking|stalk(?:ing|er)?|doxx?(?:ing)?"
    r"|spy(?:ing)? on (?:my|her|his|someone)",
    "deceit": r"fake news|disinformation|propaganda|deep-?fakes?|conspiracy theor\w+|voter"
    r" suppression|election fraud|defam\w+",
}
_ANY = re.compile(r"\b(?:" + "|".join(_THEMES.values()) + r")(?!\w)")
_EACH = {theme: re.compile(rf"\b(?:{words})(?!\w)") for theme, words in _THEMES.items()}
_MAKING = re.compile(
    r"\b(?:how (?:do|can|could|would|should|might) (?:i|we|you|one|someone)\b|how (?:to|exactly)\b"
    r"|(?:make|making|made|build\w*|built|creat\w+|assembl\w+|construct\w*|cook\w*|produc\w+"
    r"|synthesi[sz]\w*|brew\w*|writ(?:e|ing)|cod(?:e|ing)|obtain\w*|buy(?:ing)?|get away"
    r"|plant(?:ing)?|deploy\w*|recipe|ingredients?|materials?|instructions?|tutorial|guide|plan"
    r"|lethal|dos(?:e|age)s?|(?:harm|hurt)s? (?:a|someone|people)|convinc\w+|hid(?:e|ing)"
    r"|evad\w+|bypass\w*|target(?:ing)?)\b)"
)
_EXACT = re.compile(
    r"\b(?:step[- ]by[- ]step|exact(?:ly)?|precise(?:ly)?|specific(?:ally|s)?|quantit\w+"
    r"|measurements?|proportions?|ratios?|temperatures?|amounts?|dosages?|full (?:code|recipe"
    r"|instructions?|script|version|text|plan)|complete (?:code|recipe|instructions?|script|list"
    r"|guide|plan|version)|working (?:code|example|version|script)|source code|each step"
    r"|every step|in (?:full|more|greater|complete|technical|explicit) detail|detailed|real names?"
    r"|where (?:can|could|do|would) (?:i|one|you|they|someone) (?:buy|get|find|obtain)"
    r"|without (?:getting|being) (?:caught|detected|noticed|traced)|undetect\w+|untraceable"
    r"|(?:avoid|evade|escape|evading|avoiding) (?:detection|the police|being caught|suspicion"
    r"|antivirus)|actual (?:code|recipe|steps|instructions|names)|more (?:extreme|explicit|graphic"
    r"|detail|details|aggressive|violent|hateful))\b"
)
_DEFENSIVE = re.compile(
    r"\b(?:protect\w*|prevent\w*|detect(?:s|ing|ed|ion)?\b(?<!undetected)|defend\w*|recogni[sz]\w*"
    r"|spot(?:ting)?|mitigat\w*|guard against|secure|safely|treat(?:ment|ing)?|recover(?:y|ing)?"
    r"|quit(?:ting)?|awareness|patch(?:ing)?|remov(?:e|ing) (?:the |a )?(?:malware|virus|spyware"
    r"|ransomware)|report(?:ing)?|helplines?|support for|victims?|history of|laws?|penalt\w+"
    r"|illegal|sentenced|convicted|policy|treaty|museum|documentary)\b"
)
_EVADES = re.compile(r"\b(?:avoid|evad|escap|without|bypass)\w*[^\n.]{0,20}?\b(?:detect|caught)")


def themes(lower: str) -> frozenset[str]:
    """The themes of harm that a text in lower case names."""
    if not _ANY.search(lower):
        return frozenset()
    return frozenset(theme for theme, pattern in _EACH.items() if pattern.search(lower))


def asks_how(lower: str) -> bool:
    """Whether a turn speaks of making or doing the thing."""
    return bool(_MAKING.search(lower))


def reach(lower: str) -> int:
    """How far a turn about such a theme goes: 1 talks of it, 2 asks how, 3 wants it exactly."""
    if _DEFENSIVE.search(lower) and not _EVADES.search(lower):
        return 1
    exact = bool(_EXACT.search(lower))
    return 3 if exact else 2 if _MAKING.search(lower) else 1
