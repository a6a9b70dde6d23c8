"""The whole product in processes that a test may kill: web server, worker, PostgreSQL, and a far side for each case."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg

from tests.browser import product
from tests.browser.product import ROOT, Product, free_port
from tests.crashes.points import Mailboxes, mail_server
from tests.faults.test_pages import CHOICES, DETAILS
from tests.races import postgres
from tests.races.crowd import Client
from vendors.sandbox import SANDBOXES
from vendors.sandbox.base import Sandbox

HOLD_SECONDS = 90
"""A hold that nobody goes on with ends while the other cases are still going on."""
WEB = "booking.wsgi"

type Row = tuple[Any, ...]


def until[T](what: str, seconds: float, condition: Callable[[], T]) -> T:
    """What the condition answers as soon as it is true."""
    ends = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < ends, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)
    return answer


@dataclass(eq=False)
class Case:
    """One patient at a practice of their own, with a vendor of its own."""

    slug: str
    vendor: str
    sandbox: Sandbox
    stood_before: list[str]
    address: str = ""
    """Of the booking's page, once the patient has it."""
    pressed: dict[str, str] = field(default_factory=dict)
    """What the patient's button for a time sends."""
    restarted_at: float = 0.0
    """When what was killed was there again, by the monotonic clock."""
    answers: list[httpx.Response | httpx.TransportError] = field(default_factory=list)
    """What the patient's browser got who pressed the button while something was killed."""

    @property
    def email(self) -> str:
        return f"{self.slug}@patient.example"

    @property
    def entries(self) -> list[dict[str, Any]]:
        """What stands in the vendor's diary since the case began."""
        return [entry for entry in self.sandbox.appointments() if str(entry) not in self.stood_before]


class House:
    def __init__(
        self,
        folder: pathlib.Path,
        server: postgres.Server,
        database_url: str,
        mailboxes: Mailboxes,
        cases: Mapping[str, Case],
        practices: Mapping[str, Mapping[str, Any]],
    ) -> None:
        self.server = server
        self.mailboxes = mailboxes
        self.cases = cases
        self.first_answers: list[int] = []
        """How the pages answered that were asked for first when the database was there again."""
        self._database = database_url.rpartition("/")[2]
        self._ports = {WEB: free_port()}
        url = f"http://127.0.0.1:{self._ports[WEB]}"
        self._environment = product.environment(folder, url, database_url) | {
            "EMAIL_URL": f"smtp://127.0.0.1:{mailboxes.port}",
            "HOLD_SECONDS": str(HOLD_SECONDS),
        }
        sandboxes = {slug: case.sandbox for slug, case in cases.items()}
        self.product = Product(url, sandboxes, practices, self._environment, folder / "log.txt")
        self._processes: list[subprocess.Popen[Any]] = []

    # --- Processes

    def start_web(self, application: str = WEB) -> subprocess.Popen[Any]:
        """A web server, answering."""
        port = self._ports.setdefault(application, free_port())
        process = self._start(
            *("-m", "gunicorn", f"--bind=127.0.0.1:{port}", "--workers=1", "--threads=32", "--worker-class=gthread"),
            *("--log-level=warning", "--no-control-socket", application),
        )
        self.await_ready(application)
        return process

    def await_ready(self, application: str = WEB) -> None:
        def ready() -> bool:
            with suppress(httpx.TransportError):
                address = f"http://127.0.0.1:{self._ports[application]}/readyz"
                return httpx.get(address, trust_env=False, timeout=30).status_code == 200
            return False

        until(f"{application} answers\n{self.log()}", 60, ready)

    def start_worker(self) -> subprocess.Popen[Any]:
        return self._start("manage.py", "worker")

    def _start(self, *command: str) -> subprocess.Popen[Any]:
        with self.product.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # so that it can be killed with all that it started
            )
        self._processes.append(process)
        return process

    @staticmethod
    def kill(*processes: subprocess.Popen[Any]) -> None:
        """kill -9, the processes that these started included."""
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
        for process in processes:
            process.wait()

    def end(self) -> None:
        self.kill(*[process for process in self._processes if process.poll() is None])

    def log(self) -> str:
        return self.product.log.read_text()[-6000:] if self.product.log.exists() else ""

    # --- The database, from outside

    def rows(self, query: str, *values: object) -> list[Row]:
        with self.server.connect(self._database) as connection:
            return connection.execute(query, values).fetchall()

    def change(self, query: str, *values: object) -> None:
        with self.server.connect(self._database) as connection:
            connection.execute(query, values)

    @contextmanager
    def locked(self, query: str, *values: object) -> Iterator[psycopg.Connection[Any]]:
        """Nobody else gets at what the query locks."""
        connection = self.server.connect(self._database)
        try:
            connection.execute("BEGIN")
            assert connection.execute(query, values).fetchall(), "nothing to lock"
            yield connection
        finally:
            connection.close()

    def await_waiting(self, query: str, seconds: float = 20) -> None:
        """Until somebody waits for a lock, with a query like this."""
        asked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
        until(f"somebody waits for a lock with {query}", seconds, lambda: self.rows(asked, query))

    # --- Patients

    def times(self, case: Case, client: Client) -> tuple[list[str], dict[str, str]]:
        """Free times of some days ahead, and what the form of each sends along: the token of the page is among it.

        What is free soon may have begun before everybody is at the point at which they are killed.
        """
        choice = CHOICES[case.vendor] | {"from": (datetime.now(UTC).date() + timedelta(days=2)).isoformat()}
        page = client._http.get(self.product.address(case.slug, "times/"), params=choice)
        assert page.status_code == 200, page.text
        [token, *_] = re.findall(r'name="held" value="([^"]+)"', page.text)
        return re.findall(r'name="slot" value="([^"]+)"', page.text), {**choice, "held": token}

    def hold(self, case: Case) -> str:
        """Takes the first time. Answers the address of the details."""
        client = Client(self.product)
        slots, sent = self.times(case, client)
        answer = client.post(self.product.address(case.slug, "hold/"), **sent, slot=slots[0])
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def type_details(self, case: Case, details_page: str) -> str:
        """Answers the address of the review."""
        given = DETAILS[case.vendor] | {"email": case.email}
        answer = Client(self.product).post(details_page, **given)
        assert answer.status_code == 303, answer.text
        review: str = answer.headers["Location"]
        assert review.endswith("/confirm/"), review
        case.address = review.removesuffix("confirm/")
        return review

    def review(self, case: Case) -> str:
        return self.type_details(case, self.hold(case))

    def press(self, case: Case, address: str, application: str = WEB, **values: str) -> threading.Thread:
        """The patient presses a button, and waits: until the thread ends, with an answer or without one."""

        def wait() -> None:
            url = httpx.URL(f"http://127.0.0.1:{self._ports[application]}").join(address)
            try:
                case.answers.append(Client(self.product).post(str(url), **values))
            except httpx.TransportError as error:
                case.answers.append(error)

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        return thread

    def book(self, case: Case) -> None:
        """The whole way of a patient whom nothing happens to. Where it ends, the booking's page tells."""
        answer = Client(self.product).post(self.review(case))
        assert answer.status_code == 303, answer.text

    def said(self, case: Case) -> str:
        """What the patient reads: the state of the booking, "ended" where the hold is over."""
        page = Client(self.product).get(case.address)
        assert page.status_code == 200, page.text
        if stands := re.findall(r'data-state="([^"]+)"', page.text):
            return str(stands[0])
        details = Client(self.product).get(case.address + "details/")  # before the details are typed, only they tell
        return "ended" if "ended=1" in details.headers.get("Location", "") else "held"


@contextmanager
def house(folder: pathlib.Path, vendors: Mapping[str, str]) -> Iterator[House]:
    """`vendors`: for each case by its name, which vendor its practice has. Nothing runs yet but PostgreSQL."""
    with ExitStack() as stack:
        mailboxes = stack.enter_context(mail_server())
        server = stack.enter_context(postgres.server(synchronous_commit="on"))
        cases, practices = {}, {}
        for slug, vendor in vendors.items():
            sandbox = SANDBOXES[vendor]()
            table = sandbox.practice(stack.enter_context(sandbox.serve())) | {"slug": slug}
            cases[slug] = Case(slug, vendor, sandbox, [str(entry) for entry in sandbox.appointments()])
            practices[slug] = table
        made = House(folder, server, server.new_database(), mailboxes, cases, practices)
        file = folder / "practices.toml"
        file.write_text("\n".join(product._toml(table) for table in practices.values()), encoding="utf-8")
        product._build_static_files(made.product.environment)
        made.product.manage("migrate", "--verbosity", "0")
        made.product.manage("load_practices", str(file))
        stack.callback(made.end)
        yield made
