"""Whole numbers as addresses and forms bring them: in the digits 0 to 9, and never longer than what they name."""


def number_in(text: str, *, digits: int) -> int | None:
    """Give the number that a text is, None if it is none or has more digits."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None
