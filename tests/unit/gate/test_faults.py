"""What a log may say of an error: what an operator can mend, and nothing that a caller sent."""

import pytest

from keydesk.config import ConfigError
from keydesk.gate.faults import described


def fault_of(kind, action):
    with pytest.raises(kind) as raised:
        action()
    return described(raised.value)


def test_a_setting_that_cannot_be_used_is_told_in_its_own_words():
    def action():
        raise ConfigError("The secret pepper is missing.")

    assert fault_of(ConfigError, action) == "The secret pepper is missing."


def test_a_file_that_the_system_does_not_give_is_named(tmp_path):
    told = fault_of(FileNotFoundError, (tmp_path / "limits").read_bytes)
    assert told.startswith(f"FileNotFoundError (No such file or directory: {tmp_path}/limits) at ")


def test_of_any_other_error_the_text_stays_out():
    def action():
        raise ZeroDivisionError("what a caller sent")

    told = fault_of(ZeroDivisionError, action)
    assert told.startswith("ZeroDivisionError at test_faults.py:")
    assert "caller" not in told
