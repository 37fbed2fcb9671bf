"""The device a model computes on, and its precision."""

import torch

# Half precision is left out: its rounding is larger than important effects.
DTYPES = {"float32": torch.float32, "float64": torch.float64}

# Messages suggest no nearest name: for "gpu" it would be "cpu".
DEVICES = ("cpu", "cuda", "mps")


def find_device(name: str) -> str:
    """The device of that name; for `auto`, a GPU if there is one.

    Raises
    ------
    ValueError
        When the name is unknown or this machine has no such device.
    """
    if name not in ("auto", *DEVICES):
        raise ValueError(
            f"unknown device {name!r}: allowed: auto, {', '.join(DEVICES)}"
        )
    available = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        return next((each for each in ("cuda", "mps") if available[each]), "cpu")
    if not available[name]:
        here = ", ".join(each for each in DEVICES if available[each])
        raise ValueError(
            f"device {name!r} is not available to PyTorch {torch.__version__} on this "
            f"machine: available here: {here}"
        )
    return name


def find_dtype(name: str) -> torch.dtype:
    """The floating-point type of that name.

    Raises
    ------
    ValueError
        When the name is unknown.
    """
    if name not in DTYPES:
        raise ValueError(f"unknown dtype {name!r}: allowed: {', '.join(DTYPES)}")
    return DTYPES[name]
