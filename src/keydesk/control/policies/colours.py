"""Whether a brand colour can be read, and what stands for it on a dark page; pure, by WCAG 2.2, 1.4.3."""

from typing import Final

WHITE: Final = "#ffffff"
LIGHT_SURFACE: Final = "#f8f9fb"
DARK_SURFACE: Final = "#15181e"
"""The surfaces of the style sheet on which the colour is hardest to read."""
LEAST_CONTRAST: Final = 4.5
STEPS: Final = 50
NEARLY_BLACK: Final = 0.04045
"""Below this, sRGB is a straight line."""


def is_legible(colour: str) -> bool:
    """Say whether text of this colour on our light pages, and white text on it, passes AA."""
    return contrast(colour, LIGHT_SURFACE) >= LEAST_CONTRAST


def contrast(one: str, other: str) -> float:
    """Give the contrast ratio of two colours, each `#rrggbb`: 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Give a colour's relative luminance, 0 to 1."""
    red, green, blue = (linear(part / 255) for part in parts_of(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def linear(part: float) -> float:
    """Give the light behind one part of a colour in sRGB."""
    return part / 12.92 if part <= NEARLY_BLACK else float(((part + 0.055) / 1.055) ** 2.4)


def parts_of(colour: str) -> tuple[int, int, int]:
    """Give red, green and blue of `#rrggbb`."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def lightened(colour: str) -> str:
    """Give the darkest tint of a colour that passes AA on our dark pages."""
    for step in range(STEPS + 1):
        share = step / STEPS
        tint = "#" + "".join(
            f"{round(part + (255 - part) * share):02x}" for part in parts_of(colour)
        )
        if contrast(tint, DARK_SURFACE) >= LEAST_CONTRAST:
            return tint
    return WHITE
