"""Words that make a line of text a street address, in some twenty languages."""

from __future__ import annotations

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BEHIND = _words(
    """
    street st avenue ave av road rd lane ln drive dr boulevard blvd court ct place pl square sq
    terrace ter way crescent cres close parkway pkwy highway hwy circle cir trail trl row mews
    gardens grove alley plaza pike loop walk quay esplanade parade turnpike crossing drives
    streets avenues utca u út útja útca tér tere körút köz straat laan strasse straße str weg
    gasse allee platz damm katu tie gata gatan gade vej väg ulica cesta trg ulice caddesi sokak
    cd sk ulitsa prospekt
    """
)
IN_FRONT = _words(
    """
    rue avenue av boulevard bd allée allee chemin impasse quai cours place route passage via
    viale piazza piazzetta corso vicolo strada contrada largo borgo localita calle avenida avda
    plaza paseo carrera carretera camino ronda travesía rua praça praca travessa estrada alameda
    ulica ul aleja al plac náměstí namesti pod nad trg bulevardul str odos leoforos plateia
    πλατεία οδός λεωφόρος улица ул проспект площадь пр jalan jl lorong
    """
)
_GROWN = re.compile(
    r"\w{2,}(?:stra(?:ß|ss)e|str|gasse|weg|allee|platz|damm|ufer|graben|straat|laan|plein|gracht|kade"
    r"|dreef|steenweg|singel|dijk|gatan?|vägen|väg|gränd|torget|stigen|backen|vej|gade|gården|stræde"
    r"|toften|parken|bakken|veien|vegen|gaten|stien|svingen|katu|tie|kuja|polku|kaari|rinne|raitti|vegur"
    r"|stígur|braut|suaq)"
)
UNIT = re.compile(
    r"(?:apt|apartment|suite|ste|unit|flat|room|rm|floor|bldg|building|box|postfach|apartado)"
)
NOT_TOWNS = _words(
    """
    section article chapter page room form figure table version step level part unit line lines
    question number windows python java office class route highway world euro eur usd rs top
    year years act model order issue ticket build release rfc iso error http port season episode
    volume grade group january february march april may june july august september october
    november december jan feb mar apr jun jul aug sep sept oct nov dec
    """
)


def street(word: str) -> bool:
    """Whether the word, in small letters and without a dot, names a kind of street."""
    return word in BEHIND or word in IN_FRONT or _GROWN.fullmatch(word) is not None
