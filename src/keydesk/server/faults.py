"""What an operator can mend: said in sentences on the error output, never as a traceback."""


class OperatorFault(Exception):  # noqa: N818 - the glossary's word for what is not a programming error
    """Keydesk cannot do what was asked: each line of the message says what to mend."""
