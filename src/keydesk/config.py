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
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, ValidationError, convert, inspect
from msgspec.structs import fields

from keydesk.core import urls

PREFIX: Final = "KEYDESK_"
FILE_NAME: Final = "keydesk.toml"
DEFAULT_DATA_DIR: Final = Path("data")
SECRET_BYTES: Final = 32
URLS: Final = {
    "database_url": urls.POSTGRESQL,
    "mail_url": urls.SMTP,
    "valkey_url": urls.VALKEY,
}
SHAPES: Final = {
    "mail_from": (
        re.compile(r"(?=.{3,254}\Z)[^@\s<>\",;:]+@[^@\s<>\",;:]+"),
        "it must be an e-mail address and nothing else, like desk@provider.example.",
    ),
    "key_marker": (re.compile(r"[a-z]{2,8}"), "it must be 2 to 8 lower-case letters."),
}
"""What other text must look like in full, and what is said if it does not."""

Port = Annotated[int, Meta(ge=1, le=65535)]


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


class Config(Struct, frozen=True, kw_only=True):
    """Everything an operator can set. Addresses are host and port; paths are files on this host."""

    data_dir: Annotated[
        Path, Meta(description="The folder of the database, the replica and the secrets.")
    ] = DEFAULT_DATA_DIR
    database_url: Annotated[
        str | None,
        Meta(description="A postgresql:// URL; without it, SQLite in the data folder."),
    ] = None
    host: Annotated[str, Meta(description="The address the dashboard listens on.")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="The port of the dashboard.")] = 8000
    verifier_host: Annotated[str, Meta(description="The address the verifier listens on.")] = (
        "127.0.0.1"
    )
    verifier_port: Annotated[Port, Meta(description="The port of the verifier.")] = 8001
    metrics_port: Annotated[Port, Meta(description="The verifier's metrics, on loopback only.")] = (
        8002
    )
    verifier_workers: Annotated[
        int, Meta(ge=1, le=64, description="How many verifier processes share the port.")
    ] = 1
    relay_host: Annotated[
        str, Meta(description="The address the relay listens on, for other hosts to follow.")
    ] = "127.0.0.1"
    relay_port: Annotated[
        Port | None, Meta(description="The port of the relay; without one, none runs.")
    ] = None
    relay_certificate_file: Annotated[
        Path | None,
        Meta(
            description="The relay's TLS certificate with its chain (PEM); without one, it speaks plain HTTP."
        ),
    ] = None
    relay_certificate_key_file: Annotated[
        Path | None, Meta(description="The private key of the relay's certificate (PEM).")
    ] = None
    valkey_url: Annotated[
        str | None,
        Meta(
            description="Where the verifiers of several hosts count calls together: "
            "valkey://user:password@host:6379/0, or valkeys:// with TLS; without it, each host counts by itself."
        ),
    ] = None
    valkey_wait_ms: Annotated[
        int,
        Meta(ge=5, le=5000, description="How long a call may wait for Valkey, in milliseconds."),
    ] = 50
    limits_when_away: Annotated[
        Literal["local", "refuse"],
        Meta(
            description="While Valkey is away: `local` has each host count by itself, `refuse` answers 503 to calls "
            "that have limits."
        ),
    ] = "local"
    public_url: Annotated[
        str | None, Meta(description="The dashboard's address as people type it.")
    ] = None
    mail_url: Annotated[
        str | None,
        Meta(
            description="The mail server: smtp://user:password@host:587 (STARTTLS, unless it is this host) or "
            "smtps://; without one, mail waits."
        ),
    ] = None
    mail_from: Annotated[
        str | None,
        Meta(description="The address that mail comes from; with `mail_url`, it has to be set."),
    ] = None
    mailbox: Annotated[
        bool,
        Meta(
            description="For the demo: keep all mail and show it at `/mailbox/` to everybody, in place of sending it."
        ),
    ] = False
    trusted_proxies: Annotated[
        int,
        Meta(
            ge=0,
            le=8,
            description="How many proxies stand before the dashboard, each adding whom it saw to `X-Forwarded-For`.",
        ),
    ] = 0
    api_url: Annotated[str, Meta(description="The provider's API, as request samples show it.")] = (
        "https://api.example.com"
    )
    brand_name: Annotated[
        str, Meta(max_length=40, description="The provider's name on every page.")
    ] = "Keydesk"
    key_marker: Annotated[
        str,
        Meta(
            description="The first letters of every key; fixed from the first `keydesk migrate` on."
        ),
    ] = "kd"
    language: Annotated[
        Literal["en", "id"], Meta(description="The language of people who have not chosen one.")
    ] = "en"
    checkpoints_file: Annotated[
        Path | None,
        Meta(
            description="Where the worker adds checkpoints of the audit trail, best on another volume; without it, "
            "`checkpoints.txt` in the data folder."
        ),
    ] = None

    def __repr__(self) -> str:
        """Name the installation, and nothing that may carry a password."""
        return f"Config(data_dir={str(self.data_dir)!r})"

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


SETTINGS: Final[dict[str, Any]] = {field.name: field.type for field in fields(Config)}
"""What can be set, and the type that each value has."""


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
    faults += [
        f"{name} in {FILE_NAME} is not a setting of Keydesk."
        for name in in_file
        if name not in SETTINGS
    ]
    in_environment = {
        name: value for name in SETTINGS if (value := os.environ.get(PREFIX + name.upper()))
    }
    given = {"data_dir": DEFAULT_DATA_DIR, **in_file, **in_environment, **overrides}
    values = {}
    for name in filter(given.__contains__, SETTINGS):
        try:
            values[name] = read_setting(name, given[name])
        except ConfigError as fault:
            is_in_file = name in in_file and name not in in_environment
            place = f"{name} in {FILE_NAME}" if is_in_file else PREFIX + name.upper()
            faults.append(f"{place}: {fault}")
    config = Config(**values)
    if faults := faults or contradictions(config):
        raise ConfigError("\n".join(faults))
    return config


def read_setting(name: str, given: Any) -> Any:
    """Give a setting's value; raises ConfigError, which never repeats what was given, for it may be a password."""
    kind = SETTINGS[name]
    try:
        value = convert(
            str(given) if isinstance(given, Path) else given,
            kind,
            strict=False,  # a variable is text, whatever it says
            dec_hook=lambda _, path: Path(path).expanduser().absolute(),
        )
    except ValidationError:
        raise ConfigError(f"it must be {wanted(inspect.type_info(kind))}.") from None
    if name in URLS and value is not None and not URLS[name].takes(value):
        raise ConfigError(URLS[name].fault)
    if name in SHAPES and value is not None:
        shape, fault = SHAPES[name]
        if not shape.fullmatch(value):
            raise ConfigError(fault)
    return value


def wanted(kind: inspect.Type) -> str:
    """Say in words what values a setting takes."""
    while isinstance(kind, inspect.Metadata | inspect.UnionType):
        kind = kind.type if isinstance(kind, inspect.Metadata) else kind.types[0]
    match kind:
        case inspect.IntType():
            return f"a whole number from {kind.ge} to {kind.le}"
        case inspect.LiteralType():
            return " or ".join(map(str, kind.values))
        case inspect.StrType(max_length=int()):
            return f"text of at most {kind.max_length} characters"
        case inspect.BoolType():
            return "true or false"
    return "text"


def contradictions(config: Config) -> list[str]:
    """Give a sentence for each two settings that cannot be together."""
    faults = []
    if (config.relay_certificate_file is None) != (config.relay_certificate_key_file is None):
        faults.append(
            "relay_certificate_file and relay_certificate_key_file belong together: set both or none."
        )
    if config.mail_url is not None and config.mail_from is None:
        faults.append("With mail_url, mail_from has to be set: the address that mail comes from.")
    if config.mail_url is not None and config.mailbox:
        faults.append("mailbox keeps mail from being sent, and mail_url sends it: keep one.")
    return faults


def data_dir_of(overrides: dict[str, Any]) -> Path:
    """Give the data folder, where the configuration file lies, before anything else is known."""
    placed = overrides.get("data_dir") or os.environ.get(f"{PREFIX}DATA_DIR")
    return Path(placed or DEFAULT_DATA_DIR).expanduser().absolute()


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
    settings = {PREFIX + name.upper() for name in SETTINGS}
    secrets = {PREFIX + name.upper() + end for name in Secret for end in ("", "_FILE")}
    unknown = sorted(
        name for name in os.environ if name.startswith(PREFIX) and name not in settings | secrets
    )
    return [f"{name} is not a setting of Keydesk." for name in unknown]
