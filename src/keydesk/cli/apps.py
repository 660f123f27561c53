"""How every command of `keydesk` looks and behaves: plain help, and no traceback for what an operator can mend."""

import typer


def new_app(summary: str | None = None) -> typer.Typer:
    """Give an empty Typer app in the style of this command line; a group of commands has a summary."""
    return typer.Typer(
        help=summary,
        no_args_is_help=summary is not None,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
