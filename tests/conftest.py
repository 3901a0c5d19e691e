"""The servers that tests can ask for; everything else lies beside its users."""

pytest_plugins = ["tests.servers.postgres", "tests.servers.valkey", "tests.servers.kafka"]
