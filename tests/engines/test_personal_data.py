"""Check digits, and what the engines for personal data say about whole sentences."""

from __future__ import annotations

import pytest

from core.analysis import Content
from engines import check_digits
from engines.catalogue import catalogue
from engines.runner import run
from ops.quality.personal_data import Tally, measure, report

ENGINES = [engine for engine in catalogue().values() if engine.category == "personal_data"]
WARNED = 0.5

NUMBERS = [
    ("steuer_id", "86095742719", "86095742718"),
    ("nir", "255081416802538", "255081416802539"),
    ("dni", "12345678Z", "12345678A"),
    ("dni", "X1234567L", "X1234567M"),
    ("codice_fiscale", "RSSMRA85T10A562S", "RSSMRA85T10A562T"),
    ("bsn", "111222333", "111222334"),
    ("pesel", "44051401359", "44051401358"),
    ("cpf", "111.444.777-35", "111.111.111-11"),
    ("personnummer", "811228-9874", "811328-9874"),
    ("ahv", "756.9217.0769.85", "756.9217.0769.86"),
    ("nhs", "943 476 5919", "943 476 5918"),
    ("hetu", "131052-308T", "131052-308U"),
    ("fodselsnummer", "15108695088", "15108695089"),
    ("rijksregister", "93.05.18-223.61", "93.05.18-223.62"),
    ("rodne_cislo", "710319/2745", "710319/2746"),
    ("cnp", "1630615123457", "1631315123457"),
    ("kimlik", "10000000146", "10000000147"),
    ("south_african", "8001015009087", "8013015009087"),
    ("resident_id", "11010519491231002X", "110105194912310021"),
    ("nric", "S1234567D", "S1234567E"),
    ("rut", "12.345.678-5", "12.345.678-6"),
    ("cuit", "20-05536168-2", "20-05536168-3"),
    ("snils", "112-233-445 95", "112-233-445 96"),
    ("tfn", "123456782", "123456783"),
    ("isikukood", "37605030299", "37605030298"),
    ("pps", "1234567T", "1234567U"),
    ("nif", "123456789", "123456788"),
    ("svnr", "1237010180", "1247010180"),
    ("aba_routing", "122105155", "122105156"),
    ("aba_routing", "021000021", "991000021"),
]


@pytest.mark.parametrize(("name", "right", "wrong"), NUMBERS)
def test_a_national_number_is_verified(name: str, right: str, wrong: str) -> None:
    check = getattr(check_digits, name)
    assert check(right)
    assert not check(wrong)


@pytest.mark.parametrize("card", ["4111111111111111", "378282246310005", "30569309025904"])
def test_every_wrong_digit_breaks_a_card(card: str) -> None:
    digits = check_digits.digits_of(card)
    assert check_digits.luhn(digits)
    for place in range(len(digits)):
        changed = [*digits[:place], (digits[place] + 1) % 10, *digits[place + 1 :]]
        assert not check_digits.luhn(changed)


def test_aadhaar_notices_two_digits_that_changed_places() -> None:
    assert check_digits.verhoeff(check_digits.digits_of("999941057058"))
    assert not check_digits.verhoeff(check_digits.digits_of("999940157058"))


def test_the_rest_by_97_reads_letters_as_numbers() -> None:
    assert check_digits.mod_97("WEST12345698765432GB82") == 1


def score(text: str) -> float:
    results = run(ENGINES, [Content(text=text)])[0]
    return max((finding.score for result in results for finding in result.findings), default=0)


@pytest.mark.parametrize(
    "text",
    [
        "Please refund the card 4111 1111 1111 1111.",
        "IBAN DE89 3704 0044 0532 0130 00",
        "My SSN is 219-09-9999",
        "My codice fiscale is RSSMRA85T10A562S",
        "passport number: K8291746",
        "routing number 122105155",
    ],
)
def test_a_number_that_opens_an_account_is_worth_a_warning(text: str) -> None:
    assert score(text) >= WARNED


@pytest.mark.parametrize(
    "text",
    [
        "We flew from Lisbon to Oslo on Thursday, 14 March 2019.",
        "Dear Mr. Thistlewood, please call +49 30 901820 or write to kim@corp.example.net.",
        "I live at 48 Larkspur Lane, Apt. 5, Brindleford.",
        "She is 42 years old, was born on 3 May 1979 and works for Brindle Systems GmbH.",
        "My telegram is @kestrel_ablaze, my server 93.184.216.34.",
    ],
)
def test_what_is_ordinary_informs_and_never_warns(text: str) -> None:
    assert 0 < score(text) < WARNED


def row(text: str, label: int, *spans: tuple[int, int, str]) -> dict[str, object]:
    return {"text": text, "label": label, "spans": [list(span) for span in spans]}


def test_the_measurement_counts_lines_spans_and_characters() -> None:
    quality = measure(
        [
            row("mail kim@corp.example.net", 1, (5, 25, "EMAIL_ADDRESS")),
            row("the blue one", 1, (4, 8, "COLOUR")),
            row("nothing here", 0),
        ]
    )
    assert (quality.lines.right, quality.lines.missed, quality.lines.wrong) == (1, 1, 0)
    assert (quality.spans.right, quality.spans.found, quality.spans.missed) == (1, 1, 1)
    assert quality.characters.missed == 4
    assert "COLOUR" in report(quality)


def test_f1_is_the_harmonic_mean() -> None:
    assert Tally(right=3, wrong=1, missed=1, found=3).figures() == pytest.approx((0.75, 0.75, 0.75))
