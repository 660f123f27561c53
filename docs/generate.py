"""Write the reference pages that the code itself defines: `python docs/generate.py` (or `make reference`).

The tests hold each page equal to what this gives, so a code or a setting cannot exist without its row.
"""

from pathlib import Path

from msgspec.inspect import type_info
from msgspec.structs import fields

from keydesk.config import PREFIX, Config, Secret
from keydesk.core.codes import CODES

FOLDER = Path(__file__).parent / "reference"


def codes_page() -> str:
    """Give the page of all public codes, from the table in `keydesk.core.codes`."""
    decision = [
        f"| `{code}` | {info.status} | {info.compat} | {info.title} |"
        for code, info in CODES.items()
        if info.compat
    ]
    refusal = [
        f"| `{code}` | {info.status} | {info.title} |"
        for code, info in CODES.items()
        if not info.compat
    ]
    return "\n".join(
        [
            "# Codes",
            "",
            "A code, once published, never changes its meaning. This page is written by `make reference`.",
            "",
            "## Decisions on a request",
            "In the order of the checks: the first that fails gives the code. The body that an end client reads",
            "does not tell `key_malformed` and `key_unknown` apart: it has `key_invalid` for both, and only",
            "`X-Keydesk-Code`, usage, metrics and the gateway's log have the exact code.",
            "",
            "| code | HTTP | compat code | what the end client reads |",
            "| --- | --- | --- | --- |",
            *decision,
            "",
            "## Refusals of the desk",
            "",
            "| code | HTTP | what it says |",
            "| --- | --- | --- |",
            *refusal,
            "",
        ]
    )


def settings_page() -> str:
    """Give the page of all settings and secrets, from `keydesk.config`."""
    settings = [
        f"| `{PREFIX}{field.name.upper()}` | `{field.name}` | {shown_default(field.default)} "
        f"| {described(field.type)} |"
        for field in fields(Config)
    ]
    secrets = [f"| `{PREFIX}{name.upper()}` | `secrets/{name}` |" for name in Secret]
    return "\n".join(
        [
            "# Settings",
            "",
            "Each is set by its variable or in `keydesk.toml` in the data folder; the variable wins.",
            "A `KEYDESK_` variable that is not on this page refuses to start, and all faults are told",
            "at once. Written by `make reference`.",
            "",
            "| variable | in the file | default | what it is |",
            "| --- | --- | --- | --- |",
            *settings,
            "",
            "## Secrets",
            "Each is 32 random bytes in base64: in its variable, in the file that its `…_FILE` variable",
            "names, or in its file in the data folder, which `keydesk init` makes (readable by its",
            "owner alone). `key_encryption_key_previous` is there only while the key-encryption key is",
            "[replaced](../how-to/keep.md#replace-the-key-encryption-key).",
            "",
            "| variable (or with `_FILE`) | file in the data folder |",
            "| --- | --- |",
            *secrets,
            "",
        ]
    )


def described(kind: object) -> str:
    """Give what a setting's type says of it."""
    return type_info(kind).extra_json_schema["description"]


def shown_default(value: object) -> str:
    """Give a default as the page shows it."""
    return "none" if value is None else f"`{value}`"


PAGES = {"codes.md": codes_page, "settings.md": settings_page}


def main() -> None:
    """Write every generated page."""
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page())


if __name__ == "__main__":
    main()
