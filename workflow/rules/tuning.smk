"""What makes Snakemake faster here; nothing depends on it."""

from snakemake.persistence import PersistenceBase

# Snakemake imports pandas to compare parameters, which takes a quarter of the time of a
# plan (0.3 of 1.2 s). No parameter here is a table, so none is compared in another way.
PersistenceBase._serialize_param = property(
    lambda persistence: persistence._serialize_param_builtin
)
