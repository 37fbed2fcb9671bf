"""How far a build is: what Snakemake reports, as one block or as plain lines."""
