"""Sending the mail that actions have queued, or keeping it where a demo shows its mailbox."""

import smtplib
from typing import Final
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend

from keydesk.config import Config
from keydesk.control.outbox.delivery import claim_mail, keep_letter, note_failed, note_sent
from keydesk.control.outbox.models import Mail
from keydesk.core.network import is_loopback
from keydesk.web.letters import Letter, letter

MAILS_A_RUN: Final = 20
"""The worker has other things to do; what is left waits for the next run."""
TIMEOUT_SECONDS: Final = 10
PORTS: Final = {"smtp": 587, "smtps": 465}


def send_due_mail() -> None:
    """Send what is due, as far as there is a way; without one, mail waits and no try is counted."""
    config: Config = settings.KEYDESK
    if config.mail_url is None and not config.mailbox:
        return
    server = None if config.mail_url is None else server_of(config.mail_url)
    for _number in range(MAILS_A_RUN):
        mail = claim_mail()
        if mail is None or not deliver(mail, server):
            return


def deliver(mail: Mail, server: BaseEmailBackend | None) -> bool:
    """Send a mail, or keep it where there is no server; give whether the next one is worth a try."""
    rendered = letter(mail.kind, language=mail.language, context=mail.context)
    if server is None:
        keep_letter(mail, subject=rendered.subject, text=rendered.text)
        return True
    try:
        server.send_messages([message_of(mail, rendered)])
    except (smtplib.SMTPException, OSError) as error:
        note_failed(mail, error=told(error))
        # A server that refuses this mail may take the next one; one that does not answer will not.
        return isinstance(error, smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused)
    note_sent(mail)
    return True


def message_of(mail: Mail, rendered: Letter) -> EmailMultiAlternatives:
    """Give the message; sent a second time it has the same Message-ID, so that a mail program shows it once."""
    sender = str(settings.KEYDESK.mail_from)
    domain = sender.rpartition("@")[2]
    message = EmailMultiAlternatives(
        rendered.subject,
        rendered.text,
        sender,
        [mail.to],
        headers={
            "Auto-Submitted": "auto-generated",
            "Content-Language": mail.language,
            "Message-ID": f"<{mail.created_at:%Y%m%d%H%M%S%f}.{mail.pk}@{domain}>",
        },
    )
    message.attach_alternative(rendered.html, "text/html")
    return message


def server_of(url: str) -> EmailBackend:
    """Give the mail server behind a URL; one on another host is spoken to under TLS alone."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return EmailBackend(
        host=host,
        port=parts.port or PORTS[parts.scheme],
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        use_ssl=parts.scheme == "smtps",
        use_tls=parts.scheme == "smtp" and not is_loopback(host),
        timeout=TIMEOUT_SECONDS,
    )


def told(error: OSError) -> str:
    """Name an error without its text: a server's answer may repeat an address or what it was sent."""
    code = getattr(error, "smtp_code", None) or getattr(error, "errno", None)
    name = type(error).__name__
    return f"{name} {code}" if isinstance(code, int) else name
