"""Stored forms of passwords: lines of shadow and htpasswd files, hashes of user tables.

Finds bcrypt, crypt, argon2, scrypt, PBKDF2, phpass, LDAP, MySQL and Windows hashes by their form,
and plain hex digests in an INSERT into a table of users.

Why it matters: a weak password is guessed from its hash in minutes, and its owner uses it
elsewhere.

Flags: ops:$apr1$kR9wQz2m$x9XnB1pYv4LrT8sKd2HfW. cannot log in to the status page.
Passes: A bcrypt hash is $2b$12$ and 53 more characters, a shadow line reads user:$6$salt$hash.

Source: OWASP LLM02:2025 Sensitive Information Disclosure; crypt(5); OWASP Password Storage.
"""

from __future__ import annotations

import re

from engines.base import PatternEngine, Rule
from engines.plausible_secret import bits

_B64 = r"[A-Za-z0-9./]"
_LOGIN = re.compile(r"[a-z_][\w.-]{0,31}")


def _varied(match: re.Match[str]) -> bool:
    return bits(match[0]) >= 3 and "xxxx" not in match[0].lower()


def _of_a_login(match: re.Match[str]) -> bool:
    """Whether a login name and nothing else stands before it in its line."""
    text, start = match.string, match.start()
    begin = max(text.rfind("\n", 0, start) + 1, start - 40)
    value = match["value"]
    if not _LOGIN.fullmatch(text, begin, start):
        return False
    kinds = (str.isupper, str.islower, str.isdigit)
    return all(any(map(kind, value)) for kind in kinds)


class PasswordHashes(PatternEngine):
    name = "password_hashes"
    version = "1.0.0"
    category = "secrets"
    inputs = ("text", "response", "documents", "history", "tools")
    cased = True
    rules = (
        Rule(
            "bcrypt_hash",
            rf"\$2[abxy]?\$\d\d\${_B64}{{53}}",
            0.7,
            "holds a bcrypt hash",
            needs=("$2a$", "$2b$", "$2x$", "$2y$", "$2$"),
            check=_varied,
        ),
        Rule(
            "crypt_hash",
            r"\$(?:1|apr1|5|6|7|y|gy|md5|sha1)\$(?:rounds=\d{1,9}\$)?"
            rf"{_B64}{{1,64}}\$(?:{_B64}{{1,64}}\$)?"
            rf"{_B64}{{22,86}}(?!{_B64})",
            0.7,
            "holds a password hash of a Unix system",
            needs=("$1$", "$apr1$", "$5$", "$6$", "$7$", "$y$", "$gy$", "$md5$", "$sha1$"),
            check=_varied,
        ),
        Rule(
            "derived_key_hash",
            r"\$argon2(?:id|i|d)\$v=\d{1,3}\$[\w=,]{5,60}\$[A-Za-z0-9+/]{8,90}\$[A-Za-z0-9+/]{16,120}"
            r"|\$scrypt\$[\w=,$]{3,60}\$[A-Za-z0-9+/=]{8,90}\$[A-Za-z0-9+/=]{16,120}"
            r"|\b(?:pbkdf2_sha(?:1|256|512)|pbkdf2:sha\d{1,3}:\d{1,9}|scrypt:\d{1,9}:\d{1,3}:\d{1,3})"
            r"\$[\w./+-]{1,64}\$(?:[\w./+-]{1,64}\$)?[A-Za-z0-9+/=]{20,180}",
            0.7,
            "holds an argon2, scrypt or PBKDF2 hash",
            needs=("$argon2", "$scrypt$", "pbkdf2", "scrypt:"),
            check=_varied,
        ),
        Rule(
            "portable_hash",
            rf"\$[PHS]\$[{_B64[1:-1]}]{{31,52}}",
            0.7,
            "holds a phpass or Drupal hash",
            needs=("$P$", "$H$", "$S$"),
            check=_varied,
        ),
        Rule(
            "ldap_hash",
            r"\{(?:SSHA|SHA|SMD5|MD5|SSHA256|SSHA512|CRYPT)\}[A-Za-z0-9+/$.]{20,120}={0,2}",
            0.7,
            "holds a password hash of a directory or an htpasswd file",
            needs=("SHA", "MD5}", "{CRYPT}"),
            check=_varied,
        ),
        Rule(
            "short_crypt_hash",
            rf":(?P<value>{_B64}{{13}})(?=:|[ \t]{{0,4}}(?:\r?\n|$))",
            0.55,
            "holds a traditional crypt hash",
            check=_of_a_login,
        ),
        Rule(
            "mysql_hash",
            r"\*[0-9A-F]{40}(?!\w)",
            0.65,
            "holds a MySQL password hash",
            check=_varied,
        ),
        Rule(
            "windows_hash",
            r"\b[\w.$-]{1,64}:\d{3,10}:[0-9a-fA-F]{32}:[0-9a-fA-F]{32}:::",
            0.75,
            "holds a Windows password hash",
            needs=(":::",),
        ),
        Rule(
            "table_hash",
            r"(?i:insert into)[ `\"\w.\[\]]{0,40}(?i:user|account|member|login|admin|customer)"
            r"[^;]{0,600}?['\"][0-9a-fA-F]{32}(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{32}|[0-9a-fA-F]{96})?['\"]",
            0.6,
            "holds a password digest in a table of users",
            needs=("INSERT", "insert", "Insert"),
            check=_varied,
        ),
    )
