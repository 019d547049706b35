"""The reliability diagram of the result page, as SVG. It travels in the scoring program: standard library only."""

from collections.abc import Sequence

_SIDE, _LEFT, _TOP = 240, 40, 8
"""Length of the axes, and where they begin, in the units of the picture."""
_WIDTH, _HEIGHT = _LEFT + _SIDE + 12, _TOP + _SIDE + 38
_LARGEST = 9
"""Radius of the dot of a bin that would hold every image."""

Bin = tuple[int, float, float]
"""Images, mean confidence 0..1, accuracy 0..1."""


def reliability_diagram(bins: Sequence[Bin]) -> str:
    """Accuracy over confidence: a dot for each bin, with an area by its images, and its gap from the diagonal.

    Colours come from the page's CSS variables, so that they follow its colour scheme.
    """
    total = max(sum(images for images, _, _ in bins), 1)
    marks = [_gap(confidence, accuracy) for _, confidence, accuracy in bins]
    marks += [_dot(images / total, confidence, accuracy) for images, confidence, accuracy in bins]
    return (
        f'<svg class="diagram" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="Accuracy over confidence">'
        f"{_axes()}{''.join(marks)}</svg>"
    )


def _axes() -> str:
    bottom, right = _TOP + _SIDE, _LEFT + _SIDE
    ticks = "".join(
        f'<text x="{_x(value):.1f}" y="{bottom + 15}" text-anchor="middle">{value:g}</text>'
        f'<text x="{_LEFT - 6}" y="{_y(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
        for value in (0, 0.5, 1)
    )
    middle = _TOP + _SIDE / 2
    return (
        f'<path class="frame" d="M{_LEFT} {_TOP}V{bottom}H{right}"/>'
        f'<path class="ideal" d="M{_LEFT} {bottom}L{right} {_TOP}"/>{ticks}'
        f'<text x="{_LEFT + _SIDE / 2}" y="{bottom + 32}" text-anchor="middle">confidence</text>'
        f'<text transform="translate(11 {middle}) rotate(-90)" text-anchor="middle">accuracy</text>'
    )


def _gap(confidence: float, accuracy: float) -> str:
    return f'<path class="gap" d="M{_x(confidence):.1f} {_y(confidence):.1f}V{_y(accuracy):.1f}"/>'


def _dot(share: float, confidence: float, accuracy: float) -> str:
    # Never so small that a bin of few images is lost.
    radius = max(_LARGEST * share**0.5, 2)
    return f'<circle cx="{_x(confidence):.1f}" cy="{_y(accuracy):.1f}" r="{radius:.1f}"/>'


def _x(value: float) -> float:
    return _LEFT + value * _SIDE


def _y(value: float) -> float:
    return _TOP + (1 - value) * _SIDE
