"""The frame and the look that all HTML pages of the kit share: one column, light or dark as the reader has it."""

import html
from pathlib import Path

_STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


def section(title: str, text: str, content: str) -> str:
    """A part of a page, of HTML: its title, a paragraph and what it shows."""
    return f"<section><h2>{title}</h2><p>{text}</p>{content}</section>"


def html_page(title: str, body: str, style: str, script: str = "") -> str:
    """A page that needs nothing beside it.

    Args:
        title: plain text.
        body: HTML.
        style: CSS of this page alone, after what all share; it may use the variables ``--back``, ``--card``,
            ``--ink``, ``--soft`` and ``--line``.
        script: JavaScript, after the body.
    """
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{_STYLE}{style}</style>\n"
        f"<main>\n{body}\n</main>\n" + (f"<script>\n{script}</script>\n" if script else "") + "</html>\n"
    )
