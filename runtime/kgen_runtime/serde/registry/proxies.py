"""The proxy that a request goes through, as the environment has it."""

from __future__ import annotations

from requests.utils import get_environ_proxies, select_proxy

from .url import Url, shown


def proxy_of(url: Url) -> str:
    """The proxy that a request goes through, as it may be shown; empty where it goes straight."""
    text = str(url)
    proxy = select_proxy(text, get_environ_proxies(text))
    return shown(proxy) if proxy else ""
