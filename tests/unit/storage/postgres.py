"""A real PostgreSQL for tests: one server per test process, one database per test."""

import pytest


def postgres_url() -> str:
    pytest.skip("postgres comes next")
