"""The configuration tells every fault at once, and never a secret."""

import pytest

from keydesk.config import PREFIX, Config, ConfigError, load_config

PASSWORD = "hunter2SECRET"


@pytest.fixture
def environment(monkeypatch, tmp_path):
    """Set variables beside the data folder's."""
    monkeypatch.setenv(f"{PREFIX}DATA_DIR", str(tmp_path))

    def environment(**settings):
        for name, value in settings.items():
            monkeypatch.setenv(PREFIX + name, value)

    return environment


@pytest.mark.parametrize(
    "url",
    [
        f"postgres+psycopg://keydesk:{PASSWORD}@db/keydesk",
        f"mysql://keydesk:{PASSWORD}@db/keydesk",
        f"host=db password={PASSWORD}",
        f"postgresql://keydesk:{PASSWORD}",
        f"postgresql://keydesk:x/{PASSWORD}@db/keydesk",
        f"postgresql://keydesk:x@{PASSWORD}@db/keydesk",
        f"postgresql://db:{PASSWORD}/keydesk",
        f"postgresql://keydesk:x {PASSWORD}@db/keydesk",
    ],
)
def test_a_database_url_that_cannot_be_used_is_refused_without_being_repeated(environment, url):
    environment(DATABASE_URL=url)
    with pytest.raises(
        ConfigError, match="KEYDESK_DATABASE_URL: it must be like postgresql://"
    ) as refused:
        load_config()
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://keydesk@db.internal/keydesk",
        "postgres://keydesk:p%40ss@db.internal:6432/keydesk?sslmode=verify-full",
        "postgresql://keydesk:a:b?c@[::1]:5432,db2:5433/keydesk",
        "postgresql://postgres:@/postgres?host=/run/postgresql",
        "postgresql://",
    ],
)
def test_a_url_of_libpq_is_taken(environment, url):
    environment(DATABASE_URL=url)
    assert load_config().database_url == url


def test_a_configuration_can_be_printed_without_its_password():
    config = Config(database_url=f"postgresql://keydesk:{PASSWORD}@db/keydesk")
    assert PASSWORD not in repr(config) + str(config)


def test_all_faults_are_told_at_once(environment, tmp_path):
    (tmp_path / "keydesk.toml").write_text("verifier_port = 70000\ncolour = 'red'\n")
    environment(FOO="1", PORT="abc")
    with pytest.raises(ConfigError) as refused:
        load_config()
    told = str(refused.value).splitlines()
    assert sorted(line.split(":")[0].split()[0] for line in told) == [
        "KEYDESK_FOO",
        "KEYDESK_PORT",
        "colour",
        "verifier_port",
    ]


def test_an_empty_variable_does_not_hide_what_the_file_says(environment, tmp_path):
    (tmp_path / "keydesk.toml").write_text("port = 9000\nverifier_port = 9001\n")
    environment(PORT="", VERIFIER_PORT="9002")
    config = load_config()
    assert (config.port, config.verifier_port) == (9000, 9002)


def test_a_fault_names_the_setting_as_it_was_set(environment, tmp_path):
    environment(PORT="abc")
    (tmp_path / "keydesk.toml").write_text('verifier_port = "x"\nprot = 1\n')
    with pytest.raises(ConfigError) as refused:
        load_config()
    assert sorted(str(refused.value).splitlines()) == [
        "KEYDESK_PORT: it must be a whole number from 1 to 65535.",
        "prot in keydesk.toml is not a setting of Keydesk.",
        "verifier_port in keydesk.toml: it must be a whole number from 1 to 65535.",
    ]


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"PORT": "0"}, "a whole number from 1 to 65535."),
        ({"VALKEY_WAIT_MS": "5.5"}, "a whole number from 5 to 5000."),
        ({"MAILBOX": "perhaps"}, "true or false."),
        ({"LIMITS_WHEN_AWAY": PASSWORD}, "local or refuse."),
        ({"BRAND_NAME": "x" * 41}, "text of at most 40 characters."),
        ({"KEY_MARKER": "kd\n"}, "2 to 8 lower-case letters."),
        ({"MAIL_FROM": "Desk <desk@provider.example>"}, "an e-mail address and nothing else"),
    ],
)
def test_a_fault_says_what_a_setting_takes_and_not_what_was_given(environment, settings, wanted):
    environment(**settings)
    with pytest.raises(ConfigError) as refused:
        load_config()
    (name, given), told = *settings.items(), str(refused.value)
    assert told.startswith(f"KEYDESK_{name}: it must be {wanted}")
    assert given not in told


def test_a_path_is_absolute_wherever_it_was_set(environment, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environment(DATA_DIR="desk", CHECKPOINTS_FILE="sealed/checkpoints.txt")
    config = load_config()
    assert config.data_dir == tmp_path / "desk"
    assert config.checkpoints_path == tmp_path / "sealed" / "checkpoints.txt"


@pytest.mark.parametrize("told", ["true", "True", "1"])
def test_a_variable_that_says_yes_is_true(environment, told):
    environment(MAILBOX=told)
    assert load_config().mailbox is True


@pytest.mark.parametrize(
    "url",
    [
        "mail.example",
        "http://mail.example",
        "smtp://desk:s3cret@more@mail.example:587",
        "smtp://desk:s3/cret@mail.example",
        "smtp://desk:s3cret:587",
    ],
)
def test_a_mail_url_that_cannot_be_used_is_refused_without_being_repeated(environment, url):
    environment(MAIL_URL=url, MAIL_FROM="desk@provider.example")
    with pytest.raises(ConfigError) as error:
        load_config()
    assert "KEYDESK_MAIL_URL: it must be like smtp://" in str(error.value)
    assert "s3" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "valkey.internal",
        "http://valkey.internal",
        "valkey://:s3cret@more@valkey.internal",
        "valkey://:s3/cret@valkey.internal",
        "valkey://desk:s3cret:6379",
        "valkey://:s3cret@valkey.internal:65536",
        "valkey://:s3cret@valkey.internal:0",
        "valkey://desk@valkey.internal",
        "valkey://:s3cret@valkey.internal/first",
        "valkey://:s3cret@valkey.internal?db=1",
    ],
)
def test_a_valkey_url_that_cannot_be_used_is_refused_without_being_repeated(environment, url):
    environment(VALKEY_URL=url)
    with pytest.raises(ConfigError) as error:
        load_config()
    assert "KEYDESK_VALKEY_URL: it must be like valkey://" in str(error.value)
    assert "s3" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "valkey://valkey.internal",
        "redis://:s3cret@valkey.internal:6379",
        "valkeys://desk:s3cret%40more@valkey.internal:6380/15",
        "rediss://:s3cret@[::1]:6379/0",
    ],
)
def test_a_valkey_url_is_taken_as_it_is_and_shown_nowhere(environment, url):
    environment(VALKEY_URL=url)
    config = load_config()
    assert config.valkey_url == url
    assert "s3cret" not in repr(config) + str(config)


def test_mail_has_one_way_out_and_a_sender(environment):
    environment(MAIL_URL="smtp://desk:s3cret@mail.example:587")
    with pytest.raises(ConfigError, match="mail_from has to be set") as error:
        load_config()
    assert "s3cret" not in str(error.value)
    environment(MAIL_FROM="desk@provider.example", MAILBOX="true")
    with pytest.raises(ConfigError, match="keep one"):
        load_config()
    environment(MAILBOX="false")
    assert "s3cret" not in repr(load_config())


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, "http://127.0.0.1:8000"),
        ({"host": "::1", "port": 8080}, "http://[::1]:8080"),
        ({"public_url": "https://desk.example/"}, "https://desk.example"),
    ],
)
def test_a_link_in_a_mail_leads_to_where_people_find_the_desk(settings, url):
    assert Config(**settings).desk_url == url
