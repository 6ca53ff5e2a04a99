"""Credentials: keys, tokens, passwords and private keys.

Finds the keys of the large providers by their form, private key blocks, JSON web tokens whose
header decodes, passwords inside URLs, and `key = value` lines whose value looks random. The
messages never repeat what was found.

Why it matters: a secret in a prompt leaves the house, a secret in a response has leaked from it;
either way it must be changed.

Flags: Why does this fail? aws_access_key_id = AKIAQ3EGRIBVNLU5TK2X
Passes: Set aws_access_key_id = AKIAIOSFODNN7EXAMPLE and password = "your-password-here" first.

Source: OWASP LLM02:2025 Sensitive Information Disclosure; the providers' own key formats.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections import Counter

from engines.base import PatternEngine, Rule

_PLACEHOLDER = re.compile(
    r"example|sample|dummy|placeholder|change.?me|your|xxxx|\*\*\*|<|\$\{|\{\{|redacted|insert"
    r"|todo|1234567|abcdef|test",
    re.IGNORECASE,
)
_MIN_BITS = 3.0


def _bits(value: str) -> float:
    """Shannon entropy of a value, bits per character."""
    counts = Counter(value).values()
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts)


def _random(match: re.Match[str]) -> bool:
    value = match["value"]
    mixed = any(sign.isdigit() for sign in value) and any(sign.isalpha() for sign in value)
    return mixed and _bits(value) >= _MIN_BITS and not _PLACEHOLDER.search(value)


def _chosen(match: re.Match[str]) -> bool:
    return not _PLACEHOLDER.search(match["value"])


def _no_example(match: re.Match[str]) -> bool:
    return not match[0].endswith("EXAMPLE")


def _web_token(match: re.Match[str]) -> bool:
    header = match[0].partition(".")[0]
    try:
        read = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return False
    return isinstance(read, dict) and "alg" in read


class Secrets(PatternEngine):
    name = "secrets"
    version = "1.0.0"
    category = "secrets"
    inputs = ("text", "response", "documents", "history", "tools")
    cased = True
    rules = (
        Rule(
            "aws_access_key",
            r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z2-7]{16}(?![A-Za-z0-9])",
            0.85,
            "holds an AWS access key id",
            needs=("AKIA", "ASIA"),
            check=_no_example,
        ),
        Rule(
            "github_token",
            r"(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{50,255})",
            0.9,
            "holds a GitHub token",
            needs=("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        ),
        Rule(
            "gitlab_token",
            r"(?<![\w-])glpat-[\w-]{20,255}",
            0.9,
            "holds a GitLab token",
            needs=("glpat-",),
        ),
        Rule(
            "slack_token",
            r"(?<![\w-])xox[abeoprs]-[A-Za-z0-9-]{20,255}",
            0.9,
            "holds a Slack token",
            needs=("xox",),
        ),
        Rule(
            "slack_webhook",
            r"https://hooks\.slack\.com/services/T\w{6,20}/B\w{6,20}/\w{16,40}",
            0.85,
            "holds a Slack webhook address",
            needs=("hooks.slack.com",),
        ),
        Rule(
            "google_api_key",
            r"(?<![\w-])AIza[\w-]{35}(?![\w-])",
            0.85,
            "holds a Google API key",
            needs=("AIza",),
        ),
        Rule(
            "stripe_key",
            r"(?<!\w)(?:sk|rk)_live_[A-Za-z0-9]{16,255}",
            0.9,
            "holds a live Stripe key",
            needs=("_live_",),
        ),
        Rule(
            "anthropic_key",
            r"(?<![\w-])sk-ant-[\w-]{20,255}",
            0.9,
            "holds an Anthropic key",
            needs=("sk-ant-",),
        ),
        Rule(
            "openai_key",
            r"(?<![\w-])sk-(?!ant-)(?:proj-|svcacct-|admin-)?(?P<value>[A-Za-z0-9_-]{20,255})",
            0.9,
            "holds an OpenAI key",
            needs=("sk-",),
            check=_random,
        ),
        Rule(
            "hugging_face_token",
            r"(?<!\w)hf_[A-Za-z]{34}(?!\w)",
            0.85,
            "holds a Hugging Face token",
            needs=("hf_",),
        ),
        Rule(
            "registry_token",
            r"(?<![\w-])(?:npm_[A-Za-z0-9]{36}|pypi-AgEI[\w-]{50,255})",
            0.9,
            "holds a package registry token",
            needs=("npm_", "pypi-AgEI"),
        ),
        Rule(
            "private_key",
            r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
            0.95,
            "holds a private key",
            needs=("PRIVATE KEY",),
        ),
        Rule(
            "web_token",
            r"(?<![\w-])eyJ[\w-]{8,1000}\.eyJ[\w-]{8,4000}\.[\w-]{16,1000}",
            0.75,
            "holds a JSON web token",
            needs=("eyJ",),
            check=_web_token,
        ),
        Rule(
            "url_password",
            r"(?<=://)[^\s:/@]{1,64}:(?P<value>[^\s:/@]{3,128})@(?=[\w\[])",
            0.75,
            "holds a password inside an address",
            needs=("://",),
            check=_chosen,
        ),
        Rule(
            "random_value",
            r"(?i:api[_-]?key|secret|token|passw(?:or)?d|passwd|pwd|credential|private[_-]?key"
            r"|access[_-]?key)\w{0,12}[\"']?\s{0,3}(?::=|=>|=|:)\s{0,3}"
            r"[\"'`]?(?P<value>[^\s\"'`,;<>()\[\]{}]{8,200})",
            0.6,
            "assigns a random-looking value to a key, token or password",
            check=_random,
        ),
    )
