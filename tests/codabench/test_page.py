from html.parser import HTMLParser

from bloodcells.codabench.diagram import reliability_diagram
from bloodcells.codabench.page import failure_page, result_page

COMPETITION = {
    "title": "A & B",
    "classes": ["one", "two", "three"],
    "metric": "accuracy",
    "time_limit": 600.0,
    "memory_limit": 4_000_000_000,
}
RUN = {"duration": 12.34, "load_seconds": 4.0, "peak_memory": 1_500_000_000}
SCORES = {"accuracy": 0.75, "macro_f1": 0.7, "duration": 12.34}
CONFUSION = [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
BINS = [(1, 0.5, 0.0), (3, 0.9, 1.0)]


class Balance(HTMLParser):
    """Counts open tags and remembers addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta",):
            self.open.append(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(html: str) -> Balance:
    parser = Balance()
    parser.feed(html)
    assert parser.open == []
    return parser


def test_the_result_page_is_complete_and_self_contained() -> None:
    html = result_page(COMPETITION, SCORES, CONFUSION, RUN)
    assert parsed(html).addresses == []
    for text in ("A &amp; B", "0.7500", "macro f1", "0.7000", "12.3 s", "16.3 s", "1.50 GB", "0.667", "never"):
        assert text in html
    assert "no images" in html and "width:37.5%" in html
    assert "prefers-color-scheme: dark" in html and 'name="viewport"' in html
    assert "predict has returned labels alone" in html and "<h2>Corruptions" not in html


def test_calibration_is_shown_where_probabilities_are_known() -> None:
    html = result_page(COMPETITION, SCORES, CONFUSION, RUN, BINS, reliability_diagram(BINS))
    assert parsed(html).addresses == []
    for text in ("expected calibration error", "0.2000", "mean confidence", "0.8000", "accuracy</dt><dd>0.7500"):
        assert text in html
    assert html.count("<circle") == 2 and "labels alone" not in html


def test_the_diagram_puts_a_dot_where_confidence_and_accuracy_meet() -> None:
    svg = reliability_diagram([(1, 0.25, 0.5), (99, 1.0, 0.0)])
    assert '<circle cx="100.0" cy="128.0" r="2.0"/>' in svg
    assert '<circle cx="280.0" cy="248.0" r="9.0"/>' in svg
    assert 'd="M100.0 188.0V128.0"' in svg
    assert "<circle" not in reliability_diagram([])


def test_corruptions_are_listed_in_the_order_given() -> None:
    html = result_page(COMPETITION, SCORES, CONFUSION, RUN, corruptions={"rotate_hue": (3, 0.333), "": (1, 1.0)})
    parsed(html)
    assert html.index("<th>rotate hue</th><td>3</td><td>0.333</td>") < html.index("<th>none</th><td>1</td><td>1.000")


def test_the_failure_page_escapes_what_the_submission_printed() -> None:
    html = failure_page("A", "predict: <b> failed", {"standard error": "<script>alert(1)</script>"})
    parsed(html)
    assert "<script>" not in html and "predict: &lt;b&gt; failed" in html
