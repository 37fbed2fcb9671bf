rule gather_shards:
    """Put the shards of a patched run together, unchanged, as the run not cut."""
    input:
        shards=patched_shards,
        sources=sources("gather-shards"),
    output:
        patched="results/{model}/{task}/{corruption}/{patched}/{direction}_{patch_type}.nc",
        record="results/{model}/{task}/{corruption}/{patched}/{direction}_{patch_type}.run.json",
    log:
        "logs/gather_shards/{model}_{task}_{corruption}_{patched}_{direction}_{patch_type}.log",
    benchmark:
        "logs/gather_shards/{model}_{task}_{corruption}_{patched}_{direction}_{patch_type}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    message:
        "Gather the shards of {wildcards.patched}/{wildcards.direction}_{wildcards.patch_type}"
    shell:
        "head-patching gather-shards --out {output.patched} {input.shards} > {log} 2>&1"
