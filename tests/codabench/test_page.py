from html.parser import HTMLParser

from bloodcells.codabench.page import failure_page, result_page

RUN = {"duration": 12.34, "load_seconds": 4.0, "peak_memory": 1_500_000_000}
SCORES = {"accuracy": 0.75, "macro_f1": 0.7, "duration": 12.34}


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
    html = result_page("A & B", ["one", "two", "three"], "accuracy", SCORES, [[2, 1, 0], [0, 1, 0], [0, 0, 0]], RUN)
    assert parsed(html).addresses == []
    for text in ("A &amp; B", "0.7500", "macro f1", "0.7000", "12.3 s", "1.50 GB", "0.667", "no images", "never"):
        assert text in html
    assert "prefers-color-scheme: dark" in html and 'name="viewport"' in html


def test_the_failure_page_escapes_what_the_submission_printed() -> None:
    html = failure_page("A", "predict: <b> failed", {"standard error": "<script>alert(1)</script>"})
    parsed(html)
    assert "<script>" not in html and "predict: &lt;b&gt; failed" in html
