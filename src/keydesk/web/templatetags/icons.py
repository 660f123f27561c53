"""Icons as inline SVG; one that does not exist is a box and no fault, because products name their own."""

from functools import cache, lru_cache
from importlib.resources import files
from io import BytesIO
from typing import Final
from zipfile import ZipFile

from django import template
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

UNKNOWN: Final = "box"
HEAD: Final = (
    '<svg width="{size}" height="{size}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
    'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">'
)


@register.simple_tag
def icon(name: str, size: str = "16") -> SafeString:
    """Give a Lucide icon of this many pixels that screen readers pass over."""
    try:
        return drawn(name, size)
    except KeyError:
        return drawn(UNKNOWN, size)


@lru_cache(maxsize=512)
def drawn(name: str, size: str) -> SafeString:
    """Give the icon's SVG; raises KeyError for one that does not exist."""
    _head, _, shapes = lucide().read(f"{name}.svg").decode().strip().partition(">")
    return mark_safe(HEAD.format(size=int(size)) + shapes)  # noqa: S308 - the package's own shapes and a number


@cache
def lucide() -> ZipFile:
    """Open the package's icons once: its own tag lists all 1,700 for each, which takes 25 ms."""
    return ZipFile(BytesIO((files("lucide") / "lucide.zip").read_bytes()))
