"""`sentinel up`: the farm from an empty directory to a table of addresses, until told to stop."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType

from rich.console import Console
from rich.markup import escape

import migrations
from cli import preflight, readiness
from cli.address import Address
from cli.attach import remember
from cli.demo import Demo
from cli.programs import child_environment, programs, shared_environment
from cli.screen import curl_line, farm_table, step
from cli.supervision import FARM, STORES, Supervisor, SupervisorDied
from core import embedded, keys, leftovers
from core.errors import StartError
from core.home import Home
from core.settings import Settings, settings

EXIT_FAILED = 1
_READY_TIMEOUT = 60.0
_STORE_TIMEOUT = 30.0
_STORE_GIVE_UP = 5.0
_PAUSE = 0.02
_WATCH_PAUSE = 0.25


class _Stopped(BaseException):
    """A signal asked for the end."""


def run(*, demo: bool, with_flower: bool, leave_after_demo: bool) -> int:
    """Run the farm; returns the exit status. Raises SentinelError when it refuses to start."""
    console = Console()
    try:
        with _signals_stop(), ExitStack() as held:
            home = _take_home(console, held)
            show = held.enter_context(Demo(home)) if demo else None
            if show:
                _into_environment(show.environment)
            supervisor, key = _start(console, held, home, with_flower=with_flower)
            address = Address(settings())
            _show_farm(console, address, settings(), home, key, with_flower=with_flower)
            if show:
                with address.client(key) as client:
                    shown = show.play(console, client)
                if leave_after_demo:
                    return 0 if shown else EXIT_FAILED
            console.print("Ctrl-C stops it.")
            while supervisor.alive:
                time.sleep(_WATCH_PAUSE)
            raise SupervisorDied()
    except _Stopped:
        console.print("stopped")
        return 0
    except (SupervisorDied, readiness.NotReady) as problem:
        console.print(f"[bold red]failed:[/] {escape(str(problem))}", soft_wrap=True)
        return EXIT_FAILED


def _take_home(console: Console, held: ExitStack) -> Home:
    """The data directory, locked, with nothing of an earlier instance running on it."""
    home = Home.at(settings().sentinel_home)
    held.enter_context(home.locked())
    if stopped := leftovers.stop(home):
        console.print(f"  stopped {stopped} processes that an earlier instance left behind")
    embedded.forget_pid(home)
    return home


def _start(
    console: Console, held: ExitStack, home: Home, *, with_flower: bool
) -> tuple[Supervisor, str]:
    """Start everything in order and wait until it is ready; the supervisor and the API key."""
    chosen = settings()
    preflight.demand_stores(chosen)
    preflight.demand_files(chosen)
    preflight.demand_kafka(chosen)
    ports = preflight.ports(chosen, with_flower=with_flower)
    preflight.demand_ports(ports)
    if not chosen.database_url.get_secret_value():
        with step(console, "database cluster"):
            embedded.make_cluster(home)
    members = programs(home, chosen, with_flower=with_flower)
    answers = _stores(home, chosen)
    _into_environment(shared_environment(home, chosen))
    supervisor = held.enter_context(Supervisor(home, members, child_environment(home)))
    if answers:
        with step(console, "PostgreSQL and Valkey" if len(answers) > 1 else next(iter(answers))):
            supervisor.start(STORES)
            _wait_for_stores(supervisor, answers)
    with step(console, "schema"):
        migrations.upgrade(settings().database())
        key = keys.ensure_key(home.root)
        remember(home.run)
    with step(console, "API, workers, scheduler"), Address(settings()).client() as client:
        supervisor.start(FARM)
        readiness.wait(client, supervisor, ports.values(), timeout=_READY_TIMEOUT)
    return supervisor, key


def _stores(home: Home, chosen: Settings) -> dict[str, Callable[[], bool]]:
    """How to ask each embedded store whether it answers, by its program's name."""
    asked: dict[str, Callable[[], bool]] = {}
    if not chosen.database_url.get_secret_value():
        asked["postgres"] = lambda: embedded.postgres_answers(home, chosen.postgres_port)
    if not chosen.redis_url.get_secret_value():
        asked["valkey"] = lambda: embedded.valkey_answers(home, chosen.valkey_port)
    return asked


def _wait_for_stores(supervisor: Supervisor, answers: dict[str, Callable[[], bool]]) -> None:
    began = time.monotonic()
    for name, answer in answers.items():
        while not answer():
            waited = time.monotonic() - began
            failing = any(one.name == name and one.failing for one in supervisor.states())
            if waited > _STORE_TIMEOUT or (failing and waited > _STORE_GIVE_UP):
                last = embedded.last_line(supervisor.log(name))
                raise StartError(f"{name} does not start: {last}")
            time.sleep(_PAUSE)


def _show_farm(
    console: Console, address: Address, chosen: Settings, home: Home, key: str, *, with_flower: bool
) -> None:
    console.print(farm_table(address, chosen, home, key, with_flower=with_flower))
    console.print("Try it:")
    console.print(curl_line(address, chosen, key), soft_wrap=True, highlight=False, markup=False)


def _into_environment(variables: dict[str, str]) -> None:
    """Hand settings to this process, and so to every process it starts."""
    os.environ.update(variables)
    settings.cache_clear()


@contextmanager
def _signals_stop() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into _Stopped and ignore the ones after it."""
    watched = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        watched.append(signal.SIGHUP)

    def stop(_number: int, _frame: FrameType | None) -> None:
        for signum in watched:
            signal.signal(signum, signal.SIG_IGN)
        raise _Stopped

    before = {signum: signal.signal(signum, stop) for signum in watched}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)
