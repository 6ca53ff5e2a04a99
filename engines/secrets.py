"""Keys and tokens of the providers that are met most often.

Finds the keys of AWS, GitHub, GitLab, Slack, Google, Stripe, Anthropic, OpenAI, Hugging Face and
the package registries by their form, JSON web tokens whose header decodes, and passwords inside
URLs. The messages never repeat what was found.

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
import re

from engines.base import PatternEngine, Rule
from engines.plausible_secret import placeholder, random_looking


def _random(match: re.Match[str]) -> bool:
    return random_looking(match["value"])


def _chosen(match: re.Match[str]) -> bool:
    return not placeholder(match["value"])


def _real(match: re.Match[str]) -> bool:
    varied = len(set(match[0])) > 10 and any(map(str.isdigit, match[0]))
    return varied and "EXAMPLE" not in match[0] and "xxxx" not in match[0].lower()


def _no_row(match: re.Match[str]) -> bool:
    return "xxxx" not in match[0].lower() and "EXAMPLE" not in match[0]


def _web_token(match: re.Match[str]) -> bool:
    header = match[0].partition(".")[0]
    try:
        read = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return False
    return isinstance(read, dict) and "alg" in read


class Secrets(PatternEngine):
    name = "secrets"
    version = "2.0.0"
    category = "secrets"
    inputs = ("text", "response", "documents", "history", "tools")
    cased = True
    rules = (
        Rule(
            "aws_access_key",
            r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}(?![A-Za-z0-9])",
            0.85,
            "holds an AWS access key id",
            needs=("AKIA", "ASIA", "ABIA", "ACCA"),
            check=_real,
        ),
        Rule(
            "github_token",
            r"(?<!\w)(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{50,255})",
            0.9,
            "holds a GitHub token",
            needs=("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
            check=_no_row,
        ),
        Rule(
            "gitlab_token",
            r"(?<![\w-])gl(?:pat|dt|rt|soat|cbt|ptt|ft|imt|agent)-[\w-]{20,255}",
            0.9,
            "holds a GitLab token",
            needs=(
                "glpat-",
                "gldt-",
                "glrt-",
                "glsoat-",
                "glcbt-",
                "glptt-",
                "glft-",
                "glimt-",
                "glagent-",
            ),
        ),
        Rule(
            "slack_token",
            r"(?<![\w-])(?:xox[abceoprs]|xapp)-[A-Za-z0-9-]{20,255}",
            0.9,
            "holds a Slack token",
            needs=("xox", "xapp-"),
            check=_real,
        ),
        Rule(
            "slack_webhook",
            r"https://hooks\.slack\.com/(?:services|workflows)/T\w{6,20}/[AB]\w{6,20}/"
            r"(?:\d{1,25}/)?\w{16,40}",
            0.85,
            "holds a Slack webhook address",
            needs=("hooks.slack.com",),
            check=_real,
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
            r"(?<!\w)(?:hf|api_org)_[A-Za-z]{34}(?!\w)",
            0.85,
            "holds a Hugging Face token",
            needs=("hf_", "api_org_"),
        ),
        Rule(
            "registry_token",
            r"(?<![\w-])(?:npm_[A-Za-z0-9]{36}|pypi-AgE[\w-]{50,255})",
            0.9,
            "holds a package registry token",
            needs=("npm_", "pypi-AgE"),
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
            r"(?<=://)[^\s:/@\"'<>]{0,64}:(?P<value>[^\s:/@\"'<>]{3,128})@(?=[\w\[])",
            0.75,
            "holds a password inside an address",
            needs=("://",),
            check=_chosen,
        ),
    )
