"""What the control plane's processes write to their error output: one line a message, with the id of its request.

Whoever logs uses the standard library; structlog renders it. No line holds a key, whoever wrote it there.
"""

import re
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from keydesk.core.keyformat import SHOWN_LENGTH
from keydesk.core.records import Environment

CREDENTIAL: Final = re.compile(
    rf"([a-z]{{2,9}}_(?:{'|'.join(Environment)})_[0-9A-Za-z]{{{SHOWN_LENGTH}}})[0-9A-Za-z]+"
)
"""A key or service credential, or the beginning of one, with the part that may be shown as its group."""

TOKEN: Final = re.compile(r"/[0-9A-Za-z_:-]{32,}(?=/)")
"""The part of an address that only the reader of a mail knows."""


def without_credentials(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Cut every credential in a line and its traceback down to the part that may be shown, and mailed links too."""
    return {
        name: TOKEN.sub("/…", CREDENTIAL.sub(r"\1…", value)) if isinstance(value, str) else value
        for name, value in event.items()
    }


def logging_settings() -> dict[str, Any]:
    """Give what Django configures the standard library's logging with."""
    described: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    rendered: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        # A plain traceback: the renderer's own would show the values of local variables.
        structlog.processors.format_exc_info,
        without_credentials,
        structlog.dev.ConsoleRenderer(
            colors=False,
            pad_level=False,
            pad_event_to=0,
            exception_formatter=structlog.dev.plain_traceback,
        ),
    ]
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": described,
                "processors": rendered,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {"django": {"handlers": [], "level": "WARNING", "propagate": True}},
    }
