"""Makes plans faster; no result depends on it.

Together they take a third off `snakemake -n` of a finished build: 1.2 s in place of 1.8.
"""

import gc

from snakemake.persistence import PersistenceBase

# Of the million objects of Snakemake's modules and of a plan hardly any is garbage.
gc.freeze()
gc.set_threshold(100_000)

# To compare parameters, Snakemake imports pandas. Here no parameter is a table, so all are
# compared as they would be with pandas.
PersistenceBase._serialize_param = property(
    lambda persistence: persistence._serialize_param_builtin
)
