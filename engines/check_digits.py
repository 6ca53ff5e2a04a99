"""Check digits of cards, accounts and national numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date

_NOT_DIGITS = re.compile(r"\D+", re.ASCII)
_VERHOEFF_TURN = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def digits_of(text: str) -> list[int]:
    """Its ASCII digits, as numbers."""
    return [int(digit) for digit in _NOT_DIGITS.sub("", text)]


def luhn(digits: Sequence[int]) -> bool:
    """ISO/IEC 7812: every second digit from the right doubled, the sum a multiple of ten."""
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def weighted(digits: Sequence[int], weights: Sequence[int]) -> int:
    """The sum of the digits, each times its weight."""
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


def mod_97(text: str) -> int:
    """ISO 7064 MOD 97-10 of letters and digits."""
    return int("".join(str(int(sign, 36)) for sign in text)) % 97


def mod_11_10(digits: Sequence[int]) -> bool:
    """ISO 7064 MOD 11,10, of the German and the Croatian tax numbers."""
    rest = 10
    for digit in digits[:-1]:
        rest = ((rest + digit) % 10 or 10) * 2 % 11
    return (11 - rest) % 10 == digits[-1]


def _verhoeff_product(left: int, right: int) -> int:
    """The group of five turns and five mirrors."""
    if left < 5:
        return (left + right) % 5 if right < 5 else (left + right) % 5 + 5
    return (left - right) % 5 + 5 if right < 5 else (left - right) % 5


def verhoeff(digits: Sequence[int]) -> bool:
    """The check of the Indian Aadhaar number."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        turned = digit
        for _ in range(place % 8):
            turned = _VERHOEFF_TURN[turned]
        check = _verhoeff_product(check, turned)
    return check == 0


def day(year: int, month: int, number: int) -> bool:
    """Whether there is such a day; a year below 100 may be of either century."""
    try:
        date(year + 2000 if year < 100 else year, month, number)
    except ValueError:
        return False
    return True


def steuer_id(text: str) -> bool:
    """German tax number: one digit of the first ten occurs twice or thrice."""
    digits = digits_of(text)
    counts = sorted(digits[:10].count(digit) for digit in set(digits[:10]))
    return digits[0] != 0 and counts[-1] in (2, 3) and len(counts) >= 8 and mod_11_10(digits)


def nir(text: str) -> bool:
    """French social security number: 97 minus the rest, Corsica as 19 and 18."""
    number = re.sub(r"\s", "", text).replace("2A", "19").replace("2B", "18")
    return number.isdigit() and 97 - int(number[:13]) % 97 == int(number[13:])


def dni(text: str) -> bool:
    """Spanish DNI and NIE: the letter follows from the rest by 23."""
    number = re.sub(r"[ .-]", "", text)
    start = {"X": "0", "Y": "1", "Z": "2"}.get(number[0], number[0])
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(start + number[1:-1]) % 23] == number[-1]


_ODD = (
    1,
    0,
    5,
    7,
    9,
    13,
    15,
    17,
    19,
    21,
    2,
    4,
    18,
    20,
    11,
    3,
    6,
    8,
    12,
    14,
    16,
    10,
    22,
    25,
    24,
    23,
)


def codice_fiscale(text: str) -> bool:
    """Italian tax code: signs at odd places count by a table."""
    places = [int(sign) if sign.isdigit() else _LETTERS.index(sign) for sign in text]
    total = sum(_ODD[place] for place in places[:15:2]) + sum(places[1:15:2])
    return _LETTERS[total % 26] == text[15]


def bsn(text: str) -> bool:
    """Dutch citizen number: the test of eleven."""
    digits = digits_of(text)
    return any(digits) and weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def pesel(text: str) -> bool:
    """Polish number: birth date with the century in the month, weights 1 3 7 9."""
    digits = digits_of(text)
    month = (digits[2] * 10 + digits[3]) % 20
    born = day(digits[0] * 10 + digits[1], month, digits[4] * 10 + digits[5])
    return born and weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def cpf(text: str) -> bool:
    """Brazilian CPF: two digits by eleven."""
    digits = digits_of(text)
    checks = [weighted(digits, range(size, 1, -1)) * 10 % 11 % 10 for size in (10, 11)]
    return len(set(digits)) > 1 and checks == digits[9:]


def personnummer(text: str) -> bool:
    """Swedish number: a birth date and Luhn over the last ten digits."""
    digits = digits_of(text)[-10:]
    born = day(digits[0] * 10 + digits[1], digits[2] * 10 + digits[3], _day_of(digits))
    return born and luhn(digits)


def _day_of(digits: Sequence[int]) -> int:
    """The day, of which coordination numbers add 60."""
    number = digits[4] * 10 + digits[5]
    return number - 60 if number > 60 else number


def ahv(text: str) -> bool:
    """Swiss AHV number: EAN-13."""
    return weighted(digits_of(text), (1, 3) * 6 + (1,)) % 10 == 0


def nhs(text: str) -> bool:
    """British NHS number: weights ten to two, by eleven."""
    digits = digits_of(text)
    return any(digits) and weighted(digits, (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def hetu(text: str) -> bool:
    """Finnish identity code: the last sign follows by 31."""
    number = text[:6] + text[7:10]
    born = day(int(text[4:6]), int(text[2:4]), int(text[:2]))
    return born and "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(number) % 31] == text[10]


def fodselsnummer(text: str) -> bool:
    """Norwegian number: two digits by eleven."""
    digits = digits_of(text)
    first = weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11 == 0
    born = day(digits[4] * 10 + digits[5], digits[2] * 10 + digits[3], digits[0] * 10 + digits[1])
    return born and first and weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def rijksregister(text: str) -> bool:
    """Belgian number: 97 minus the rest, with a 2 in front for those born since 2000."""
    number = "".join(map(str, digits_of(text)))
    return any(97 - int(front + number[:9]) % 97 == int(number[9:]) for front in ("", "2"))


def rodne_cislo(text: str) -> bool:
    """Czech and Slovak number of ten digits: divisible by eleven."""
    digits = digits_of(text)
    month = (digits[2] * 10 + digits[3]) % 50
    born = day(digits[0] * 10 + digits[1], month if month <= 12 else month - 20, _day_of(digits))
    return born and int("".join(map(str, digits))) % 11 == 0


def cnp(text: str) -> bool:
    """Romanian number: birth date and a weighted digit."""
    digits = digits_of(text)
    born = day(digits[1] * 10 + digits[2], digits[3] * 10 + digits[4], digits[5] * 10 + digits[6])
    check = weighted(digits, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return digits[0] > 0 and born and (1 if check == 10 else check) == digits[12]


def kimlik(text: str) -> bool:
    """Turkish number: two digits from the sums of odd and even places."""
    digits = digits_of(text)
    tenth = (sum(digits[0:9:2]) * 7 - sum(digits[1:8:2])) % 10
    return digits[0] > 0 and tenth == digits[9] and sum(digits[:10]) % 10 == digits[10]


def south_african(text: str) -> bool:
    """South African number: birth date and Luhn."""
    digits = digits_of(text)
    born = day(digits[0] * 10 + digits[1], digits[2] * 10 + digits[3], digits[4] * 10 + digits[5])
    return born and luhn(digits)


def resident_id(text: str) -> bool:
    """Chinese resident number: birth date and ISO 7064 MOD 11-2."""
    digits = [int(sign) for sign in text[:17]]
    born = day(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    check = weighted(digits, [2 ** (17 - place) % 11 for place in range(17)]) % 11
    return born and "10X98765432"[check] == text[17].upper()


def nric(text: str) -> bool:
    """Singapore number: a letter by eleven, from one of two rows."""
    total = weighted(digits_of(text), (2, 7, 6, 5, 4, 3, 2)) + 4 * (text[0] in "TG")
    row = "JZIHGFEDCBA" if text[0] in "ST" else "XWUTRQPNMLK"
    return row[total % 11] == text[-1]


def rut(text: str) -> bool:
    """Chilean number: weights two to seven from the right, by eleven."""
    digits = [int(sign) for sign in re.sub(r"\D", "", text[:-1])]
    check = 11 - weighted(digits[::-1], (2, 3, 4, 5, 6, 7, 2, 3)) % 11
    return {11: "0", 10: "K"}.get(check, str(check)) == text[-1].upper()


def cuit(text: str) -> bool:
    """Argentine number: weights by eleven."""
    digits = digits_of(text)
    check = 11 - weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return {11: 0, 10: 9}.get(check, check) == digits[10]


def snils(text: str) -> bool:
    """Russian pension number: weights nine to one, by 101."""
    digits = digits_of(text)
    return weighted(digits, range(9, 0, -1)) % 101 % 100 == digits[9] * 10 + digits[10]


def tfn(text: str) -> bool:
    """Australian tax file number."""
    return weighted(digits_of(text), (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def isikukood(text: str) -> bool:
    """Estonian and Lithuanian code: two rounds of weights."""
    digits = digits_of(text)
    for weights in ((1, 2, 3, 4, 5, 6, 7, 8, 9, 1), (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)):
        check = weighted(digits, weights) % 11
        if check < 10:
            return check == digits[10]
    return digits[10] == 0


def pps(text: str) -> bool:
    """Irish PPS number: a letter by 23."""
    extra = _LETTERS.index(text[8]) + 1 if len(text) > 8 and text[8] != "W" else 0
    total = weighted(digits_of(text[:7]), range(8, 1, -1)) + 9 * extra
    return "WABCDEFGHIJKLMNOPQRSTUV"[total % 23] == text[7]


def nif(text: str) -> bool:
    """Portuguese tax number."""
    digits = digits_of(text)
    check = 11 - weighted(digits, range(9, 1, -1)) % 11
    return (0 if check > 9 else check) == digits[8]


def svnr(text: str) -> bool:
    """Austrian insurance number: the fourth digit checks the others."""
    digits = digits_of(text)
    others = digits[:3] + digits[4:]
    return digits[0] > 0 and weighted(others, (3, 7, 9, 5, 8, 4, 2, 1, 6)) % 11 == digits[3]


def aba_routing(text: str) -> bool:
    """American bank routing number: weights 3 7 1, and a district that exists."""
    digits = digits_of(text)
    district = digits[0] * 10 + digits[1]
    known = district in range(1, 13) or district in range(21, 33) or district in range(61, 73)
    return known and weighted(digits, (3, 7, 1) * 3) % 10 == 0
