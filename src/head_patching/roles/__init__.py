"""What each head does, decided from measurements.

`evidence`, `weights` and `paths` measure, `criteria` reads the table of thresholds,
`classify` applies it, `stability` asks how surely, `validation` how often it is right
on planted models; `published` holds the literature's tables for comparison only.
`inspection` reads off the weights what heads could do, whatever the task.
"""
