"""The frame and the look that all HTML pages of the kit share: one column, light or dark as the reader has it."""

import html

_STYLE = """
:root { color-scheme: light dark; --back: #faf8f5; --card: #fff; --ink: #23202a; --soft: #6d6875; --line: #e6e1da }
@media (prefers-color-scheme: dark) { :root { --back: #17151b; --card: #221f28; --ink: #ece8f1; --soft: #a49dae;
  --line: #37323f } }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--ink); font: 16px/1.55 system-ui, sans-serif }
main { max-width: 70rem; margin: 0 auto; padding: 2rem 1.1rem 4rem }
h1 { margin: .1rem 0 1.3rem; font-size: clamp(1.7rem, 6vw, 2.9rem); line-height: 1.15; letter-spacing: -.02em }
h2 { font-size: 1.3rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
thead th { color: var(--soft); border-bottom: 1px solid var(--line) }
"""


def html_page(title: str, body: str, style: str) -> str:
    """A page that needs nothing beside it.

    Args:
        title: plain text.
        body: HTML.
        style: CSS of this page alone, after what all share; it may use the variables ``--back``, ``--card``,
            ``--ink``, ``--soft`` and ``--line``.
    """
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}{style}</style>\n"
        f"<main>\n{body}\n</main>\n</html>\n"
    )
