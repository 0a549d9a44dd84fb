"""Loaded with `-p tests.nbval_plugin` where notebooks are compared with their saved outputs."""

import pytest


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Have nbval skip standard error, which is progress; it has no option for it."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)
