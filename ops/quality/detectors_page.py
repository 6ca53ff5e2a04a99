"""Writes docs/detectors.md: the strategies, their scores on a corpus, and the quality on traffic.

    python -m ops.quality.detectors_page --corpus DIR --results FOLDER [--write]

Measures what FOLDER does not hold yet, one file per strategy and one for the traffic, so that it
may be stopped and gone on with. The figures through the workers are those that
`ops.quality.worker_path` kept. Without `--write` it prints the page.
"""

from __future__ import annotations

import argparse
import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detectors.base import Detector, Number
from detectors.damping import DAMPING, Damping
from detectors.nab.bench import DEFAULT, scored, scores_of, strategies
from detectors.nab.corpus import Recording, load_corpus
from detectors.nab.scoring import load_profiles
from detectors.registry import registry
from ops.quality.detectors import measured, tables
from ops.quality.detectors_picture import picture
from ops.quality.detectors_tried import tried
from ops.quality.windowed_gaussian import windowed_gaussian
from ops.quality.worker_path import kept_section

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHOWN = (
    "realKnownCause/nyc_taxi.csv",
    "realTraffic/occupancy_t4013.csv",
    "realTweets/Twitter_volume_AMZN.csv",
    "artificialWithAnomaly/art_daily_nojump.csv",
)
SIMPLE = "band"


def report(name: str, folder: Path, corpus: Path, recordings: Sequence[Recording]) -> Any:
    """The strategy's report as JSON, measured unless the folder holds it."""
    kept = folder / f"{name}.json"
    if not kept.exists():
        print(f"{name}: measuring", file=sys.stderr)
        scores = scores_of(registry()[name], recordings)
        found = scored(name, recordings, scores, load_profiles(corpus)).as_json()
        np.savez_compressed(folder / f"{name}.npz", *scores)
        kept.write_text(json.dumps(found, indent=2), encoding="utf-8")
    return json.loads(kept.read_text(encoding="utf-8"))


def checked(folder: Path, corpus: Path, recordings: Sequence[Recording]) -> Any:
    """NAB's windowed Gaussian, rebuilt, without a repeat rule, on these series."""
    kept = folder / "windowed_gaussian.json"
    if not kept.exists():
        scores = [windowed_gaussian(each) for each in recordings]
        every = Damping(silence=1, share=0)
        profiles = load_profiles(corpus)
        found = scored("windowed Gaussian, rebuilt", recordings, scores, profiles, every)
        kept.write_text(json.dumps(found.as_json()), encoding="utf-8")
    return json.loads(kept.read_text(encoding="utf-8"))


def traffic(folder: Path) -> Any:
    """The measurements on traffic, made unless the folder holds them."""
    kept = folder / "traffic.json"
    if not kept.exists():
        kept.write_text(json.dumps(measured(30, 20), indent=2), encoding="utf-8")
    return json.loads(kept.read_text(encoding="utf-8"))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def overall(reports: Sequence[Any], published: Mapping[str, Mapping[str, float]]) -> list[str]:
    """One row per strategy and per published detector, the best first."""
    rows = [
        (
            each["standard"],
            f"| **`{each['strategy']}`** | {_number(each['standard'])} |"
            f" {_number(each['reward_low_FP_rate'])} | {_number(each['reward_low_FN_rate'])} |"
            f" {_number(each['leave_one_category_out'])} |",
        )
        for each in reports
    ]
    rows += [
        (
            each["standard"],
            f"| {name}, published | {_number(each['standard'])} |"
            f" {_number(each['reward_low_FP_rate'])} | {_number(each['reward_low_FN_rate'])} | |",
        )
        for name, each in published.items()
    ]
    return [
        "| detector | standard | reward low FP | reward low FN | category left out |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(row for _, row in sorted(rows, key=lambda row: -row[0])),
    ]


def by_category(reports: Sequence[Any]) -> list[str]:
    """Standard score in sample and with the category left out, and what lies behind it."""
    names = [each["strategy"] for each in reports]
    heads = "".join(f" `{name}` | left out | found | false alarms |" for name in names)
    lines = [f"| category | files | windows |{heads}"]
    lines.append("| --- | ---: | ---: |" + " ---: | ---: | ---: | ---: |" * len(names))
    for category, first in reports[0]["by_category"].items():
        cells = ""
        for each in reports:
            at = each["by_category"][category]
            outside = _number(at["leave_one_category_out"])
            cells += f" {_number(at['standard'])} | {outside} | {at['found']} |"
            cells += f" {at['false_alarms']} |"
        lines.append(f"| {category} | {first['files']} | {first['windows']} |{cells}")
    return lines


def manual(name: str, kind: Detector) -> list[str]:
    """What a detector is, from its docstring, and its options."""
    heading = f"### `{name}`" + (" (type `statistical`)" if kind.strategy else "")
    lines = [heading, "", inspect.getdoc(type(kind)) or "", ""]
    options = [f"`{key}`: {', '.join(words)}" for key, words in kind.options.items()]
    options += [
        f"`{key}` ({_shown(number.default, number)}; {_shown(number.low, number)} to"
        f" {_shown(number.high, number)}): {number.about}"
        for key, number in kind.numbers.items()
    ]
    if kind.holds:
        options.append("`for`: a duration")
    if kind.threshold is not None:
        options.append(f"`threshold`: {kind.threshold:g} where none is named")
    lines += [f"- {each}" for each in options]
    return [*lines, ""] if options else lines


def _shown(value: float, number: Number) -> str:
    if not number.seconds or value % 60:
        return f"{value:.10g}"
    minutes = int(value) // 60
    return f"{minutes // 1440}d" if minutes and minutes % 1440 == 0 else f"{minutes}m"


def page(corpus: Path, folder: Path, recordings: Sequence[Recording]) -> str:
    """The whole page."""
    reports = [report(name, folder, corpus, recordings) for name in strategies()]
    named = {each["strategy"]: each for each in reports}
    file = corpus / "published_final_results.json"
    published = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    rebuilt = checked(folder, corpus, recordings)
    windows = sum(len(each.windows) for each in recordings)
    best, plain = named[DEFAULT], named[SIMPLE]
    lines = [
        "# Detectors",
        "",
        "Written by `python -m ops.quality.detectors_page --write`; the words on each detector are"
        " those of its file in `detectors/`.",
        "",
        f"For a single statistical strategy take `{SIMPLE}`: it assumes nothing about the"
        f" distribution, keeps twenty numbers, and has {_number(plain['standard'])} on NAB."
        f" `{DEFAULT}` has {_number(best['standard'])} and costs more: 15 kB of state a series."
        " `zscore` with `scale: log` is the one to take for the first hours of an application, and"
        " for shares such as the error rate; the shipped detectors.yaml uses it.",
        "",
        "## On the Numenta Anomaly Benchmark",
        "",
        f"NAB 1.1, {len(recordings)} of its 58 series with {windows} anomaly windows; 100 is a"
        " perfect detector and 0 one that says nothing. Scored as published: the first 15 % of a"
        " file (750 rows at most) are not scored, an early alert earns more on a sigmoid, each"
        " alert outside a window costs. One threshold per profile over all files, as NAB chooses"
        " it. *Category left out*: each category with the threshold that is best on the others."
        " The published scores are over all 58 series, so compare them with care: NAB's windowed"
        f" Gaussian, rebuilt and scored by this bench, has {_number(rebuilt['standard'])},"
        f" {_number(rebuilt['reward_low_FP_rate'])} and {_number(rebuilt['reward_low_FN_rate'])}"
        " in the three profiles on these series.",
        "",
        "A detector is scored with its repeat rule: after an alert the next one comes after"
        f" {DAMPING.silence} windows or {100 * DAMPING.share:g} % of the windows seen, whichever"
        " is more. Strategies run at their defaults, in both directions, strictly online. The rule"
        " and the statistics of the ensemble were settled while looking at these series; only the"
        " thresholds are chosen without the category.",
        "",
        *overall(reports, published),
        "",
        "To measure another corpus in NAB's format:"
        " `sentinel-cli detectors bench --corpus DIR --strategy NAME --json`.",
        "",
        "### By category",
        "",
        *by_category([best, plain]),
        "",
        *tried(),
        "### What it looks like",
        "",
        "Grey is the series, blue its anomaly windows, red the alerts, and below it the score of"
        f" `{DEFAULT}` with its threshold. The time on probation is shaded.",
        "",
    ]
    names = {each.name for each in recordings}
    for number, name in enumerate((each for each in SHOWN if each in names), 1):
        lines += [f"![{name}](detectors-{number}.svg)", ""]
    found = traffic(folder)
    lines += [
        "## On an application's traffic",
        "",
        f"Simulated: {found['days']:g} days of log-normal latency and cost (sigma of the"
        " logarithm), a daily swing of the rate by half, 2 % errors. Clean traffic: windows out of"
        " the ordinary for each entry of the shipped detectors.yaml. Faults: latency times 4, cost"
        " times 10, error rate times 2, silence; found in the first two windows of an entry that"
        " watches the metric. Made by `python -m ops.quality.detectors`.",
        "",
        *tables(found),
        "",
        "At ten calls a minute a doubled error rate is twelve failures in half an hour where six"
        " were usual: chance does that too often for it to be found every time within two windows.",
        "",
        *kept_section(),
        "## Every detector",
        "",
        "Each is one file in `detectors/`. All take `metric`, `statistic`, `threshold`, `window`,"
        " `group_by` and `min_samples`. `direction` is `up`, `down` or `both`. With `scale: log`"
        " a statistical strategy judges factors instead of differences: right for latency, tokens"
        " and cost.",
        "",
    ]
    for name, kind in registry().items():
        lines += manual(name, kind)
    return "\n".join(lines).rstrip() + "\n"


def pictures(folder: Path, recordings: Sequence[Recording]) -> dict[str, str]:
    """SVG text by file name."""
    threshold = json.loads((folder / f"{DEFAULT}.json").read_text())["thresholds"]["standard"]
    with np.load(folder / f"{DEFAULT}.npz") as kept:
        scores = {each.name: kept[f"arr_{n}"] for n, each in enumerate(recordings)}
    chosen = [each for name in SHOWN for each in recordings if each.name == name]
    return {
        f"detectors-{number}.svg": picture(each, scores[each.name], threshold)
        for number, each in enumerate(chosen, 1)
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, then print or write."""
    parser = argparse.ArgumentParser(prog="ops.quality.detectors_page")
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args(arguments)
    chosen.results.mkdir(parents=True, exist_ok=True)
    recordings = load_corpus(chosen.corpus)
    text = page(chosen.corpus, chosen.results, recordings)
    if not chosen.write:
        print(text)
        return
    (DOCS / "detectors.md").write_text(text, encoding="utf-8")
    for name, svg in pictures(chosen.results, recordings).items():
        (DOCS / name).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
