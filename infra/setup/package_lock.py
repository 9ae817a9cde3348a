"""`python -m infra.setup.package_lock`: takes out of every package-lock.json what names hosts; npm installs by version and checksum alone.

npm leaves out where packages come from when .npmrc says so, but not where their authors ask for money.
"""

import json
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
FILES = (_ROOT / "package-lock.json", _ROOT / "infra" / "lighthouse" / "package-lock.json")


def without_hosts(lock: dict[str, object]) -> dict[str, object]:
    """The lock without the addresses of its packages' authors."""
    packages = lock["packages"]
    if not isinstance(packages, dict):
        raise TypeError("package-lock.json has no packages")
    kept = {name: {key: value for key, value in one.items() if key != "funding"} for name, one in packages.items()}
    return {**lock, "packages": kept}


def main() -> None:
    """Rewrite the files."""
    for file in FILES:
        lock = json.loads(file.read_text(encoding="utf-8"))
        file.write_text(json.dumps(without_hosts(lock), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
