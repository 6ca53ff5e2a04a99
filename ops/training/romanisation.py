"""Latin letters for Cyrillic and Greek ones, as people type them."""

from __future__ import annotations

import unicodedata

LATIN_CYRILLIC = (
    "a b v g d e z i y k l m n o p r s t u f kh ts ch sh shch  y  e yu ya yo zh i yi ye g"
)
CYRILLIC = dict(
    zip("абвгдезийклмнопрстуфхцчшщъыьэюяёжіїєґ", LATIN_CYRILLIC.split(" "), strict=True)
)
CYRILLIC_UK = CYRILLIC | {"г": "h", "и": "y", "й": "i"}
LATIN_GREEK = "a v g d e z i th i k l m n ks o p r s s t y f ch ps o"
GREEK = dict(zip("αβγδεζηθικλμνξοπρσςτυφχψω", LATIN_GREEK.split(" "), strict=True))
GREEK_PAIRS = (("ου", "ou"), ("αυ", "av"), ("ευ", "ef"), ("γγ", "ng"), ("γκ", "gk"), ("μπ", "b"))
ROMAN = {"ru": CYRILLIC, "uk": CYRILLIC_UK, "bg": CYRILLIC, "el": GREEK}
# accents that carry the whole spelling of these scripts; taking them off leaves no text


def romanised(text: str, table: dict[str, str]) -> str:
    plain = unicodedata.normalize("NFC", text)
    if table is GREEK:
        plain = bare(plain)
        for pair, latin in GREEK_PAIRS:
            plain = plain.replace(pair, latin).replace(pair.capitalize(), latin.capitalize())
    out = []
    for char in plain:
        low = table.get(char.lower())
        out.append(char if low is None else low.capitalize() if char.isupper() else low)
    return "".join(out).replace(";", "?" if table is GREEK else ";")


def bare(text: str) -> str:
    """Without accents, as typed on a keyboard that lacks them."""
    marks = unicodedata.normalize("NFD", text.translate(str.maketrans("łŁøØđĐıßæ", "lLoOdDisa")))
    return unicodedata.normalize("NFC", "".join(c for c in marks if not unicodedata.combining(c)))
