"""What an operator can mend: said in sentences on the error output, never as a traceback."""


class OperatorFault(Exception):  # noqa: N818 - the glossary's word for what is not a programming error
    """Keydesk cannot do what was asked: each line of the message says what to mend."""


def first_line(error: Exception) -> str:
    """Give what an error says first, or its name if it says nothing: databases go on with pages of hints."""
    first, *_ = str(error).splitlines() or [type(error).__name__]
    return first
