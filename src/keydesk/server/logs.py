"""What the control plane's processes write to their error output: one line a message, with the id of its request.

Whoever logs uses the standard library; structlog renders it. No line holds a key, whoever wrote it there.
"""

import re
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from keydesk.config import PREFIX
from keydesk.core.keyformat import SHOWN_LENGTH
from keydesk.core.records import Environment

CREDENTIAL: Final = re.compile(
    rf"([a-z]{{2,9}}_(?:{'|'.join(Environment)})_[0-9A-Za-z]{{{SHOWN_LENGTH}}})[0-9A-Za-z]+"
)
"""A key or service credential, or the beginning of one, with the part that may be shown as its group."""

NAME_ADVICE: Final = f"Set {PREFIX}PUBLIC_URL to the address under which people come."

TOKEN: Final = re.compile(r"/[0-9A-Za-z_:-]{32,}(?=/)")
"""The part of an address that only the reader of a mail knows."""


def without_credentials(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Cut every credential in a line and its traceback down to the part that may be shown, and mailed links too."""
    return {
        name: TOKEN.sub("/…", CREDENTIAL.sub(r"\1…", value)) if isinstance(value, str) else value
        for name, value in event.items()
    }


def without_trace_of_callers(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Tell of a request that Django refuses as suspicious in one line: anybody can send one, and thousands of them.

    The commonest comes under a name that the desk does not have; what to set is said in the words of its settings.
    """
    if event.get("logger", "").startswith("django.security."):
        event.pop("exc_info", None)
        event["level"] = "warning"
        said, is_name, _ = event["event"].partition(" You may need to add ")
        event["event"] = f"{said} {NAME_ADVICE}" if is_name else said
    return event


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
        without_trace_of_callers,
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
