"""A twin in HTML of every page in ``reports/``, so that a browser finds one where a link leads to Markdown."""

import re
from collections.abc import Iterator, Sequence
from html import escape, unescape
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bloodcells.files import write_text
from bloodcells.pages.html_page import html_page

_LONG = 3
"""Headings from which on a page has a table of contents."""
_SHORT = 14
"""Letters of figures and names in a table, which stay in one line where a phone breaks sentences."""
_INTERVAL = re.compile(r"\(([-+\d.]+) to ([-+\d.]+)\)")
_STYLE = """
h2 { margin-top: 3rem }
p, li { max-width: 46rem }
p:has(> img) { max-width: 58rem }
em { color: var(--soft) }
img { display: block; max-width: 100%; height: auto; margin: 1.2rem 0 .6rem; padding: .4rem; background: #fff;
  border-radius: .4rem }
@media (prefers-color-scheme: dark) { a { color: #8ab4f8 } img { filter: brightness(.9) }
  img[src$=".png"]:not([src*=smear], [src*=each_corruption], [src*=families], [src*=medmnist]) {
    filter: invert(.87) hue-rotate(180deg) } }
td img { margin: 0; padding: 0; min-width: 9rem; max-width: 14rem }
.short { white-space: nowrap }
@media (max-width: 34rem) { p:has(> img) { overflow-x: auto } p > img { max-width: none; width: 36rem }
  img:is([src*=families], [src*=medmnist], [src*=confusion], [src*=accuracy], [src*=errors], [src*=corruptions],
    [src*=differences], [src*=gallery], [src*=suspects]) { width: 46rem }
  .wide table { font-size: .82rem } .wide :is(th, td) { padding-right: .5rem }
  td img { min-width: 8rem } td:not(:first-child, .short) :is(code, a) { overflow-wrap: anywhere } }
nav { margin: 1.2rem 0; font-size: .92rem }
nav ul { margin: .3rem 0; padding-left: 1.1rem; columns: 18rem }
.wide { margin: 1rem 0; font-size: .88rem }
th, td { padding: .35rem .9rem .35rem 0; vertical-align: top; text-align: left; border-bottom: 1px solid var(--line) }
th { font-weight: 600 }
code { font-size: .9em; padding: .05em .25em; border-radius: .2em; background: var(--card) }
pre code { padding: 0 }
pre { overflow-x: auto; padding: .8rem; border-radius: .4rem; background: var(--card) }
details { margin: 1rem 0; padding: .2rem 1rem; border: 1px solid var(--line); border-radius: .4rem }
summary { cursor: pointer; font-weight: 600; padding: .5rem 0 }
"""


def write_twins(reports: Path) -> Iterator[Path]:
    """Write beside each Markdown page that is published in ``reports`` its twin, and give the twins' paths."""
    pages = [page for page in sorted(reports.rglob("*.md")) if page.name != "tried.md"]
    for page in pages:
        write_text(page.with_suffix(".html"), twin(page.read_text(encoding="utf-8"), page, pages))
        yield page.with_suffix(".html")


def twin(text: str, page: Path, pages: Sequence[Path]) -> str:
    """The Markdown ``text`` of ``page`` as HTML; links to other ``pages`` lead to their twins."""
    markdown = MarkdownIt("commonmark").enable("table")
    tokens = markdown.parse(text)
    headings = dict(_named_headings(tokens))
    body = markdown.renderer.render(tokens, markdown.options, {})
    body = body.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
    body = re.sub(r"<td([^>]*)>(.*?)</td>", _cell, body)
    body = _INTERVAL.sub("(\\1&nbsp;to&nbsp;\\2)", body)
    twins = {other.resolve() for other in pages}

    def led(link: re.Match[str]) -> str:
        target = page.parent / link[1]
        return f'href="{link[1]}.html' if target.with_name(f"{target.name}.md").resolve() in twins else link[0]

    body = re.sub(r'href="([^":#]+)\.md(?=["#])', led, body)
    if len(headings) >= _LONG:
        links = "".join(f'<li><a href="#{name}">{escape(words)}</a></li>' for name, words in headings.items())
        body = body.replace("</h1>", f"</h1>\n<nav>Contents<ul>{links}</ul></nav>", 1)
    title = text.splitlines()[0].removeprefix("# ")
    return html_page(title, body, _STYLE)


def _cell(cell: re.Match[str]) -> str:
    """A cell of a table, marked where it is short."""
    length = len(unescape(re.sub("<[^>]+>", "", cell[2])))
    return f'<td class="short"{cell[1]}>{cell[2]}</td>' if length <= _SHORT else cell[0]


def _named_headings(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """Give the headings of second rank the names that GitHub gives them; yield these and their words."""
    for heading, words in pairwise(tokens):
        if heading.type == "heading_open" and heading.tag == "h2":
            name = re.sub(r"[^\w-]", "", words.content.lower().replace(" ", "-"))
            heading.attrSet("id", name)
            yield name, words.content
