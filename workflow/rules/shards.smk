rule gather_shards:
    """Join the parts of a patched run, without changing a value."""
    input:
        shards=patched_shards,
        code=code("gather-shards"),
    output:
        patched="results/{model}/{task}/{corruption}/{patched}/{direction}_{patch_type}.nc",
        record="results/{model}/{task}/{corruption}/{patched}/{direction}_{patch_type}.run.json",
    log:
        "logs/gather_shards/{model}_{task}_{corruption}_{patched}_{direction}_{patch_type}.log",
    benchmark:
        "logs/gather_shards/{model}_{task}_{corruption}_{patched}_{direction}_{patch_type}.tsv"
    shell:
        "head-patching gather-shards --out {output.patched} {input.shards} > {log} 2>&1"
