from __future__ import annotations

import math
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from detectors.sparkline import sparkline

SVG = "{http://www.w3.org/2000/svg}"
NUMBERS = st.lists(st.one_of(st.none(), st.floats()), max_size=30)


def drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def test_a_gap_cuts_the_line_and_an_odd_value_has_a_dot() -> None:
    root = drawn(sparkline([1, 2, None, 4, 9], [0] * 5, [5] * 5, [False] * 4 + [True]))
    assert len(root.findall(f"{SVG}polyline")) == 2
    assert len(root.findall(f"{SVG}circle")) == 1
    assert len(root.findall(f"{SVG}polygon")) == 1


def test_a_title_is_escaped() -> None:
    svg = sparkline([1.0], title="</svg><script>alert(1)</script>")
    assert "<script>" not in svg
    assert drawn(svg).findtext(f"{SVG}title") == "</svg><script>alert(1)</script>"


@given(NUMBERS, NUMBERS, NUMBERS)
def test_any_numbers_make_a_picture_inside_its_frame(
    values: list[float | None], low: list[float | None], high: list[float | None]
) -> None:
    root = drawn(sparkline(values, low, high, [True] * len(values)))
    for shape in root.iter():
        for pair in shape.get("points", "").split():
            assert all(math.isfinite(float(n)) for n in pair.split(","))
