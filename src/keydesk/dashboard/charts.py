"""How a key's requests are drawn: a bar for each hour or day, accepted below and refused above; pure."""

from typing import Any, Final

from keydesk.control.usage.queries import SpanOfUse
from keydesk.web.figures import whole

HEIGHT: Final = 100
BAR: Final = 10
"""The room that a bar has from left to right; the page makes the drawing as wide as there is place."""
GAP: Final = 1.5
LEAST: Final = 2
"""What came at all is seen, however little it is beside the rest."""
ROUND: Final = (1, 2, 3, 4, 5, 6, 8)


def chart(spans: list[SpanOfUse]) -> dict[str, Any]:
    """Give the shapes of the bars, and the numbers at the lines behind them from the highest down."""
    half = round_up(max(span.number for span in spans))
    return {
        "width": len(spans) * BAR,
        "lines": [whole(number) for number in (2 * half, half, 0)],
        "bars": [
            bar(place * BAR + GAP, span, 2 * half)
            for place, span in enumerate(spans)
            if span.number
        ],
    }


def round_up(most: int) -> int:
    """Give the least of 1, 2, 3, 4, 5, 6, 8, 10, 20 ... of which two reach up to the number."""
    unit = 1
    while 2 * ROUND[-1] * unit < most:
        unit *= 10
    return next(first * unit for first in ROUND if 2 * first * unit >= most)


def bar(left: float, span: SpanOfUse, top: int) -> dict[str, str]:
    """Give the places and heights of a bar's parts, as a drawing has them: from above."""
    accepted, refused = (
        max(LEAST, number / top * HEIGHT) if number else 0.0
        for number in (span.number - span.refused, span.refused)
    )
    # Beside a part that is only seen because it is drawn higher, the other one gives way at the top.
    beyond = max(0.0, accepted + refused - HEIGHT)
    if accepted > refused:
        accepted -= beyond
    else:
        refused -= beyond
    return {
        "left": f"{left:.1f}",
        "width": f"{BAR - 2 * GAP:.1f}",
        "accepted": f"{accepted:.1f}" if accepted else "",
        "accepted_top": f"{HEIGHT - accepted:.1f}",
        "refused": f"{refused:.1f}" if refused else "",
        "refused_top": f"{HEIGHT - accepted - refused:.1f}",
    }
