"""Random configurations, most nearly right: every key that Alertmanager knows, and faults."""

from __future__ import annotations

import random
from typing import Any

from alerts.native_fields import GLOBAL, SHAPES, Shape
from ops.conformance import grow

FAULT = 0.008
"""How often a value is drawn from the faulty ones."""

_GOOD: dict[str, tuple[Any, ...]] = {
    "text": ("x", "a b", "{{ .x }}", 1, True, "", 1.5, None),
    "flag": (True, False, None),
    "number": (1, 20, -5, 1.5),
    "count": (0, 1, 20, 1.5),
    "duration": ("30s", "5m", "1h30m", "0", "1d", "100ms", "1y2w", None),
    "go duration": ("90s", "1h30m", "1.5h", "0", "-1s", ".5m", "10us"),
    "url": ("http://127.0.0.1/x", "https://h:1/", "http://h", "HTTP://h/x", None),
    "address": ("127.0.0.1:25", "h:smtp", "[::1]:25", "h.example:587"),
    "texts": (["x"], [], ["a", 1], None),
    "map": ({"a": "b"}, {}, {"a": 1, "b": True}),
    "headers": ({"a": ["b"]}, {}),
}
_BAD: dict[str, tuple[Any, ...]] = {
    "text": ([], {}, ["x"]),
    "flag": ("maybe", 1, "", "true "),
    "number": ("x", [], "1", True),
    "count": ("x", [], "1", -1),
    "duration": ("1.5h", "5", 5, "h", "1m1h", "", "-1s", "400y", []),
    "go duration": ("1d", "5", "", "x", "1h1", True),
    "url": ("ftp://x", "http://", "x", "//h/x", "", "mailto:a@b"),
    "address": ("h", "h:", "a:b:c", "[::1]", "::1:25"),
    "texts": ("x", {"a": 1}, [[1]]),
    "map": ([], "x", {"a": []}),
    "headers": (["x"], "x"),
}
_TIMES: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "weekdays": (
        ("monday:friday", "Sunday", "saturday", "sunday:monday"),
        ("mon", "friday:monday", "1:5", "", "monday:tuesday:friday", " monday"),
    ),
    "days_of_month": (
        ("1:5", "-3:-1", "31", "1:-1", -1, "15", "+3", "5:-20"),
        ("0", "32", "5:1", "-1:5", "-1:-3", "x", "1:", "20:-20", "-32"),
    ),
    "months": (
        ("january:march", "MAY", "1:3", 12, "december", "6:july"),
        ("13", "0", "march:january", "jan", "5:2", ""),
    ),
    "years": (("2020:2022", 2030, "1999"), ("2022:2020", "x", "2020:", "20.5")),
}
_CLOCKS = ("00:00", "09:00", "17:30", "23:59", "24:00")
_BAD_CLOCKS = ("9:00", "24:01", "x", "", "12:60", "09:00:00")
_ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "", "Etc/GMT+5")
_BAD_ZONES = ("Europe/Belin", "X", "../etc", "/UTC")
_ONE_OF: dict[str, tuple[str, ...]] = {
    "email_configs": ("to",),
    "webhook_configs": ("url",),
    "pagerduty_configs": ("routing_key",),
    "pushover_configs": ("user_key", "token"),
    "victorops_configs": ("routing_key", "api_key"),
    "telegram_configs": ("bot_token", "chat_id"),
    "discord_configs": ("webhook_url",),
    "webex_configs": ("room_id",),
    "opsgenie_configs": ("api_key",),
    "wechat_configs": ("api_secret", "corp_id"),
    "slack_configs": ("api_url",),
}


class Writer:
    """Draws one configuration."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def faulty(self) -> bool:
        """Whether to do wrong this time."""
        return self.chance.random() < FAULT

    def value(self, kind: Any) -> Any:
        """A value of a kind, a shape or a list of such."""
        if isinstance(kind, tuple):
            if self.faulty():
                return self.chance.choice(("x", {"a": 1}))
            return [self.value(kind[0]) for _ in range(self.chance.randint(0, 2))]
        if not isinstance(kind, str):
            return [] if self.faulty() else self.shape(kind, self.chance.randint(0, 3))
        pool = _BAD if self.faulty() else _GOOD
        return self.chance.choice(pool[kind])

    def shape(self, shape: Shape, count: int, needed: tuple[str, ...] = ()) -> dict[str, Any]:
        """Some keys of a shape, those needed among them unless forgotten."""
        keys = self.chance.sample(list(shape), min(count, len(shape)))
        made = {key: self.value(shape[key]) for key in keys}
        for key in needed:
            if not self.faulty():
                made[key] = self.firm(shape[key])
        if self.faulty():
            made["unknown"] = "x"
        return made

    def firm(self, kind: Any) -> Any:
        """A value that is there."""
        firm = [one for one in _GOOD[kind] if one not in (None, "", 0)]
        return self.chance.choice(firm)

    def receiver(self, name: str) -> dict[str, Any]:
        """A receiver with none, one or two ways to tell people."""
        made: dict[str, Any] = {"name": name}
        for key in self.chance.sample(list(SHAPES), self.chance.choice((0, 1, 1, 1, 2))):
            one = self.shape(SHAPES[key], self.chance.randint(0, 3), _ONE_OF.get(key, ()))
            if key == "sns_configs" and not self.faulty():
                one["topic_arn"] = "arn"
            made[key] = [one]
        return made

    def interval(self) -> dict[str, Any]:
        """A time interval."""
        made: dict[str, Any] = {}
        for field, (good, bad) in _TIMES.items():
            if self.chance.random() < 0.4:
                made[field] = [
                    self.chance.choice(bad if self.faulty() else good)
                    for _ in range(self.chance.randint(0, 2))
                ]
        if self.chance.random() < 0.4:
            first, last = sorted(self.chance.sample(_CLOCKS, 2), reverse=self.faulty())
            made["times"] = [{"start_time": first, "end_time": last}]
            if self.faulty():
                made["times"][0]["end_time"] = self.chance.choice(_BAD_CLOCKS)
        if self.chance.random() < 0.3:
            made["location"] = self.chance.choice(_BAD_ZONES if self.faulty() else _ZONES)
        return made

    def rule(self) -> dict[str, Any]:
        """An inhibition rule."""
        made: dict[str, Any] = {}
        for side in ("source", "target"):
            for key, value in grow.conditions(self.chance).items():
                made[f"{side}_{key}"] = value
        made["equal"] = self.chance.choice((["app"], [], ["a_b", "app"], None))
        if self.faulty():
            made["equal"] = self.chance.choice((["1a"], "app", ["a-b"]))
        return made

    def route(self, names: list[str], intervals: list[str], depth: int = 0) -> dict[str, Any]:
        """A route whose timings may be wrong."""
        made = grow.route(self.chance, names, depth + 3)
        if depth == 0:
            made["receiver"] = self.chance.choice(names)
            for key in ("match", "match_re", "matchers", "continue"):
                if not self.faulty():
                    made.pop(key, None)
        for key in ("group_wait", "group_interval", "repeat_interval"):
            if self.chance.random() < 0.3:
                pool = _BAD if self.faulty() else _GOOD
                made[key] = self.chance.choice(pool["duration"])
        if self.chance.random() < 0.3:
            good: tuple[Any, ...] = (["app"], ["..."], [], None, ["app", "team"])
            bad: tuple[Any, ...] = (["...", "app"], ["1a"], ["app", "app"], "app", ["", "a"])
            made["group_by"] = self.chance.choice(bad if self.faulty() else good)
        if depth and intervals and self.chance.random() < 0.4:
            key = self.chance.choice(("mute_time_intervals", "active_time_intervals"))
            made[key] = ["missing"] if self.faulty() else self.chance.sample(intervals, 1)
        if self.faulty():
            made[self.chance.choice(("recevier", "mathers"))] = "x"
        if self.faulty():
            bad_lines: tuple[Any, ...] = (["a"], ["a=~("], ['a="b'], ["1=2"], "a=b", ["a==b"])
            made["matchers"] = self.chance.choice(bad_lines)
        if self.faulty():
            made["match_re"] = {"app": self.chance.choice(("(", "a++", "(?=x)", "\\C", "[z-a]"))}
        if self.faulty():
            made["match"] = self.chance.choice(({"a-b": "c"}, {"": "c"}, ["a"], {"a": ["b"]}))
        if depth < 2:
            made["routes"] = [
                self.route(names, intervals, depth + 1) for _ in range(self.chance.randint(0, 2))
            ]
        return made

    def document(self) -> dict[str, Any]:
        """A whole configuration."""
        names = [f"r{n}" for n in range(self.chance.randint(1, 4))]
        intervals = [f"i{n}" for n in range(self.chance.randint(0, 2))]
        made: dict[str, Any] = {
            "route": self.route(names + (["missing"] if self.faulty() else []), intervals),
            "receivers": [self.receiver(name) for name in names],
        }
        made["time_intervals"] = [
            {"name": name, "time_intervals": [self.interval()]} for name in intervals
        ]
        if self.chance.random() < 0.3:
            made["inhibit_rules"] = [self.rule()]
        if self.chance.random() < 0.5:
            made["global"] = self.shape(GLOBAL, self.chance.randint(0, 4))
            if self.chance.random() < 0.7:
                made["global"] |= {"smtp_smarthost": "h:25", "smtp_from": "s@example.com"}
        if self.faulty():
            made["receivers"].append({"name": self.chance.choice((names[0], "", None, "zz"))})
        if self.faulty():
            made["inhibit_rule"] = []
        if self.faulty():
            made.pop(self.chance.choice(("route", "receivers")))
        return made
