rule cache_activations:
    """Store the activations of the clean and the corrupt run of some pairs."""
    input:
        model=MODEL,
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        code=code("cache-activations"),
    output:
        tensors="results/{model}/{task}/{corruption}/cache/{number}.safetensors",
        manifest="results/{model}/{task}/{corruption}/cache/{number}.json",
        record="results/{model}/{task}/{corruption}/cache/{number}.run.json",
    log:
        "logs/cache_activations/{model}_{task}_{corruption}_{number}.log",
    benchmark:
        "logs/cache_activations/{model}_{task}_{corruption}_{number}.tsv"
    resources:
        mem_mb=model_memory(2),
    params:
        computing=COMPUTING,
        pairs=cached_pairs,
    shell:
        "head-patching cache-activations {params.computing} --threads {threads}"
        " --pairs {input.pairs} {params.pairs} --out {output.tensors} > {log} 2>&1"


rule patch_heads:
    """Patch the output of every head in turn and keep the logit_diff of every pair."""
    input:
        model=MODEL,
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        cache=cache,
        code=code("patch"),
    output:
        patched=f"{PATCHING}/{{direction}}_output{SHARD}.nc",
        record=f"{PATCHING}/{{direction}}_output{SHARD}.run.json",
    log:
        f"logs/patch_heads/{{model}}_{{task}}_{{corruption}}_{{direction}}{SHARD}.log",
    benchmark:
        f"logs/patch_heads/{{model}}_{{task}}_{{corruption}}_{{direction}}{SHARD}.tsv"
    # Long jobs start first, here and in other rules; small ones then fill the end.
    priority: 2
    threads: config["threads"]
    resources:
        mem_mb=model_memory(2),
        runtime=30,
    params:
        computing=COMPUTING,
        shard=shard_option,
    shell:
        "head-patching patch {params.computing} --threads {threads} --pairs {input.pairs}"
        " --patch-type output --direction {wildcards.direction} {params.shard}"
        " --out {output.patched} {input.cache} > {log} 2>&1"


rule estimate_effects:
    """Estimate every patch of every head to first order, by two gradients."""
    input:
        model=MODEL,
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        cache=cache,
        code=code("estimate-effects"),
    output:
        estimates="results/{model}/{task}/{corruption}/estimates.nc",
        record="results/{model}/{task}/{corruption}/estimates.run.json",
    log:
        "logs/estimate_effects/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/estimate_effects/{model}_{task}_{corruption}.tsv"
    priority: 2
    threads: config["threads"]
    resources:
        mem_mb=model_memory(2),
        runtime=20,
    params:
        computing=COMPUTING,
    shell:
        "head-patching estimate-effects {params.computing} --threads {threads}"
        " --pairs {input.pairs} --out {output.estimates} {input.cache} > {log} 2>&1"


rule choose_heads:
    """Choose heads by the effects of their outputs, by estimates, and at random."""
    input:
        patched=OUTPUTS,
        estimates="results/{model}/{task}/{corruption}/estimates.nc",
        code=code("choose-heads"),
    output:
        chosen="results/{model}/{task}/{corruption}/chosen_heads.csv",
        record="results/{model}/{task}/{corruption}/chosen_heads.run.json",
    log:
        "logs/choose_heads/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/choose_heads/{model}_{task}_{corruption}.tsv"
    priority: 2
    params:
        importance=IMPORTANCE,
        choice=options(
            "chosen_heads", "share_of_threshold", "random", random_seed="seed"
        ),
    shell:
        "head-patching choose-heads --estimates {input.estimates} {params.importance}"
        " {params.choice} --out {output.chosen} {input.patched} > {log} 2>&1"


rule patch_chosen_heads:
    """Patch what the chosen heads are made of, in both directions."""
    input:
        model=MODEL,
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        cache=cache,
        chosen="results/{model}/{task}/{corruption}/chosen_heads.csv",
        estimates="results/{model}/{task}/{corruption}/estimates.nc",
        code=code("patch"),
    output:
        patched=in_directions(f"{PATCHING}/{{direction}}_{{within}}{SHARD}.nc"),
        record=in_directions(f"{PATCHING}/{{direction}}_{{within}}{SHARD}.run.json"),
    log:
        f"logs/patch_chosen_heads/{{model}}_{{task}}_{{corruption}}_{{within}}{SHARD}.log",
    benchmark:
        f"logs/patch_chosen_heads/{{model}}_{{task}}_{{corruption}}_{{within}}{SHARD}.tsv"
    priority: 2
    threads: config["threads"]
    resources:
        mem_mb=model_memory(2),
        runtime=30,
    params:
        computing=COMPUTING,
        what="--patch-type {within}",
        shard=shard_option,
        files=lambda wildcards, output: patched_options(output.patched),
    shell:
        "head-patching patch {params.computing} --threads {threads} --pairs {input.pairs}"
        " {params.what} --chosen-heads {input.chosen} --estimates {input.estimates}"
        " {params.shard} {params.files} {input.cache} > {log} 2>&1"


use rule patch_chosen_heads as patch_positions with:
    output:
        patched=in_directions(f"{POSITIONED}/{{direction}}_output{SHARD}.nc"),
        record=in_directions(f"{POSITIONED}/{{direction}}_output{SHARD}.run.json"),
    log:
        f"logs/patch_positions/{{model}}_{{task}}_{{corruption}}{SHARD}.log",
    benchmark:
        f"logs/patch_positions/{{model}}_{{task}}_{{corruption}}{SHARD}.tsv"
    params:
        computing=COMPUTING,
        what=output_at_positions,
        shard=shard_option,
        files=lambda wildcards, output: patched_options(output.patched),


rule check_patching:
    """Compare the engine with TransformerLens's own patching on a sample of heads."""
    input:
        model=MODEL,
        checkpoint=CHECKPOINT,
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        patched=PATCHED + POSITIONS,
        code=code("check-patching"),
    output:
        heads="results/{model}/{task}/{corruption}/self_check.csv",
        summary="results/{model}/{task}/{corruption}/self_check.json",
        record="results/{model}/{task}/{corruption}/self_check.run.json",
    log:
        "logs/check_patching/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/check_patching/{model}_{task}_{corruption}.tsv"
    priority: 1
    resources:
        mem_mb=model_memory(4),
        runtime=20,
    params:
        sample=options("self_check", "tolerance", "seed", sample_heads="heads"),
    shell:
        "head-patching check-patching --model-folder results/{wildcards.model}/model"
        " --threads {threads} --pairs {input.pairs} {params.sample}"
        " --out {output.heads} --summary {output.summary} {input.patched} > {log} 2>&1"
