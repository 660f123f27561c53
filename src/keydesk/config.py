"""The configuration, read once at the start: one frozen value from environment, file and `*_FILE` secrets.

Every setting has a `KEYDESK_` variable; a setting this version does not know refuses to start, and all faults are told
at once. Secrets are never part of the value: a process asks for the ones that its task needs, by name.
"""

import base64
import binascii
import os
import re
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX: Final = "KEYDESK_"
FILE_NAME: Final = "keydesk.toml"
SECRET_BYTES: Final = 32
URL_SHAPE: Final = re.compile(
    r"postgres(?:ql)?://"
    r"(?:[^@/\s]*@)?"  # user and password
    r"(?:\[[^@/\s\]]*\]|[^@/?,:\s]*)(?::\d*)?"  # host and port
    r"(?:,(?:\[[^@/\s\]]*\]|[^@/?,:\s]*)(?::\d*)?)*"
    r"(?:/[^@/?\s]*)?(?:\?[^@\s]*)?"  # database and options
)
"""A libpq URL in which no part of a password can be taken for a host, a port or a database, and so be logged."""
MAIL_URL_SHAPE: Final = re.compile(
    r"smtps?://(?:[^:@/\s]+:[^:@/\s]*@)?(?:\[[0-9a-fA-F:]+\]|[^\[\]@/?#:\s]+)(?::\d{1,5})?/?"
)
"""A mail server's URL in which no part of a password can be taken for its host or port."""
MAIL_URL_FAULT: Final = (
    "it must be like smtp://user:password@host:587 or smtps://user:password@host:465, with every special character "
    "of the password percent-encoded (@ as %40, : as %3A); its text is not repeated here."
)
VALKEY_URL_SHAPE: Final = re.compile(
    r"(?:valkey|redis)s?://(?:[^:@/\s]*:[^:@/\s]+@)?(?:\[[0-9a-fA-F:]+\]|[^\[\]@/?#:\s]+)(?::\d{1,5})?(?:/\d{0,5})?"
)
"""A Valkey server's URL in which no part of a password can be taken for its host, port or database."""
VALKEY_URL_FAULT: Final = (
    "it must be like valkey://user:password@host:6379/0 or valkeys://:password@host:6379, with every special "
    "character of the password percent-encoded (@ as %40, : as %3A); its text is not repeated here."
)
URL_FAULT: Final = (
    "it must be like postgresql://user:password@host:5432/database, with every special character of the password "
    "percent-encoded (@ as %40, / as %2F); its text is not repeated here."
)


class Secret(StrEnum):
    """The secrets of an installation; each is 32 random bytes, kept as base64 in a file of its own."""

    KEY_ENCRYPTION_KEY = "key_encryption_key"
    """Wraps the account data keys; only the dashboard holds it."""
    KEY_ENCRYPTION_KEY_PREVIOUS = "key_encryption_key_previous"
    """The one of before, for as long as data keys are still wrapped under it; most of the time there is none."""
    PEPPER = "pepper"
    """Keys the stored digests of API keys; the dashboard, the verifiers and the relay hold it."""
    PIN_PEPPER = "pin_pepper"
    """Keys the PIN hashes; only the dashboard holds it."""
    ROW_MAC_KEY = "row_mac_key"
    """Signs published rows; the control plane and the replicator hold it."""
    SESSION_KEY = "session_key"
    """Signs cookies and tokens of the pages; the dashboard and the worker hold it."""


LASTING_SECRETS: Final[tuple[Secret, ...]] = tuple(
    name for name in Secret if name is not Secret.KEY_ENCRYPTION_KEY_PREVIOUS
)
"""The secrets that an installation has from its first day on."""


class ConfigError(Exception):
    """The configuration cannot be used: mend each line of the message and start again."""


class Config(BaseSettings):
    """Everything an operator can set. Addresses are host and port; paths are files on this host."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="forbid",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    data_dir: Path = Field(
        default=Path("data"), description="The folder of the database, the replica and the secrets."
    )
    database_url: str | None = Field(
        default=None,
        repr=False,  # it may carry a password
        description="A postgresql:// URL; without it, SQLite in the data folder.",
    )
    host: str = Field(default="127.0.0.1", description="The address the dashboard listens on.")
    port: int = Field(default=8000, ge=1, le=65535, description="The port of the dashboard.")
    verifier_host: str = Field(
        default="127.0.0.1", description="The address the verifier listens on."
    )
    verifier_port: int = Field(
        default=8001, ge=1, le=65535, description="The port of the verifier."
    )
    metrics_port: int = Field(
        default=8002, ge=1, le=65535, description="The verifier's metrics, on loopback only."
    )
    verifier_workers: int = Field(
        default=1, ge=1, le=64, description="How many verifier processes share the port."
    )
    relay_host: str = Field(
        default="127.0.0.1",
        description="The address the relay listens on, for other hosts to follow.",
    )
    relay_port: int | None = Field(
        default=None, ge=1, le=65535, description="The port of the relay; without one, none runs."
    )
    relay_certificate_file: Path | None = Field(
        default=None,
        description="The relay's TLS certificate with its chain (PEM); without one, it speaks plain HTTP.",
    )
    relay_certificate_key_file: Path | None = Field(
        default=None, description="The private key of the relay's certificate (PEM)."
    )
    valkey_url: str | None = Field(
        default=None,
        repr=False,  # it may carry a password
        description="Where the verifiers of several hosts count calls together: valkey://user:password@host:6379/0, "
        "or valkeys:// with TLS; without it, each host counts by itself.",
    )
    valkey_wait_ms: int = Field(
        default=50,
        ge=5,
        le=5000,
        description="How long a call may wait for Valkey, in milliseconds.",
    )
    limits_when_away: Literal["local", "refuse"] = Field(
        default="local",
        description="While Valkey is away: `local` has each host count by itself, `refuse` answers 503 to calls that "
        "have limits.",
    )
    public_url: str | None = Field(
        default=None, description="The dashboard's address as people type it."
    )
    mail_url: str | None = Field(
        default=None,
        repr=False,  # it may carry a password
        description="The mail server: smtp://user:password@host:587 (STARTTLS, unless it is this host) or smtps://; "
        "without one, mail waits.",
    )
    mail_from: str | None = Field(
        default=None,
        max_length=254,
        pattern=r"^[^@\s<>\",;:]+@[^@\s<>\",;:]+$",
        description="The address that mail comes from; with `mail_url`, it has to be set.",
    )
    mailbox: bool = Field(
        default=False,
        description="For the demo: keep all mail and show it at `/mailbox/` to everybody, in place of sending it.",
    )
    trusted_proxies: int = Field(
        default=0,
        ge=0,
        le=8,
        description="How many proxies stand before the dashboard, each adding whom it saw to `X-Forwarded-For`.",
    )
    api_url: str = Field(
        default="https://api.example.com",
        description="The provider's API, as request samples show it.",
    )
    brand_name: str = Field(
        default="Keydesk", max_length=40, description="The provider's name on every page."
    )
    key_marker: str = Field(
        default="kd",
        pattern=r"^[a-z]{2,8}$",
        description="The first letters of every key; fixed from the first `keydesk migrate` on.",
    )
    language: Literal["en", "id"] = Field(
        default="en", description="The language of people who have not chosen one."
    )

    checkpoints_file: Path | None = Field(
        default=None,
        description="Where the worker adds checkpoints of the audit trail, best on another volume; without it, "
        "`checkpoints.txt` in the data folder.",
    )

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("database_url")
    @classmethod
    def _of_postgresql(cls, value: str | None) -> str | None:
        if value is not None and not URL_SHAPE.fullmatch(value):
            raise ValueError(URL_FAULT)
        return value

    @field_validator("mail_url")
    @classmethod
    def _of_smtp(cls, value: str | None) -> str | None:
        if value is not None and not MAIL_URL_SHAPE.fullmatch(value):
            raise ValueError(MAIL_URL_FAULT)
        return value

    @field_validator("valkey_url")
    @classmethod
    def _of_valkey(cls, value: str | None) -> str | None:
        if value is not None and not (VALKEY_URL_SHAPE.fullmatch(value) and has_port(value)):
            raise ValueError(VALKEY_URL_FAULT)
        return value

    @model_validator(mode="after")
    def _with_certificate_and_key(self) -> Self:
        if (self.relay_certificate_file is None) != (self.relay_certificate_key_file is None):
            raise ValueError(
                "relay_certificate_file and relay_certificate_key_file belong together: set both or none."
            )
        return self

    @model_validator(mode="after")
    def _with_one_way_for_mail(self) -> Self:
        if self.mail_url is not None and self.mail_from is None:
            raise ValueError(
                "With mail_url, mail_from has to be set: the address that mail comes from."
            )
        if self.mail_url is not None and self.mailbox:
            raise ValueError("mailbox keeps mail from being sent, and mail_url sends it: keep one.")
        return self

    @property
    def desk_url(self) -> str:
        """The dashboard's address for links in mail, without a slash at its end; never what a request says it is."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def secrets_dir(self) -> Path:
        """The folder of the secret files."""
        return self.data_dir / "secrets"

    @property
    def replica_dir(self) -> Path:
        """The folder of this host's replica."""
        return self.data_dir / "replica"

    @property
    def limits_dir(self) -> Path:
        """The folder of this host's counts of calls."""
        return self.data_dir / "limits"

    @property
    def usage_dir(self) -> Path:
        """The folder in which this host's verifiers leave what they have counted."""
        return self.data_dir / "usage"

    @property
    def checkpoints_path(self) -> Path:
        """The file that the worker adds checkpoints of the audit trail to."""
        return self.checkpoints_file or self.data_dir / "checkpoints.txt"

    @property
    def sqlite_path(self) -> Path:
        """The SQLite database, used where no PostgreSQL URL is set."""
        return self.data_dir / "keydesk.sqlite3"

    def read_secret(self, name: Secret) -> bytes | None:
        """Give a secret's 32 bytes from its variable, its `*_FILE` variable or its file in the data folder.

        Gives None if it is nowhere. Raises ConfigError if it is given twice or is not 32 bytes in base64.
        """
        variable = PREFIX + name.upper()
        inline, pointed = os.environ.get(variable), os.environ.get(variable + "_FILE")
        if inline and pointed:
            raise ConfigError(f"{variable} and {variable}_FILE are both set; keep one.")
        if inline:
            return decode_secret(inline, variable)
        path = Path(pointed) if pointed else self.secrets_dir / name
        try:
            return decode_secret(path.read_text(), str(path))
        except FileNotFoundError:
            if pointed:
                raise ConfigError(
                    f"{variable}_FILE points at {path}, which is not there."
                ) from None
            return None
        except OSError as error:
            raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error

    def require_secret(self, name: Secret) -> bytes:
        """Give a secret's bytes; raises ConfigError, naming where it may be put, if it is nowhere."""
        value = self.read_secret(name)
        if value is None:
            raise ConfigError(
                f"The secret {name} is missing: {self._source_of(name)}, or set {PREFIX}{name.upper()} or "
                f"{PREFIX}{name.upper()}_FILE."
            )
        return value

    def _source_of(self, name: Secret) -> str:
        """Say where a missing secret comes from: `keydesk init` makes them all, and only where there is nothing."""
        if self.sqlite_path.exists() or any(
            (self.secrets_dir / other).exists() for other in Secret
        ):
            return f"bring it back from your copy, as {self.secrets_dir / name}"
        return f"run `keydesk init` if the installation is new, else put its own at {self.secrets_dir / name}"


def has_port(url: str) -> bool:
    """Say whether a URL's port, if it names one, is one that there can be."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def decode_secret(text: str, source: str) -> bytes:
    """Give the 32 bytes behind a secret's base64; raises ConfigError naming its source, never its value."""
    try:
        value = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if len(value) != SECRET_BYTES:
        raise ConfigError(f"{source} must hold {SECRET_BYTES} bytes in base64.")
    return value


def load_config(**overrides: Any) -> Config:
    """Read the configuration: overrides from the command line, then the environment, then `keydesk.toml`.

    The file lies in the data folder. Raises ConfigError with one line for each fault.
    """
    faults = unknown_variables()
    in_file: dict[str, Any] = {}
    try:
        in_file = read_file(data_dir_of(overrides) / FILE_NAME)
    except ConfigError as fault:
        faults.append(str(fault))
    known = {
        name: value for name, value in in_file.items() if not os.environ.get(PREFIX + name.upper())
    }
    try:
        config = Config(**{**known, **overrides})
    except ValidationError as error:
        faults += [told_of(fault, known) for fault in error.errors(include_input=False)]
    if faults:
        raise ConfigError("\n".join(faults))
    return config


def told_of(fault: ErrorDetails, in_file: dict[str, Any]) -> str:
    """Give the line for one fault; one of several settings together names them itself."""
    text = fault["msg"].removeprefix("Value error, ")
    return f"{place_of(str(fault['loc'][0]), in_file)}: {text}" if fault["loc"] else text


def place_of(setting: str, in_file: dict[str, Any]) -> str:
    """Name a setting as the operator has set it: in the configuration file or by its variable."""
    return f"{setting} in {FILE_NAME}" if setting in in_file else PREFIX + setting.upper()


def data_dir_of(overrides: dict[str, Any]) -> Path:
    """Give the data folder, where the configuration file lies, before anything else is known."""
    placed = overrides.get("data_dir") or os.environ.get(f"{PREFIX}DATA_DIR")
    default: Path = Config.model_fields["data_dir"].default
    return Path(placed or default).expanduser().absolute()


def read_file(path: Path) -> dict[str, Any]:
    """Give the settings in a configuration file, none if there is no file; raises ConfigError if it is not TOML."""
    try:
        return tomllib.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def unknown_variables() -> list[str]:
    """Give a sentence for each `KEYDESK_` variable of the environment that names no setting and no secret."""
    settings = {PREFIX + name.upper() for name in Config.model_fields}
    secrets = {PREFIX + name.upper() + end for name in Secret for end in ("", "_FILE")}
    unknown = sorted(
        name for name in os.environ if name.startswith(PREFIX) and name not in settings | secrets
    )
    return [f"{name} is not a setting of Keydesk." for name in unknown]
