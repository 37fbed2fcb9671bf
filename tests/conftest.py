"""Settings of all tests."""

from hypothesis import settings

# A machine that is busy with other work is slow, not wrong.
settings.register_profile("busy", deadline=None)
settings.load_profile("busy")
