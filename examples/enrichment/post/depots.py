"""The client of the service that knows which depot delivers to a postcode."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

import requests


class Depot(NamedTuple):
    """Who delivers, and within how many days."""

    name: str
    days: int


class Depots:
    """Asks the service, once for each postcode: it is slow. An answer counts for as long as the flow runs; a
    failure is not remembered.
    """

    def __init__(self, url: str, session: requests.Session | None = None) -> None:
        self._url = url
        self._session = session or requests.Session()
        self.of = lru_cache(maxsize=10_000)(self._ask)

    @classmethod
    def from_env(cls) -> Depots:
        """At the URL in DEPOTS_URL."""
        return cls(os.environ.get("DEPOTS_URL", "http://localhost:8000"))

    def _ask(self, postcode: str) -> Depot:
        """Raises `ConnectionError` if the service cannot answer now, `LookupError` if it has none."""
        try:
            answer = self._session.get(f"{self._url}/depots/{quote(postcode, safe='')}", timeout=5)
        except requests.RequestException as e:
            raise ConnectionError(f"the service of depots does not answer: {e}") from e
        if answer.status_code >= 500:
            raise ConnectionError(f"the service of depots answers {answer.status_code}")
        if answer.status_code == 404:
            raise LookupError(f"no depot delivers to {postcode}")
        answer.raise_for_status()
        found = answer.json()
        return Depot(found["name"], found["days"])
