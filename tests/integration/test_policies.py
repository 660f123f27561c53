"""What the provider may decide: each policy within its bounds, a colour that can be read, a logo that is a picture."""

import zlib

import pytest
from tests.fixtures.pictures import header, picture, pixels

from keydesk.control.access.refused import Refused
from keydesk.control.audit.models import AuditEvent
from keydesk.control.policies.actions import change_logo, change_policies
from keydesk.control.policies.colours import DARK_SURFACE, contrast, lightened
from keydesk.control.policies.logos import MOST_BYTES, chunk
from keydesk.control.policies.models import Policies
from keydesk.control.policies.queries import current_policies, logo_named
from keydesk.control.policies.rules import FLAGS, NUMBERS
from keydesk.core.codes import Code

pytestmark = pytest.mark.django_db


def refusal(function, *arguments, **given):
    with pytest.raises(Refused) as refused:
        function(*arguments, **given)
    return refused.value.code, refused.value.details


def invalid(field, reason="invalid"):
    return Code.INVALID_INPUT, {"field": field, "reason": reason}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_stands_from_its_least_to_its_most_and_not_a_step_further(name, eko):
    least, most = NUMBERS[name]
    for value in (least, most):
        change_policies(eko, changes={name: value})
        assert getattr(current_policies(), name) == value
    for value in (least - 1, most + 1, str(least), float(least), True, None):
        assert refusal(change_policies, eko, changes={name: value}) == invalid(name)
    assert getattr(current_policies(), name) == most


@pytest.mark.parametrize("name", FLAGS)
def test_a_flag_is_yes_or_no(name, eko):
    for value in (True, False):
        change_policies(eko, changes={name: value})
        assert getattr(current_policies(), name) is value
    assert refusal(change_policies, eko, changes={name: 1}) == invalid(name)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("brand_name", "x" * 41, "invalid"),
        ("brand_name", "two\nlines", "invalid"),
        ("brand_name", None, "invalid"),
        ("brand_colour", "red", "invalid"),
        ("brand_colour", "#2750C7", "invalid"),
        ("brand_colour", "#2750c7;}", "invalid"),
        ("brand_colour", "#ffe08a", "too_light"),
        ("default_language", "fr", "invalid"),
        ("logo", b"", "invalid"),
        ("changed_at", None, "invalid"),
    ],
)
def test_a_text_that_cannot_stand_is_refused_and_changes_nothing(name, value, reason, eko):
    changes = {"pin_min_digits": 8, name: value}
    assert refusal(change_policies, eko, changes=changes) == invalid(name, reason)
    assert (Policies.objects.count(), current_policies().pin_min_digits) == (0, 6)


def test_the_trail_says_what_was_and_what_is(eko):
    change_policies(eko, changes={"brand_name": "Acme Pay", "pin_tries": 5})
    change_policies(eko, changes={"brand_name": "Acme", "pin_tries": 4})
    assert [row.details for row in AuditEvent.objects.filter(event="policies.changed")] == [
        {"brand_name": {"from": "", "to": "Acme Pay"}},
        {"brand_name": {"from": "Acme Pay", "to": "Acme"}, "pin_tries": {"from": 5, "to": 4}},
    ]


@pytest.mark.parametrize("colour", ["#000000", "#2750c7", "#b3202c", "#006731", "#0000ff"])
def test_on_a_dark_page_a_tint_of_the_colour_can_be_read(colour):
    assert contrast(lightened(colour), DARK_SURFACE) >= 4.5


def test_a_logo_is_kept_without_anything_but_the_picture(eko):
    change_logo(eko, content=picture(chunk(b"tEXt", b"Comment\0<script>alert(1)</script>")))
    version = current_policies().logo_version
    assert (len(version), logo_named(version)) == (16, picture())
    assert logo_named("0" * 16) is None
    change_logo(eko, content=None)
    assert (current_policies().logo_version, logo_named(version)) == ("", None)
    logos = [row.details["logo"] for row in AuditEvent.objects.filter(event="policies.changed")]
    assert logos == [{"from": "", "to": version}, {"from": version, "to": ""}]


BIG = 20_000
HOSTILE = {
    "nothing": (b"", "type"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "type"),
    "html": (b"<!doctype html><script>alert(1)</script>", "type"),
    "jpeg": (b"\xff\xd8\xff\xe0" + b"\0" * 64, "type"),
    "gif": (b"GIF89a" + b"\0" * 64, "type"),
    "only a signature": (picture()[:8], "type"),
    "cut short": (picture()[:-1], "type"),
    "html behind the end": (picture(after=b"<script>alert(1)</script>"), "type"),
    "a second picture behind the end": (picture(after=picture()), "type"),
    "a damaged chunk": (picture().replace(b"IDAT", b"IDAZ"), "type"),
    "a chunk that says it is longer than the file": (picture()[:8] + b"\xff\xff\xff\xff" + picture()[12:], "type"),
    "no header": (picture()[:8] + picture()[33:], "type"),
    "a second header": (picture(chunk(b"IHDR", header())), "type"),
    "a short header": (picture(head=b"\0" * 12), "type"),
    "a colour type that there is not": (picture(head=header(colour=5)), "type"),
    "interlaced": (picture(head=header(rest=(0, 0, 1))), "type"),
    "no pixels at all": (picture(head=header(0, 0), data=zlib.compress(b"")), "pixels"),
    "too wide": (picture(head=header(1025, 2), data=pixels(1025, 2)), "pixels"),
    "huge by its header": (picture(head=header(BIG, BIG), data=pixels()), "pixels"),
    "a bomb": (picture(data=zlib.compress(b"\0" * 50_000_000)), "type"),
    "fewer pixels than it says": (picture(data=pixels(1, 1)), "type"),
    "pixels that cannot be unpacked": (picture(data=b"not packed"), "type"),
    "bytes behind the pixels": (picture(data=pixels() + b"<script>"), "type"),
    "too large": (picture() + b"\0" * MOST_BYTES, "size"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_small_png_is_refused_by_its_content(name, eko):
    content, reason = HOSTILE[name]
    assert refusal(change_logo, eko, content=content) == invalid("logo", reason)
    assert current_policies().logo_version == ""
