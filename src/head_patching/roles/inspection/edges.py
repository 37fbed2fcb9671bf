"""The pairs of heads that compose: those with exceptional scores.

Almost every pair of heads in a trained model composes more or less than random matrices
would, because all heads use the model's main directions; and among random matrices some
pair is always the highest. A pair is an edge of the graph if its score is exceptional
in two comparisons: with its own matrices, randomly rotated, and with the other pairs of
the model.
"""

import numpy as np
import pandas as pd

from head_patching.roles.criteria import robust_z

PAIR = ["layer", "head", "later_layer", "later_head"]

# Standard deviations: the highest of some thousand random pairs reaches 4.
THRESHOLD = 6.0


def edges(composition: pd.DataFrame, threshold: float = THRESHOLD) -> pd.DataFrame:
    """The rows of `composition.csv` that are edges, with a column `z`, highest first.

    z is the smaller of two distances, in standard deviations: of the value from its
    baseline, and of value / baseline from the median over all pairs of the same kind
    (robust: 1.4826 x the median absolute deviation).
    """
    ratio = composition["value"] / composition["baseline"]
    of_kind = ratio.groupby(composition["kind"]).transform(
        lambda ratios: robust_z(ratios.to_numpy())[0]
    )
    own = (composition["value"] - composition["baseline"]) / composition["baseline_sd"]
    z = np.minimum(own, of_kind)
    found = composition.assign(z=z)[z >= threshold]
    return found.sort_values(["z", *PAIR], ascending=[False] + [True] * len(PAIR))
