"""Request samples for a product, with the key filled in."""

import json
import shlex
from typing import NamedTuple

from keydesk.control.catalog.models import Product
from keydesk.core.codes import Code
from keydesk.gate.answers import refused


class Sample(NamedTuple):
    """A request in one language."""

    slug: str
    name: str
    code: str


class Call(NamedTuple):
    """What a sample sends: the address and the headers."""

    url: str
    headers: dict[str, str]


def call_to(product: Product, *, api_url: str, key: str, username: str) -> Call:
    """Give the request that a sample of this product makes."""
    headers = {"x-api-key": key}
    if product.requires_username:
        headers["x-username"] = username
    return Call(api_url.rstrip("/") + product.sample_path, headers)


def samples_for(call: Call) -> list[Sample]:
    """Give the same request in every language that we show."""
    makers = (
        ("curl", "curl", curl),
        ("python", "Python", python),
        ("javascript", "JavaScript", javascript),
        ("go", "Go", go),
        ("php", "PHP", php),
        ("java", "Java", java),
    )
    return [Sample(slug, name, make(call)) for slug, name, make in makers]


def curl(call: Call) -> str:
    """Give the request for a shell; a variable in a header stays one."""
    headers = "".join(f' \\\n  -H "{name}: {value}"' for name, value in call.headers.items())
    return f"curl {shlex.quote(call.url)}{headers}"


def python(call: Call) -> str:
    """Give the request in Python, with its standard library."""
    headers = "".join(f"    {json.dumps(n)}: {json.dumps(v)},\n" for n, v in call.headers.items())
    return (
        "from urllib.request import Request, urlopen\n\n"
        f"request = Request({json.dumps(call.url)}, headers={{\n{headers}}})\n"
        "with urlopen(request, timeout=10) as response:\n"
        "    print(response.status, response.read().decode())"
    )


def javascript(call: Call) -> str:
    """Give the request in JavaScript, for Node."""
    headers = "".join(f"    {json.dumps(n)}: {json.dumps(v)},\n" for n, v in call.headers.items())
    return (
        f"const response = await fetch({json.dumps(call.url)}, {{\n"
        f"  headers: {{\n{headers}  }},\n"
        "});\n"
        "console.log(response.status, await response.text());"
    )


def go(call: Call) -> str:
    """Give the request in Go, inside a function."""
    headers = "".join(
        f"request.Header.Set({json.dumps(n)}, {json.dumps(v)})\n" for n, v in call.headers.items()
    )
    return (
        f'request, err := http.NewRequest("GET", {json.dumps(call.url)}, nil)\n'
        "if err != nil {\n\tlog.Fatal(err)\n}\n"
        f"{headers}"
        "response, err := http.DefaultClient.Do(request)\n"
        "if err != nil {\n\tlog.Fatal(err)\n}\n"
        "defer response.Body.Close()\n"
        "fmt.Println(response.Status)"
    )


def php(call: Call) -> str:
    """Give the request in PHP."""
    headers = "".join(f"    '{name}: {value}',\n" for name, value in call.headers.items())
    return (
        f"$request = curl_init('{call.url}');\n"
        f"curl_setopt($request, CURLOPT_HTTPHEADER, [\n{headers}]);\n"
        "curl_setopt($request, CURLOPT_RETURNTRANSFER, true);\n"
        "echo curl_exec($request), PHP_EOL;"
    )


def java(call: Call) -> str:
    """Give the request in Java 11 or newer, inside a method."""
    headers = "".join(
        f"    .header({json.dumps(n)}, {json.dumps(v)})\n" for n, v in call.headers.items()
    )
    return (
        f"var request = HttpRequest.newBuilder(URI.create({json.dumps(call.url)}))\n"
        f"{headers}    .build();\n"
        "var response = HttpClient.newHttpClient()\n"
        "    .send(request, HttpResponse.BodyHandlers.ofString());\n"
        'System.out.println(response.statusCode() + " " + response.body());'
    )


def response_sample() -> str:
    """Give what comes back: the product's own answer, or a problem; every refusal looks like this one."""
    problem = json.loads(refused(Code.KEY_REVOKED, "req_5d0c7a91e2f84b36d5a0").body)
    return (
        "HTTP/1.1 200 OK\ncontent-type: application/json\n\n{ … }\n\n"
        "HTTP/1.1 401 Unauthorized\ncontent-type: application/problem+json\n\n"
        + json.dumps(problem, indent=2)
    )
