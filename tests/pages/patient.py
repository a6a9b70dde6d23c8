"""A patient at the pages: opens addresses, reads the HTML as a browser would, fills in its forms, presses its buttons.

Everything goes through Django's test client, and every answer is held to what all pages of a patient promise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from html.parser import HTMLParser
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

from django.http import HttpResponse
from django.test import Client
from django.test.client import ClientHandler

OURS = "http://testserver"
EMPTY = {"area", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
FIELDS = ("input", "textarea", "select")


class Element:
    """One element of a page. `all` and `one` search below it: `page.one("a", rel="next")`, `data_service=True`."""

    def __init__(self, tag: str, attributes: dict[str, str], parent: "Element | None" = None) -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children: list[Element | str] = []

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def __contains__(self, name: str) -> bool:
        return name in self.attributes

    def get(self, name: str) -> str | None:
        return self.attributes.get(name)

    @property
    def text(self) -> str:
        return " ".join("".join(self._strings()).split())

    @property
    def raw(self) -> str:
        return "".join(self._strings())

    def _strings(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            elif child.tag not in ("script", "style", "template"):
                yield from child._strings()

    def walk(self) -> "Iterator[Element]":
        """What is on the page: what stands in a `<template>` is not, until a script puts it there."""
        for child in self.children:
            if isinstance(child, Element):
                yield child
                if child.tag != "template":
                    yield from child.walk()

    def all(self, *tags: str, **attributes: str | bool) -> "list[Element]":
        return [e for e in self.walk() if (not tags or e.tag in tags) and e._has(attributes)]

    def one(self, *tags: str, **attributes: str | bool) -> "Element":
        found = self.all(*tags, **attributes)
        assert len(found) == 1, f"{len(found)} of {tags} {attributes}"
        return found[0]

    def has(self, *tags: str, **attributes: str | bool) -> bool:
        return bool(self.all(*tags, **attributes))

    def _has(self, wanted: dict[str, str | bool]) -> bool:
        for name, value in wanted.items():
            name = name.strip("_").replace("_", "-")
            if value is True and name not in self:
                return False
            if value is False and name in self:
                return False
            if isinstance(value, str) and value not in (self.get(name), *(self.get(name) or "").split()):
                return False
        return True

    def around(self, tag: str) -> "Element":
        element = self.parent
        while element is not None and element.tag != tag:
            element = element.parent
        assert element is not None, f"no <{tag}> around <{self.tag}>"
        return element


class _Reader(HTMLParser):
    """Builds the tree, and does not forgive what a browser would."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.here = self.root = Element("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"<{tag}> has an attribute twice: {attrs}"
        element = Element(tag, {name: value or "" for name, value in attrs}, self.here)
        self.here.children.append(element)
        if tag not in EMPTY:
            self.here = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in EMPTY, f"<{tag}/> is not closed by that"
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.here.tag == tag, f"</{tag}> where <{self.here.tag}> is open"
        self.here = self.here.parent or self.root

    def handle_data(self, data: str) -> None:
        self.here.children.append(data)


def read(html: str) -> Element:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.here is reader.root, f"<{reader.here.tag}> is never closed"
    ids = [element["id"] for element in reader.root.walk() if "id" in element]
    assert len(ids) == len(set(ids)), f"an id stands twice: {sorted(ids)}"
    return reader.root


@dataclass(frozen=True)
class Hop:
    status: int
    location: str


def framers_of(response: HttpResponse) -> list[str]:
    rules = [rule.split() for rule in response["Content-Security-Policy"].split(";")]
    return next(rule[1:] for rule in rules if rule[0] == "frame-ancestors")


class Page:
    """An answer: where it stands, how one came there, and what is on it."""

    def __init__(self, response: HttpResponse, address: str, hops: list[Hop]) -> None:
        self.response, self.address, self.hops = response, address, hops
        self.status = response.status_code
        self.html = response.text if "text/html" in response.get("Content-Type", "") else ""
        self.root = read(self.html)
        self.all, self.one, self.has = self.root.all, self.root.one, self.root.has

    def __getitem__(self, header: str) -> str:
        return self.response[header]

    @property
    def path(self) -> str:
        return urlsplit(self.address).path

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.address).query).items()}

    @property
    def token(self) -> str:
        return self.path.partition("/booking/")[2].partition("/")[0]

    @property
    def text(self) -> str:
        return self.root.one("main").text

    @property
    def heading(self) -> str:
        return self.root.one("h1").text

    @property
    def other_times(self) -> bool:
        """Whether this is the page that offers other times instead of one that is gone."""
        return self.status == 200 and self.path.endswith(("/hold/", "/confirm/")) and self.has("ul", class_="nearest")

    @property
    def notice(self) -> str:
        """The sentence about how the patient came here."""
        return self.root.one("p", class_="notice", role="status").text

    @property
    def framers(self) -> list[str]:
        """Who may show this page in a frame."""
        return framers_of(self.response)

    @property
    def summary(self) -> dict[str, Element]:
        """The rows of what is chosen, by their labels."""
        return {row.one("dt").text: row for row in self.root.all("div", class_="summary-row")}

    @property
    def slots(self) -> list[Element]:
        """The buttons of the free times, each in a form that posts to `hold/`."""
        buttons = self.root.all("button", name="slot")
        for button in buttons:
            form = button.around("form")
            assert form["method"] == "post"
            assert form["action"].endswith("/hold/")
        return buttons

    @property
    def starts(self) -> list[datetime]:
        return [start_of(button) for button in self.slots]

    @property
    def state(self) -> str:
        return self.root.one(data_state=True)["data-state"]

    @property
    def reference(self) -> str:
        return self.root.one(data_reference=True)["data-reference"]

    @property
    def fields(self) -> dict[str, Element]:
        """The fields of the main form that a patient sees, by name. Radio buttons: the first of each name."""
        found: dict[str, Element] = {}
        for field in self.root.one("main").all(*FIELDS, name=True):
            if field.get("type") != "hidden":
                found.setdefault(field["name"], field)
        return found

    @property
    def typed(self) -> dict[str, str]:
        """What stands in the fields."""
        return {name: value_of(field) for name, field in self.fields.items()}

    @property
    def invalid(self) -> set[str]:
        return {name for name, field in self.fields.items() if field.get("aria-invalid") == "true"}

    def choices(self, what: str) -> dict[str, str]:
        """The links to the next step, by the vendor's id."""
        return {
            link[f"data-{what}"]: link["href"] for link in self.root.all("a", **{f"data-{what}": True, "href": True})
        }

    def slot(self, value: str) -> Element:
        return next(button for button in self.slots if button["value"] == value)

    def form(self, action: str = "") -> Element:
        """The form with this action; without one, the form that posts to its own page."""
        return next(form for form in self.root.all("form") if (form.get("action") or "") == action)


def start_of(button: Element) -> datetime:
    return datetime.fromisoformat(button.one("time")["datetime"])


def value_of(field: Element) -> str:
    if field.tag == "textarea":
        return field.raw.removeprefix("\n")
    if field.get("type") in ("radio", "checkbox"):
        return field.get("value") or "on" if "checked" in field else ""
    return field.get("value") or ""


def hidden_values(form: Element) -> dict[str, str]:
    return {field["name"]: field.get("value") or "" for field in form.all("input", type="hidden")}


@cache
def _handler() -> ClientHandler:
    """All patients come to one server: each one's own would look through all static files again."""
    return ClientHandler(enforce_csrf_checks=True)


class Patient:
    """One browser. It posts as a browser does from our own page, unless it is told other `headers`."""

    def __init__(self, slug: str, language: str = "en", **headers: str) -> None:
        self.home = f"/{slug}/{language}/"
        self.client = Client(raise_request_exception=False, headers=headers)
        self.client.handler = _handler()
        self.pages: list[Page] = []

    def at(self, step: str = "", /, **query: object) -> str:
        """An address of the wizard. `day` is the query's `from`, which Python keeps for itself."""
        if "day" in query:
            query["from"] = query.pop("day")
        given = {name: str(value) for name, value in query.items()}
        return self.home + step + (f"?{urlencode(given)}" if given else "")

    def open(self, address: str, *, follow: bool = True, **headers: str) -> Page:
        return self._arrive(self.client.get(address, headers=headers), address, follow)

    def post(
        self, address: str, data: dict[str, str], *, follow: bool = True, headers: dict[str, str] | None = None
    ) -> Page:
        headers = {"Origin": OURS} if headers is None else headers
        response = self.client.post(address, data, headers=headers)
        if response.has_header("Location"):
            assert response.status_code == 303, "a POST that is done answers 303"
        return self._arrive(response, address, follow)

    def submit(self, page: Page, form: Element, *, follow: bool = True, **values: str) -> Page:
        """Send a form with what stands in it, and with these values."""
        standing = {f["name"]: value_of(f) for f in form.all(*FIELDS, name=True) if f.get("type") != "radio"}
        standing = {name: value for name, value in standing.items() if value} | values
        return self.post(urljoin(page.address, form.get("action") or page.address), standing, follow=follow)

    def press(self, page: Page, button: Element, *, follow: bool = True) -> Page:
        return self.submit(page, button.around("form"), follow=follow, **{button["name"]: button["value"]})

    def fill_in(self, page: Page, *, follow: bool = True, **values: str) -> Page:
        """The page's own form, with everything that stands in it already."""
        return self.submit(page, page.form(), follow=follow, **values)

    def book(self, page: Page, *, follow: bool = True) -> Page:
        """The button of the review."""
        return self.submit(page, page.one("form", class_="book"), follow=follow)

    def release(self, page: Page, *, follow: bool = True) -> Page:
        return self.submit(page, page.one("form", class_="give-back"), follow=follow)

    def _arrive(self, response: Any, address: str, follow: bool) -> Page:
        hops: list[Hop] = []
        while True:
            page = Page(response, address, list(hops))
            self.pages.append(page)
            self._hold_to_promises(page)
            if not follow or not response.has_header("Location"):
                return page
            hops.append(Hop(response.status_code, response["Location"]))
            assert len(hops) < 6, f"led in circles: {hops}"
            address = urljoin(address, response["Location"])
            response = self.client.get(address)

    def _hold_to_promises(self, page: Page) -> None:
        assert not page.response.cookies, "a patient's page set a cookie"
        assert not self.client.cookies
        assert "X-Frame-Options" not in page.response, "it would forbid every frame"
        assert page["Referrer-Policy"] == "same-origin"
        if page.token:
            assert page["Cache-Control"] == "no-store"
        if page.status == 200 and page.has("html"):
            described = [ids for e in page.root.walk() for ids in (e.get("aria-describedby") or "").split()]
            missing = {name for name in described if not page.has(id=name)}
            assert not missing, f"described by what is not on the page: {missing}"
            anchors = {href[1:] for a in page.all("a") if (href := a.get("href") or "").startswith("#")}
            assert all(page.has(id=name) for name in anchors), f"a link to a place that is not on the page: {anchors}"

    def like(self) -> Self:
        """Another browser with the same settings."""
        return type(self)(self.home.split("/")[1], self.home.split("/")[2])
