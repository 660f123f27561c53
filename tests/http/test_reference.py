"""The examples of the verification reference answer what is written behind them."""

import re
import shlex
from pathlib import Path

import pytest
from tests.fixtures.desk import status_of

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "verification.md"
EXAMPLES = re.findall(r"^curl (.+?)  # (\d{3})$", PAGE.read_text(), re.MULTILINE)


def sent(arguments):
    """Give method, address, headers and body of a curl command, as curl would send them."""
    words, headers, body, url = shlex.split(arguments), {}, None, ""
    while words:
        match words.pop(0):
            case "-i" | "-s":
                pass
            case "-H":
                name, _, value = words.pop(0).partition(": ")
                headers[name] = value
            case "-d":
                body = words.pop(0)
            case address:
                url = address
    return ("GET" if body is None else "POST"), url, headers, body


def test_the_page_has_examples_of_every_path():
    paths = {sent(arguments)[1].split("/", 1)[1].split("/disb")[0] for arguments, _ in EXAMPLES}
    doors = {"v1/authorize", "v1/authorize-test", "v1/verify", "v1/whoami"}
    assert paths >= doors | {"livez", "readyz", "metrics"}


@pytest.mark.parametrize(("arguments", "status"), EXAMPLES)
def test_an_example_answers_what_is_written_behind_it(verifier, keys, service, arguments, status):
    filled = arguments.replace("$KEY", keys["good"]).replace("$SERVICE", service)
    method, url, headers, body = sent(filled)
    if url.startswith("$METRICS"):
        url = url.replace("$METRICS", f"http://127.0.0.1:{verifier.metrics_port}")
        assert status_of(url) == int(status)
        return
    answer = verifier.ask(method, url.removeprefix("$VERIFIER"), headers, body=body)
    assert answer.status == int(status), answer.text
