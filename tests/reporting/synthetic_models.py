"""Synthetic results of three models on two tasks, for the real comparison."""

import pandas as pd

from head_patching.roles.model_comparison import Experiment

# model -> layers and heads, logit difference, and the layer of its one name mover.
MODELS = {
    "SmolLM2-135M-Instruct": ((30, 9), 5.1, 24),
    "GPT-2 small": ((12, 12), 3.5, 9),
    "planted": ((8, 8), 1.9, None),
}


def synthetic_experiments() -> list[Experiment]:
    """The first two heads matter in denoising, the first in noising."""
    made = []
    for name, (shape, logit_diff, mover) in MODELS.items():
        for task in ("ioi", "induction"):
            heads = [
                (layer, head) for layer in range(shape[0]) for head in range(shape[1])
            ]
            frame = pd.DataFrame(heads, columns=["layer", "head"])
            effects = pd.concat(
                frame.assign(
                    patch_type="output",
                    direction=direction,
                    effect=[0.5, -0.25] + [0.25 / (len(heads) - 2)] * (len(heads) - 2),
                    important=[1] * count + [0] * (len(heads) - count),
                )
                for direction, count in (("denoising", 2), ("noising", 1))
            )
            roles = frame.assign(role="no role", probability=float("nan"))
            roles.loc[0, "role"] = "undecided"
            if mover is not None and task == "ioi":
                roles.loc[mover * shape[1] + 1, "role"] = "name mover"
            roles.loc[shape[1], ["role", "probability"]] = ["induction", 0.9]
            behaviour = pd.DataFrame(
                [("all", "clean", "logit_diff", logit_diff, 1.0, 6.0, 30)]
                + [("all", "clean", "accuracy", 0.9, 0.8, 1.0, 30)],
                columns=["group", "run", "metric", "mean", "ci_low", "ci_high"]
                + ["n_pairs"],
            )
            made.append(Experiment(name, shape, task, False, behaviour, effects, roles))
    return made
