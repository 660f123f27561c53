"""What people may call things: accounts, persons, products, credentials, keys."""


def is_name(text: str, *, longest: int) -> bool:
    """Say whether the text may be a name: trimmed, 1 to `longest` characters, each of them printable."""
    return 0 < len(text) <= longest and text == text.strip() and text.isprintable()
