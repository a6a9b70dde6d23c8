"""The practice admins' side, through Django's client."""

import base64
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from booking import audit, embedding
from booking.models import AuditEntry, Booking, Practice, State
from tests.booking.journey import DETAILS, ago, change, free, ready, typed
from tests.booking.journey import hold as held
from tests.fake_vendor import TOKEN, Diary
from vendors import VENDORS
from vendors.base import AuthenticationFailed

LIST = "/admin/booking/practice/"
NEW = "another secret token"


@pytest.fixture
def admin(admin_client: Client, practice: Practice) -> Client:
    """Somebody who may do everything; and a practice is there."""
    return admin_client


def page_of(practice: Practice) -> str:
    return f"{LIST}{practice.pk}/change/"


def filled_in(practice: Practice, **changes: Any) -> dict[str, Any]:
    """The form as the browser would send it, untouched but for the changes."""
    return {
        "name": practice.name,
        "slug": practice.slug,
        "vendor": practice.vendor,
        "timezone": practice.timezone,
        "languages": "sv en",
        "phone": practice.phone,
        "email": practice.email,
        "privacy_url": practice.privacy_url,
        "embed_origins": "\n".join(practice.embed_origins),
        "connection_base_url": practice.connection.get("base_url", ""),
        "connection_token": "",
        "connection_branch": practice.connection.get("branch", ""),
        "connection_pause": str(practice.connection.get("pause", 0)),
        **changes,
    }


def save(admin: Client, practice: Practice, **changes: Any) -> Practice:
    answer = admin.post(page_of(practice), filled_in(practice, **changes))
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    return Practice.objects.get(pk=practice.pk)


def errors(admin: Client, practice: Practice, **changes: Any) -> dict[str, list[str]]:
    answer = admin.post(page_of(practice), filled_in(practice, **changes))
    assert answer.status_code == 200
    found = answer.context["adminform"].form.errors
    return {name: list(texts) for name, texts in found.items()}


class Inputs(HTMLParser):
    """The attributes of a page's inputs, by name."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, dict[str, str | None]] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("name"):
            self.found[str(given["name"])] = given


# --- Secrets ---------------------------------------------------------------------------------------------------------


def test_a_secret_is_never_shown(admin: Client, practice: Practice) -> None:
    html = admin.get(page_of(practice)).content.decode()
    field = Inputs(html).found["connection_token"]
    assert field["type"] == "password"
    assert "value" not in field
    assert TOKEN not in html
    assert practice.connection["base_url"] in html  # what is no secret is


def test_a_secret_is_not_shown_with_a_mistake_either(admin: Client, practice: Practice) -> None:
    answer = admin.post(page_of(practice), filled_in(practice, phone="", connection_token=NEW))
    html = answer.content.decode()
    assert answer.status_code == 200
    assert TOKEN not in html
    assert NEW not in html


def test_a_secret_that_is_left_empty_is_kept(admin: Client, practice: Practice) -> None:
    after = save(admin, practice, phone="+46 8 765 43 21")
    assert (after.phone, after.connection["token"]) == ("+46 8 765 43 21", TOKEN)


def test_a_secret_that_is_typed_replaces_the_old_one(admin: Client, practice: Practice) -> None:
    assert save(admin, practice, connection_token=NEW).connection["token"] == NEW


def test_a_secret_that_is_not_there_yet_must_be_typed(admin: Client, make_practice: Callable[..., Practice]) -> None:
    fresh = make_practice(slug="fresh", connection={})
    assert errors(admin, fresh, connection_base_url="http://127.0.0.1:1") == {"connection_token": ["is missing"]}


def test_no_list_shows_a_secret(admin: Client, practice: Practice) -> None:
    save(admin, practice, connection_token=NEW)
    for page in (LIST, f"{LIST}{practice.pk}/history/", "/admin/", "/admin/booking/auditentry/"):
        html = admin.get(page).content.decode()
        assert NEW not in html
        assert TOKEN not in html


def test_djangos_own_history_holds_no_secret(admin: Client, practice: Practice) -> None:
    save(admin, practice, connection_token=NEW, phone="+46 8 765 43 21")
    assert NEW not in str(list(LogEntry.objects.values_list()))


# --- Settings --------------------------------------------------------------------------------------------------------


def test_a_change_is_written_down_by_the_names_of_what_changed(admin: Client, practice: Practice) -> None:
    save(admin, practice)  # fills in what the form has and the row had not
    save(admin, Practice.objects.get(), connection_token=NEW, phone="+46 8 765 43 21", connection_pause="7")
    entry = AuditEntry.objects.filter(action="practice changed").first()
    assert entry is not None
    assert (entry.actor, entry.practice) == ("staff:admin", "norr")
    assert sorted(entry.outcome.split(", ")) == ["connection.pause", "connection.token", "phone"]


def test_no_value_is_written_down(admin: Client, practice: Practice) -> None:
    save(admin, practice, connection_token=NEW, phone="+46 8 765 43 21", name="Vasa Tand")
    written = str(list(AuditEntry.objects.values_list()))
    assert "practice changed" in written
    for value in (NEW, TOKEN, "765 43 21", "Vasa Tand"):
        assert value not in written


def test_lists_are_written_with_blanks_or_commas(admin: Client, practice: Practice) -> None:
    after = save(
        admin, practice, languages="en, sv", embed_origins="https://a.example\r\nhttps://b.example , https://c.example"
    )
    assert after.languages == ["en", "sv"]
    assert after.embed_origins == ["https://a.example", "https://b.example", "https://c.example"]


def test_numbers_and_yes_or_no_stay_what_they_are(admin: Client, practice: Practice) -> None:
    after = save(admin, practice, connection_pause="7", connection_polite="on", connection_branch="main")
    assert after.connection["pause"] == 7
    assert after.connection["polite"] is True
    assert after.connection["branch"] == "main"


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("slug", "Norr Malm", ""),
        ("slug", "admin", "reserved"),
        ("timezone", "Europe/Stokholm", "is not a time zone"),
        ("languages", "sv xx", "unknown language 'xx'"),
        ("languages", "", "required"),
        ("phone", "", "required"),
        ("email", "info", "valid email"),
        ("embed_origins", "http://www.clinic.example", "must be https"),
        ("privacy_url", "javascript:alert(1)", ""),
        ("vendor", "acme", "not one of the available choices"),
        ("connection_base_url", "opus.example", "is not an address"),
        ("connection_base_url", "https://[::1", "is not an address"),
        ("connection_base_url", "", "is missing"),
        ("connection_pause", "often", "whole number"),
    ],
)
def test_a_mistake_stands_beside_its_field_and_changes_nothing(
    admin: Client, practice: Practice, field: str, value: str, says: str
) -> None:
    before = Practice.objects.values().get()
    found = errors(admin, practice, **{field: value})
    assert list(found) == [field]
    assert says in found[field][0]
    assert Practice.objects.values().get() == before


def test_a_slug_is_only_one_practices(
    admin: Client, practice: Practice, make_practice: Callable[..., Practice]
) -> None:
    make_practice(slug="other")
    assert list(errors(admin, practice, slug="other")) == ["slug"]


def test_a_practice_is_added_in_two_steps(admin: Client) -> None:
    fields = filled_in(Practice(name="Ny", slug="ny", vendor="fake", timezone="Europe/Oslo", phone="1", email="a@b.no"))
    answer = admin.post(f"{LIST}add/", {name: v for name, v in fields.items() if not name.startswith("connection")})
    made = Practice.objects.get(slug="ny")
    assert answer.headers["Location"] == page_of(made)
    assert "connection_token" in Inputs(admin.get(page_of(made)).content.decode()).found
    assert AuditEntry.objects.filter(action="practice created", practice="ny", actor="staff:admin").exists()


def test_every_vendor_can_be_chosen(admin: Client) -> None:
    html = admin.get(f"{LIST}add/").content.decode()
    for name, vendor in VENDORS.items():
        assert f'<option value="{name}">{vendor.name}</option>' in html


def test_another_vendor_begins_with_an_empty_connection(admin: Client, practice: Practice) -> None:
    """One vendor's secret is never sent to another."""
    after = save(admin, practice, vendor="opus")
    assert (after.vendor, after.connection) == ("opus", {})
    assert "connection_api_key" in Inputs(admin.get(page_of(practice)).content.decode()).found
    entry = AuditEntry.objects.filter(action="practice changed").get()
    assert set(entry.outcome.split(", ")) == {"vendor", "connection.base_url", "connection.token"}


def test_a_practice_whose_vendor_is_gone_can_still_be_opened(admin: Client, practice: Practice) -> None:
    Practice.objects.update(vendor="gone")
    assert admin.get(page_of(practice)).status_code == 200
    assert admin.get(LIST).status_code == 200


def test_trouble_with_the_vendor_is_shown(admin: Client, practice: Practice) -> None:
    assert "status 401" not in admin.get(page_of(practice)).content.decode()
    audit.trouble("norr", AuthenticationFailed("status 401"))
    assert "status 401" in admin.get(page_of(practice)).content.decode()


def test_a_practice_with_bookings_cannot_be_deleted(admin: Client, practice: Practice, diary: Diary) -> None:
    ready(practice, diary)
    assert admin.post(f"{LIST}{practice.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Practice.objects.exists()


def test_that_a_practice_was_deleted_is_written_down(admin: Client, practice: Practice) -> None:
    assert admin.post(f"{LIST}{practice.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not Practice.objects.exists()
    assert AuditEntry.objects.filter(action="practice deleted", practice="norr", actor="staff:admin").exists()


# --- Bookings and entries --------------------------------------------------------------------------------------------


@pytest.fixture
def booking(practice: Practice, diary: Diary) -> Booking:
    return ready(practice, diary)


def test_a_booking_is_found_by_its_reference(admin: Client, practice: Practice, diary: Diary, booking: Booking) -> None:
    other = held(practice, free(diary)[4]).booking
    html = admin.get("/admin/booking/booking/", {"q": booking.reference}).content.decode()
    assert booking.reference in html
    assert f">{other.reference}<" not in html


def test_a_reference_is_found_however_it_is_typed(admin: Client, booking: Booking) -> None:
    html = admin.get("/admin/booking/booking/", {"q": f" {booking.reference.lower()} "}).content.decode()
    assert f">{booking.reference}<" in html


def test_entries_are_found_by_their_reference(admin: Client, booking: Booking) -> None:
    html = admin.get("/admin/booking/auditentry/", {"q": booking.reference}).content.decode()
    assert "booking held" in html
    assert f">{booking.reference}<" in html
    assert f">{booking.reference}<" not in admin.get("/admin/booking/auditentry/", {"q": "ZZZ-ZZZZ"}).content.decode()


@pytest.mark.parametrize("kind", ["booking", "auditentry"])
def test_bookings_and_entries_can_only_be_read(admin: Client, booking: Booking, kind: str) -> None:
    row: Any = booking if kind == "booking" else AuditEntry.objects.first()
    here = f"/admin/booking/{kind}/"
    assert admin.get(f"{here}{row.pk}/change/").status_code == 200
    assert admin.post(f"{here}{row.pk}/change/", {"state": "cancelled", "outcome": "x"}).status_code == 403
    assert admin.post(f"{here}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert admin.get(f"{here}add/").status_code == 403
    assert "delete_selected" not in admin.get(here).content.decode()
    answer = admin.post(here, {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert answer.status_code in (200, 302, 403)
    assert type(row).objects.filter(pk=row.pk).exists()
    booking.refresh_from_db()
    assert booking.state == State.HELD


def test_the_practices_side_shows_no_patient(admin: Client, practice: Practice, diary: Diary) -> None:
    """Who the patient is stands in the practice's own system."""
    one = held(practice, free(diary)[0])
    token = typed(one, personal_number="198112289874", note="afraid")
    pages = [
        f"/admin/booking/booking/{one.booking.pk}/change/",
        "/admin/booking/booking/",
        "/admin/booking/auditentry/",
    ]
    for page in pages:
        html = admin.get(page).content.decode()
        assert one.booking.reference in html
        for text in (*DETAILS.values(), "198112289874", "afraid", token, one.token, one.booking.key):
            assert text not in html


def test_bookings_that_need_people_are_found_at_one_click(
    admin: Client, practice: Practice, diary: Diary, booking: Booking
) -> None:
    other = ready(practice, diary, free(diary)[4])
    old = change(other, state=State.CHECKING, checking_since=ago(minutes=16))
    html = admin.get("/admin/booking/booking/", {"needs": "staff"}).content.decode()
    assert f">{old.reference}<" in html
    assert f">{booking.reference}<" not in html


def test_there_is_no_admin_of_tokens_readings_or_memories(admin: Client) -> None:
    for kind in ("bookingtoken", "snapshot", "vendormemory"):
        assert admin.get(f"/admin/booking/{kind}/").status_code == 404


# --- Who may come in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["", "booking/practice/", "booking/booking/", "booking/auditentry/"])
def test_strangers_are_asked_who_they_are(client: Client, practice: Practice, page: str) -> None:
    answer = client.get(f"/admin/{page}")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/admin/login/")


def test_somebody_without_rights_sees_nothing(client: Client, practice: Practice, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_user("temp", is_staff=True))
    assert client.get(page_of(practice)).status_code == 403
    assert client.post(page_of(practice), filled_in(practice)).status_code == 403
    assert client.get("/admin/booking/booking/").status_code == 403


def test_a_form_from_another_site_is_refused(practice: Practice, django_user_model: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(django_user_model.objects.create_superuser("boss"))
    assert strict.post(page_of(practice), filled_in(practice)).status_code == 403


# --- On the clinic's website -----------------------------------------------------------------------------------------


def maker(practice: Practice) -> str:
    return f"{LIST}{practice.pk}/embed/"


def test_the_lines_for_the_website_are_made_as_chosen(admin: Client, practice: Practice, diary: Diary) -> None:
    service = diary.services[0]
    asked = {"mode": "button", "language": "sv", "service": service.id, "colour": "#aa3366"}
    html = admin.get(maker(practice), asked).content.decode()
    wanted = embedding.snippet(practice, embedding.Mode.BUTTON, "sv", service.id, "#aa3366")
    assert str(escape(str(wanted))) in html  # to be copied
    shown = embedding.element(practice, embedding.Mode.BUTTON, "sv", service.id, "#aa3366")
    assert str(shown) in html  # the preview
    assert embedding.script().integrity in html
    assert 'src="data:image/svg+xml' in html


def test_without_a_choice_everything_is_left_to_the_visitor(admin: Client, practice: Practice) -> None:
    html = admin.get(maker(practice)).content.decode()
    assert str(escape(str(embedding.snippet(practice, embedding.Mode.INLINE)))) in html
    assert escape(embedding.link(practice)) in html


@pytest.mark.parametrize(
    "wrong", [{"mode": "wide"}, {"service": '"><script>'}, {"language": "xx"}, {"colour": "red;}"}, {"mode": ""}]
)
def test_what_is_not_known_is_left_out_of_the_lines(admin: Client, practice: Practice, wrong: dict[str, str]) -> None:
    html = admin.get(maker(practice), wrong).content.decode()
    assert str(escape(str(embedding.snippet(practice, embedding.Mode.INLINE)))) in html
    assert '"><script>' not in html


def test_the_lines_are_made_also_while_the_vendor_is_away(
    admin: Client, make_practice: Callable[..., Practice], diary: Diary
) -> None:
    practice = make_practice(slug="away", connection={**diary.connection(), "base_url": "http://127.0.0.1:1"})
    answer = admin.get(maker(practice))
    assert answer.status_code == 200
    assert "could not be asked" in answer.content.decode()


def test_where_the_page_was_really_seen_is_shown(admin: Client, practice: Practice) -> None:
    practice.embed_origins = ["https://www.clinic.example", "https://*.group.example", "https://new.example"]
    practice.save()
    embedding.seen(practice, "https://www.clinic.example")
    embedding.seen(practice, "https://north.group.example")
    text = re.sub(r"<[^>]+>", "", admin.get(maker(practice)).content.decode())
    today = timezone.now().date().isoformat()
    assert f"https://www.clinic.example: seen live since {today}" in text
    assert "https://new.example: not seen yet" in text
    assert "https://*.group.example: stands for each host below it" in text
    assert f"https://north.group.example: seen live since {today}" in text


def test_only_this_page_of_the_admin_holds_a_frame_and_only_ours(admin: Client, practice: Practice) -> None:
    assert "frame-src 'self'" in admin.get(maker(practice)).headers["Content-Security-Policy"]
    assert "frame-src" not in admin.get(page_of(practice)).headers["Content-Security-Policy"]
    assert maker(practice) in admin.get(page_of(practice)).content.decode()


def test_somebody_without_rights_makes_no_lines(client: Client, practice: Practice, django_user_model: Any) -> None:
    assert client.get(maker(practice)).status_code == 302
    client.force_login(django_user_model.objects.create_user("temp", is_staff=True))
    assert client.get(maker(practice)).status_code == 403


# --- How the pages look ----------------------------------------------------------------------------------------------

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def test_staff_give_the_pages_a_colour_and_are_told_where_it_is_corrected(admin: Client, practice: Practice) -> None:
    answer = admin.post(page_of(practice), filled_in(practice, colour="#ffdd00"), follow=True)
    assert Practice.objects.get().colour == "#ffdd00"
    assert "#ffdd00" in answer.content.decode()
    assert any("#ffdd00" in str(message) for message in answer.context["messages"])
    assert errors(admin, practice, colour="yellow")["colour"]


def test_staff_give_the_pages_a_logo(admin: Client, practice: Practice) -> None:
    save(admin, practice, logo_file=SimpleUploadedFile("logo.png", PNG))
    assert bytes(Practice.objects.get().logo) == PNG
    save(admin, practice)
    assert bytes(Practice.objects.get().logo) == PNG
    assert errors(admin, practice, logo_file=SimpleUploadedFile("logo.svg", b"<svg onload='alert(1)'/>"))["logo_file"]


def test_staff_pause_online_booking_and_open_it_again(admin: Client, practice: Practice) -> None:
    assert save(admin, practice, online="paused").online == "paused"
    assert "paused" in admin.get(f"/{practice.slug}/en/").content.decode()
    assert save(admin, practice).online == "paused"
    assert save(admin, practice, online="open").online == "open"
