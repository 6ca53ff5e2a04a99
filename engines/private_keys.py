"""Private keys and the words that restore a wallet.

Finds the blocks of RSA, DSA, EC, OpenSSH, PGP, PuTTY and OpenVPN keys, Bitcoin keys in wallet
import format and extended private keys (checksum verified), and seed phrases that are named so.

Why it matters: who holds the private key is its owner, and there is no bank to call.

Flags: -----BEGIN OPENSSH PRIVATE KEY-----
Passes: -----BEGIN PUBLIC KEY----- belongs on the server; a private key block never does.

Source: RFC 7468; OpenPGP RFC 9580; Bitcoin Base58Check; BIP 32; BIP 39.
"""

from __future__ import annotations

import hashlib
import re

from engines.base import PatternEngine, Rule
from engines.outline import Outline

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


_FORM = re.compile(r"5.{50}|[KL].{51}|[xyz]prv.{107,108}")


def _wallet_key(match: re.Match[str]) -> bool:
    """Whether it has the length of a key and its last four bytes are the checksum of the rest."""
    found, before = match[0], match.string[match.start() - 1 : match.start()]
    if before.isalnum() or not _FORM.fullmatch(found):
        return False
    number = 0
    for sign in found:
        number = number * 58 + _BASE58.index(sign)
    whole = number.to_bytes((number.bit_length() + 7) // 8, "big")
    body, checksum = whole[:-4], whole[-4:]
    return hashlib.sha256(hashlib.sha256(body).digest()).digest()[:4] == checksum


def _different_words(match: re.Match[str]) -> bool:
    words = match["words"].split()
    return len(words) >= 12 and len(set(words)) * 4 >= len(words) * 3


class PrivateKeys(PatternEngine):
    name = "private_keys"
    version = "1.0.0"
    category = "secrets"
    inputs = ("text", "response", "documents", "history", "tools")
    cased = True
    rules = (
        Rule(
            "private_key",
            r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
            r"|---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----",
            0.95,
            "holds a private key",
            needs=("PRIVATE KEY",),
        ),
        Rule(
            "putty_key",
            r"PuTTY-User-Key-File-\d: ?[\w-]{3,40}|Private-MAC: ?[0-9a-f]{40,64}"
            r"|Private-Lines: ?\d{1,3}",
            0.85,
            "holds a PuTTY private key",
            needs=("PuTTY-User-Key-File-", "Private-"),
        ),
        Rule(
            "openvpn_key",
            r"-----BEGIN OpenVPN (?:Static|tls-crypt-v2 (?:client|server)) key(?: V1)?-----",
            0.9,
            "holds an OpenVPN key",
            needs=("BEGIN OpenVPN",),
        ),
        Rule(
            "wallet_key",
            r"[5KLxyz][1-9A-HJ-NP-Za-km-z]{50,111}(?![A-Za-z0-9])",
            0.9,
            "holds the private key of a Bitcoin wallet",
            outline=Outline("w" * 51, w=_BASE58),
            check=_wallet_key,
        ),
        Rule(
            "seed_phrase",
            r"(?i:seed words|mnemonic(?: phrase)?|(?:seed|recovery|wallet|backup) phrase)"
            r"\W{0,4}(?:(?:is|are|was|for|of|to|my|the|wallet|it)\W{1,4}){0,6}"
            r"(?P<words>[a-z]{3,8}(?:[ ,]{1,2}[a-z]{3,8}){11,23})(?![a-z])",
            0.6,
            "holds the seed phrase of a wallet",
            needs=("hrase", "nemonic", "seed words"),
            check=_different_words,
        ),
    )
