"""A PostgreSQL server for the tests: one for each run, on a socket in a directory of its own."""

import atexit
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time

_started = None


def _programs():
    """The newest server that is installed."""
    found = glob.glob("/usr/lib/postgresql/*/bin/postgres") + glob.glob("/opt/homebrew/opt/postgresql*/bin/postgres")
    there = max(found) if found else shutil.which("postgres")
    return os.path.dirname(os.path.realpath(there)) if there else None


class Server:
    """The directory of its socket, and what connects to it."""

    def __init__(self, programs):
        self.directory = tempfile.mkdtemp(prefix="interlock-pg-")
        # The server refuses to run as root.
        self._as = []
        if os.geteuid() == 0:
            user = "postgres" if _exists("postgres") else "nobody"
            shutil.chown(self.directory, user)
            self._as = ["setpriv", f"--reuid={user}", f"--regid={_group(user)}", "--clear-groups"]
        data = os.path.join(self.directory, "data")
        self._run(os.path.join(programs, "initdb"), "-D", data, "-U", "tests", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")
        with open(os.path.join(data, "postgresql.conf"), "a") as conf:
            conf.write(
                f"listen_addresses=''\nunix_socket_directories='{self.directory}'\nfsync=off\n"
                "shared_buffers=32MB\nautovacuum=off\nmax_connections=40\nlog_min_messages=fatal\n"
                "max_prepared_transactions=2\n"
            )
        self._process = subprocess.Popen(
            [*self._as, os.path.join(programs, "postgres"), "-D", data],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 120
        while not self._ready(os.path.join(data, "postmaster.pid")):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL does not start")
            time.sleep(0.02)

    @staticmethod
    def _ready(path):
        try:
            with open(path) as file:
                return file.read().split()[-1:] == ["ready"]
        except FileNotFoundError:
            return False

    def _run(self, *command):
        done = subprocess.run([*self._as, *command], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)

    def stop(self):
        # Whoever is connected still is not waited for.
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def dsn(self):
        return f"host={self.directory} user=tests dbname=postgres"


def _exists(user):
    import pwd

    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def _group(user):
    import grp
    import pwd

    return grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name


def server():
    """The server of this run; `None`, and said so, where none is installed."""
    global _started
    if _started is None:
        programs = _programs()
        if programs is None:
            print("PostgreSQL is not installed: nothing of it is tested")
            return None
        _started = Server(programs)
        atexit.register(_started.stop)
    return _started
