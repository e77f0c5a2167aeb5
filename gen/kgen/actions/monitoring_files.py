"""`kgen metrics`: the files that watch flows from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..errors import ConfigError
from ..monitoring.alert_rules import ALERTS, alert_rules
from ..monitoring.dashboard import dashboard, queries
from .whole_file import target_file, write_file

DASHBOARD: Final = "kgen-dashboard.json"
RULES: Final = "kgen-alerts.yml"
_WHERE: Final = "kgen metrics"


def write_monitoring(folder: Path, *, force: bool = False) -> dict[str, str]:
    """Write both files into a folder, which is created if it is absent. Each file's name, and what is in it.

    Raises `ConfigError` if one is there with another content, unless forced, and if one cannot be written.
    """
    texts = {DASHBOARD: dashboard(), RULES: alert_rules()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        targets = {name: target_file(folder / name, _WHERE, "monitoring") for name in texts}
        edited = [
            name for name, target in targets.items() if target.exists() and _differs(target, texts[name])
        ]
    except OSError as error:
        raise ConfigError(
            f"{folder} cannot be used: {error.strerror}",
            where=_WHERE,
            hint="Name a folder that you may write to.",
        ) from error
    if edited and not force:
        raise ConfigError(
            f"{folder / edited[0]} was edited, or is of another version of kgen",
            where=_WHERE,
            hint="--force replaces it; another folder leaves it as it is.",
        )
    for name, target in targets.items():
        write_file(target, texts[name].encode(), _WHERE)
    return {
        DASHBOARD: f"a Grafana dashboard with {len(queries())} queries",
        RULES: f"{len(ALERTS)} Prometheus alert rules",
    }


def _differs(file: Path, text: str) -> bool:
    return file.read_bytes() != text.encode()
