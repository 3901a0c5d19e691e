"""The servers that tests can ask for; everything else lies beside its users."""

pytest_plugins = [
    "tests.servers.kafka",
    "tests.servers.postgres",
    "tests.servers.qdrant",
    "tests.servers.valkey",
]
