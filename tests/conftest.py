"""House rules of every test run."""

from hypothesis import settings

settings.register_profile("default", max_examples=500, deadline=None, derandomize=False)
settings.register_profile("nightly", parent=settings.get_profile("default"), max_examples=10_000)
settings.load_profile("default")
