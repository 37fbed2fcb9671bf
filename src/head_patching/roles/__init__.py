"""What each head does, decided from measurements.

`evidence`, `copying` and `paths` measure, `criteria` reads the table of thresholds,
`classify` applies it. Paths are traced stage by stage (`stages`, `stage_effects`), with
several `questions` about each head and in `groups`. `retrace` traces again in every
resample, `stability` says how stable the roles are, `validation` how often they are
right on planted models; `published` has the literature's tables, to compare
with (`agreement`, `replication`) and never to decide. `inspection` derives from the
weights alone what heads could do.
"""
