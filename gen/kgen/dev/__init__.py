"""`kgen dev`: a local Kafka-compatible broker and a small schema registry, for examples, tests, a first hour.

    with kgen.dev.up() as dev:
        ...  # dev.brokers, dev.registry

Both are in memory, on loopback, and gone afterwards.
"""

from __future__ import annotations

from .broker import Broker, BrokerError
from .broker_and_registry import Dev, serve, up
from .registry_server import RegistryServer

__all__ = ["Broker", "BrokerError", "Dev", "RegistryServer", "serve", "up"]
