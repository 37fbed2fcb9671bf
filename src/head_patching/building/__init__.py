"""What Snakemake and the deposit need: config, code, lock, typesetting, archive."""
