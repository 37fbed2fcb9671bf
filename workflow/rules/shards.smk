rule gather_shards:
    """Join the parts of a run in which outputs are patched, without changing a value."""
    input:
        shards=shards_of(f"{PATCHING}/{{direction}}_output"),
        code=code("gather-shards"),
    output:
        patched=f"{PATCHING}/{{direction}}_output.nc",
        record=f"{PATCHING}/{{direction}}_output.run.json",
    log:
        "logs/gather_shards/{model}_{task}_{corruption}_{direction}.log",
    benchmark:
        "logs/gather_shards/{model}_{task}_{corruption}_{direction}.tsv"
    shell:
        "head-patching gather-shards --out {output.patched} {input.shards} > {log} 2>&1"


# Rules of their own, since heads are chosen by what the first has joined: one group of
# jobs could not have both.
use rule gather_shards as gather_chosen_shards with:
    input:
        shards=shards_of(f"{PATCHING}/{{direction}}_{{within}}"),
        code=code("gather-shards"),
    output:
        patched=f"{PATCHING}/{{direction}}_{{within}}.nc",
        record=f"{PATCHING}/{{direction}}_{{within}}.run.json",
    log:
        "logs/gather_chosen_shards/{model}_{task}_{corruption}_{direction}_{within}.log",
    benchmark:
        "logs/gather_chosen_shards/{model}_{task}_{corruption}_{direction}_{within}.tsv"


use rule gather_shards as gather_position_shards with:
    input:
        shards=shards_of(f"{POSITIONED}/{{direction}}_output"),
        code=code("gather-shards"),
    output:
        patched=f"{POSITIONED}/{{direction}}_output.nc",
        record=f"{POSITIONED}/{{direction}}_output.run.json",
    log:
        "logs/gather_position_shards/{model}_{task}_{corruption}_{direction}.log",
    benchmark:
        "logs/gather_position_shards/{model}_{task}_{corruption}_{direction}.tsv"
