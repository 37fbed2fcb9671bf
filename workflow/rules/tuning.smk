"""Makes Snakemake faster; no result depends on it."""

from snakemake.persistence import PersistenceBase

# To compare parameters, Snakemake imports pandas: 0.3 of the 1.5 s of a dry run. Here no
# parameter is a table, so all are compared as they would be with pandas.
PersistenceBase._serialize_param = property(
    lambda persistence: persistence._serialize_param_builtin
)
