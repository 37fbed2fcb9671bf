from tests.architectures import prepared  # noqa: F401
