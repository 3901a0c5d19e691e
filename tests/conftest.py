"""The servers that tests can ask for, and their turns; everything else lies beside its users."""

pytest_plugins = [
    "tests.alone",
    "tests.servers.kafka",
    "tests.servers.postgres",
    "tests.servers.postgres_tls",
    "tests.servers.qdrant",
    "tests.servers.valkey",
]
