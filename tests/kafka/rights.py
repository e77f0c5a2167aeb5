"""A broker with access control, where the user ada may do what she is given."""

from __future__ import annotations

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from tests.kafka.clients import admin

GUARDED = {
    "listener.security.protocol.map": "PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXY:SASL_PLAINTEXT",
    "listener.name.proxy.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.proxy.plain.sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule "
    'required user_ada="pw";',
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:ANONYMOUS",  # the tests themselves, who come by the plain listener
}
"""Settings of the broker."""
ADA = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "ada",
    "sasl.password": "pw",
}
"""Options of her clients, which come through the proxy."""


def allow(bootstrap: str, kind: str, name: str, right: str, *, prefix: bool = False) -> None:
    """Give ada a right."""
    pattern = ResourcePatternType.PREFIXED if prefix else ResourcePatternType.LITERAL
    who = ("User:ada", "*", AclOperation[right], AclPermissionType.ALLOW)
    binding = AclBinding(ResourceType[kind], name, pattern, *who)
    client = admin(bootstrap)
    client.create_acls([binding])[binding].result(30)
