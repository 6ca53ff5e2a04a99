"""Credentials in the notations of single tools: their files, headers and command lines.

Finds logins in netrc, pgpass, npm and Docker settings, browser and file transfer stores, basic
and bearer headers, session cookies, SQL and shell commands that carry a password, and IRC logins.

Why it matters: these lines are pasted with the error message that they caused, and nothing in
them is called a secret.

Flags: It fails: machine git.corp-build.net login deploy password r4venShale92
Passes: A line of .netrc has the form: machine HOST login USER password PASSWORD

Source: OWASP LLM02:2025 Sensitive Information Disclosure; the manuals of these tools.
"""

from __future__ import annotations

import base64
import binascii
import re

from engines.base import PatternEngine, Rule
from engines.plausible_secret import bits, placeholder, random_looking


def _chosen(match: re.Match[str]) -> bool:
    value = match["value"]
    plain = value.isalpha() and (value.islower() or value.isupper())
    return not placeholder(value) and not plain


def _random(match: re.Match[str]) -> bool:
    return random_looking(match["value"])


def _pair(match: re.Match[str]) -> bool:
    """Base64 of `user:password`."""
    value = match["value"]
    try:
        read = base64.b64decode(value + "=" * (-len(value) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    user, colon, password = read.partition(":")
    return bool(user and colon and read.isprintable()) and not placeholder(password)


def _long(match: re.Match[str]) -> bool:
    value = match["value"]
    return not placeholder(value) and bits(value) >= 3


_QUOTED = r"[\"'](?P<value>[^\"'\s]{4,128})[\"']"


class CredentialFiles(PatternEngine):
    name = "credential_files"
    version = "1.0.0"
    category = "secrets"
    inputs = ("text", "response", "documents", "history", "tools")
    cased = True
    rules = (
        Rule(
            "netrc_login",
            r"(?:machine\s{1,8}\S{1,128}|default)\s{1,8}login\s{1,8}\S{1,128}\s{1,8}password\s{1,8}"
            r"(?P<value>\S{4,128})"
            r"|(?:^|\n)[ \t]{0,8}password[ \t]{1,8}(?P<alone>(?=[^\s\d]{0,64}\d)\S{6,64})"
            r"[ \t]{0,4}(?:\n|$)",
            0.7,
            "holds a login of a .netrc file",
            needs=("password",),
            check=lambda match: not placeholder(match["value"] or match["alone"]),
        ),
        Rule(
            "pgpass_login",
            r"(?:^|(?<=\n))[\w.*-]{1,128}:(?:\d{2,5}|\*):[\w.*-]{1,64}:[\w.*@-]{1,64}:"
            r"(?P<value>[^\s:]{4,128})[ \t]{0,4}(?=\r?\n|$)",
            0.65,
            "holds a login of a .pgpass file",
            needs=(":5432:", ":5433:", ":*:", ":6432:", ":3306:"),
            check=_chosen,
        ),
        Rule(
            "npm_login",
            r"_(?:auth|authToken|password)[ \t]{0,4}=[ \t]{0,4}\"?(?P<value>[\w+/.=-]{8,512})",
            0.75,
            "holds a login of an npm registry",
            needs=("_auth", "_password"),
            check=_long,
        ),
        Rule(
            "docker_login",
            r"\"?auth\"?[ \t]{0,4}:\s{0,4}\"(?P<value>[A-Za-z0-9+/]{8,512}={0,2})\"",
            0.8,
            "holds a login of a Docker registry",
            needs=("auth",),
            check=_pair,
        ),
        Rule(
            "stored_login",
            r"\"encrypted(?:Username|Password)\"[ \t]{0,4}:\s{0,4}"
            r"\"(?P<value>[A-Za-z0-9+/]{24,512}={0,2})\"",
            0.65,
            "holds a login stored by a browser",
            needs=('"encrypted',),
            check=_long,
        ),
        Rule(
            "basic_header",
            r"\b[Bb]asic[ \t]{1,4}(?P<value>[A-Za-z0-9+/]{8,512}={0,2})(?![\w+/=])",
            0.75,
            "holds a login in a basic authorisation header",
            needs=("asic ",),
            check=_pair,
        ),
        Rule(
            "bearer_header",
            r"\b(?:Bearer|bearer|BEARER|[Aa]uthorization: ?[\"']?(?:[Tt]oken|Token token=))"
            r"[ \t\"]{1,4}"
            r"(?P<value>[\w.~+/-]{16,2000}=*)",
            0.7,
            "holds a token in an authorisation header",
            needs=("earer ", "BEARER ", "uthorization"),
            check=_random,
        ),
        Rule(
            "session_cookie",
            r"\b(?:[Ss]et-)?[Cc]ookie:[^\n]{0,400}?"
            r"(?:sess|SESS|sid|SID|auth|token|remember)\w{0,24}="
            r"(?P<value>[\w%.~+/|:-]{16,2000})",
            0.6,
            "holds a session cookie",
            needs=("ookie:",),
            check=_random,
        ),
        Rule(
            "shell_login",
            r"\bcurl\b[^\n|]{0,300}?\s(?:-u|--user|--proxy-user)[ =]?[\"']?[\w.@-]{1,64}:"
            r"(?P<curl>[^\s\"':]{4,128})"
            r"|\bsshpass\s{1,4}-p\s{0,2}[\"']?(?P<ssh>[^\s\"']{4,128})"
            r"|\bmysql(?:dump|admin|show)?\b[^\n|]{0,200}?\s-p[\"']?"
            r"(?P<mysql>[^\s\"'-][^\s\"']{3,128})"
            r"|\bredis-cli\b[^\n|]{0,200}?\s-a\s{1,2}[\"']?(?P<redis>[^\s\"']{4,128})"
            r"|\bpass:(?P<openssl>[^\s\"']{6,128})"
            r"|\bdocker\s{1,2}login\b[^\n|]{0,200}?\s(?:-p|--password)[ =][\"']?"
            r"(?P<docker>[^\s\"']{4,128})"
            r"|\bnet\s{1,2}user\s{1,2}\w{1,32}\s{1,2}(?P<windows>[^\s/\"']{6,64})\s{1,2}/add",
            0.6,
            "holds a password on a command line",
            needs=("curl", "sshpass", "mysql", "redis-cli", "pass:", "docker", "net user"),
            check=lambda match: _on_command_line(match),
        ),
        Rule(
            "chpasswd_login",
            r"\becho\s{1,2}[\"']?[\w.-]{1,32}:(?P<value>[^\s\"'|]{4,64})[\"']?\s{0,2}\|"
            r"\s{0,2}(?:sudo )?chpasswd",
            0.65,
            "holds a password given to chpasswd",
            needs=("chpasswd",),
            check=_chosen,
        ),
        Rule(
            "sql_password",
            r"\b(?i:identified(?:\s{1,2}with\s{1,2}\w{1,40})?\s{1,2}by(?:\s{1,2}password)?"
            r"|(?:role|user)\s[^;\n]{1,120}?password)\s{1,2}'(?P<value>[^'\s]{4,128})'",
            0.65,
            "holds a password in an SQL statement",
            needs=("dentified", "DENTIFIED", "password", "PASSWORD"),
            check=_chosen,
        ),
        Rule(
            "login_call",
            r"\b(?:login|authenticate|connect|signIn\w{0,24}|basic_auth|HTTPBasicAuth|auth)"
            r"\(?\s{0,2}[=(]?\(?\s{0,2}"
            r"[\"'][^\"'\s]{2,128}[\"']\s{0,2},\s{0,4}" + _QUOTED,
            0.6,
            "passes a password to a login call",
            needs=("login", "authenticate", "connect", "signIn", "auth", "Auth"),
            check=_random,
        ),
        Rule(
            "plain_secure_string",
            r"ConvertTo-SecureString\s{1,4}(?:-String\s{1,4})?" + _QUOTED,
            0.65,
            "holds a password turned into a secure string",
            needs=("ConvertTo-SecureString",),
            check=_chosen,
        ),
        Rule(
            "irc_login",
            r"(?i:nickserv[ :]{1,3}(?:identify|register|ghost)|/identify|\bOPER)[ \t]{1,4}"
            r"(?:[\w\[\]{}^-]{1,32}[ \t]{1,4})?"
            r"(?P<value>[^\s\"';]{5,64})",
            0.6,
            "holds an IRC login",
            needs=("ickserv", "ickServ", "ICKSERV", "/identify", "OPER "),
            check=lambda match: _chosen(match) and any(map(str.isdigit, match["value"])),
        ),
    )


def _on_command_line(match: re.Match[str]) -> bool:
    value = match[str(match.lastgroup)]
    strange = any(not sign.isalpha() for sign in value) or value.lower() != value != value.upper()
    return strange and not placeholder(value) and not value.startswith(("-", "/"))
