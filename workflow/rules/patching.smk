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
    """Patch every head in turn and keep the logit_diff of every pair."""
    input:
        model=MODEL,
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        cache=cache,
        code=code("patch"),
    output:
        patched=f"results/{{model}}/{{task}}/{{corruption}}/patching/{RUN}.nc",
        record=f"results/{{model}}/{{task}}/{{corruption}}/patching/{RUN}.run.json",
    log:
        f"logs/patch_heads/{{model}}_{{task}}_{{corruption}}_{RUN}.log",
    benchmark:
        f"logs/patch_heads/{{model}}_{{task}}_{{corruption}}_{RUN}.tsv"
    # Long jobs start first, here and in other rules; small ones then fill the end.
    priority: 2
    threads: config["threads"]
    resources:
        mem_mb=model_memory(2),
        runtime=30,
    params:
        computing=COMPUTING,
        positions="",
        n_pairs=pairs_option,
        shard=shard_option,
    shell:
        "head-patching patch {params.computing} --threads {threads} --pairs {input.pairs}"
        " --patch-type {wildcards.patch_type} --direction {wildcards.direction}"
        " {params.positions} {params.n_pairs} {params.shard}"
        " --out {output.patched} {input.cache} > {log} 2>&1"


use rule patch_heads as patch_positions with:
    output:
        patched=f"results/{{model}}/{{task}}/{{corruption}}/positions/{RUN}.nc",
        record=f"results/{{model}}/{{task}}/{{corruption}}/positions/{RUN}.run.json",
    log:
        f"logs/patch_positions/{{model}}_{{task}}_{{corruption}}_{RUN}.log",
    benchmark:
        f"logs/patch_positions/{{model}}_{{task}}_{{corruption}}_{RUN}.tsv"
    params:
        computing=COMPUTING,
        positions=options("tasks/{task}", "positions"),
        n_pairs=pairs_option,
        shard=shard_option,


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
