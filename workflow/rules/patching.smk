rule cache_activations:
    """Store what later rules read of the clean and the corrupt run of some pairs."""
    input:
        model="results/{model}/model/model.json",
        weights="results/{model}/model/weights.safetensors",
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        sources=sources("cache-activations"),
    output:
        tensors="results/{model}/{task}/{corruption}/cache/{number}.safetensors",
        manifest="results/{model}/{task}/{corruption}/cache/{number}.json",
    log:
        "logs/cache_activations/{model}_{task}_{corruption}_{number}.log",
    benchmark:
        "logs/cache_activations/{model}_{task}_{corruption}_{number}.tsv"
    threads: 1
    resources:
        mem_mb=model_memory(2),
        runtime=10,
    params:
        computing=COMPUTING,
        folder=subpath(input.model, parent=True),
        first=first_pair,
        n_pairs=lookup(within=config, dpath="pairs_per_file"),
    message:
        "Cache activations of {wildcards.model} on {wildcards.task}, from pair {params.first}"
    shell:
        "head-patching cache-activations --model-folder {params.folder}"
        " --pairs {input.pairs} --first {params.first} --count {params.n_pairs}"
        " {params.computing} --threads {threads} --out {output.tensors} > {log} 2>&1"


rule patch_heads:
    """Patch every head in turn and keep the logit_diff of every pair."""
    input:
        model="results/{model}/model/model.json",
        weights="results/{model}/model/weights.safetensors",
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        cache=cache,
        sources=sources("patch"),
    output:
        patched=f"results/{{model}}/{{task}}/{{corruption}}/patching/{RUN}.nc",
        record=f"results/{{model}}/{{task}}/{{corruption}}/patching/{RUN}.run.json",
    log:
        f"logs/patch_heads/{{model}}_{{task}}_{{corruption}}_{RUN}.log",
    benchmark:
        f"logs/patch_heads/{{model}}_{{task}}_{{corruption}}_{RUN}.tsv"
    # What takes long begins first, here and in other rules: small jobs fill the end.
    priority: 2
    threads: config["threads"]
    resources:
        mem_mb=model_memory(2),
        runtime=30,
    params:
        computing=COMPUTING,
        folder=subpath(input.model, parent=True),
        positions="",
        share=share_option,
        shard=shard_option,
    message:
        "Patch {wildcards.patch_type} of every head, {wildcards.direction}"
    shell:
        "head-patching patch --model-folder {params.folder} --pairs {input.pairs}"
        " --patch-type {wildcards.patch_type} --direction {wildcards.direction}"
        " {params.positions} {params.share} {params.shard}"
        " {params.computing} --threads {threads} --out {output.patched} {input.cache} > {log} 2>&1"


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
        folder=subpath(input.model, parent=True),
        positions=position_options,
        share=share_option,
        shard=shard_option,
    message:
        "Patch {wildcards.patch_type} at named positions, {wildcards.direction}"


rule check_patching:
    """Compare the engine with TransformerLens's own patching on a sample of heads."""
    input:
        model="results/{model}/model/model.json",
        weights="results/{model}/model/weights.safetensors",
        checkpoint="results/{model}/model/checkpoint/config.json",
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        patched=PATCHED + POSITIONS,
        sources=sources("check-patching"),
    output:
        heads="results/{model}/{task}/{corruption}/self_check.csv",
        summary="results/{model}/{task}/{corruption}/self_check.json",
        record="results/{model}/{task}/{corruption}/self_check.run.json",
    log:
        "logs/check_patching/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/check_patching/{model}_{task}_{corruption}.tsv"
    priority: 1
    threads: 1
    resources:
        mem_mb=model_memory(4),
        runtime=20,
    params:
        folder=subpath(input.model, parent=True),
        heads=lookup(within=config, dpath="self_check/heads"),
        tolerance=lookup(within=config, dpath="self_check/tolerance"),
        seed=lookup(within=config, dpath="self_check/seed"),
    message:
        "Check patching of {params.heads} heads against TransformerLens"
    shell:
        "head-patching check-patching --model-folder {params.folder}"
        " --pairs {input.pairs} --sample-heads {params.heads}"
        " --tolerance {params.tolerance} --seed {params.seed} --threads {threads}"
        " --out {output.heads} --summary {output.summary}"
        " {input.patched} > {log} 2>&1"


rule estimate_effects:
    """Attribution patching beside the exact effects: how good a screen it would be."""
    input:
        model="results/{model}/model/model.json",
        weights="results/{model}/model/weights.safetensors",
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        patched=PATCHED,
        sources=sources("estimate-effects"),
    output:
        agreement="results/{model}/{task}/{corruption}/attribution.csv",
        record="results/{model}/{task}/{corruption}/attribution.run.json",
    log:
        "logs/estimate_effects/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/estimate_effects/{model}_{task}_{corruption}.tsv"
    priority: 1
    threads: config["threads"]
    resources:
        mem_mb=model_memory(2),
        runtime=20,
    params:
        computing=COMPUTING,
        folder=subpath(input.model, parent=True),
    message:
        "Estimate effects of {wildcards.model}'s heads by one gradient"
    shell:
        "head-patching estimate-effects --model-folder {params.folder}"
        " --pairs {input.pairs} {params.computing} --threads {threads} --out {output.agreement}"
        " {input.patched} > {log} 2>&1"


rule summarise_effects:
    """Turn patched logit_diffs into effects with intervals, and say which matter."""
    input:
        patched=PATCHED,
        sources=sources("summarise-effects"),
    output:
        effects=report(
            "results/{model}/{task}/{corruption}/effects.csv",
            caption="../report/effects.rst",
            category="Results",
            labels={"model": "{model}", "task": "{task}", "table": "effects"},
        ),
        record="results/{model}/{task}/{corruption}/effects.run.json",
    log:
        "logs/summarise_effects/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/summarise_effects/{model}_{task}_{corruption}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        threshold=lookup(within=config, dpath="importance/threshold"),
        rate=lookup(within=config, dpath="importance/false_discovery_rate"),
        resamples=lookup(within=config, dpath="statistics/resamples"),
        sign_flips=lookup(within=config, dpath="statistics/sign_flips"),
        level=lookup(within=config, dpath="statistics/level"),
        seed=lookup(within=config, dpath="statistics/seed"),
    message:
        "Summarise effects of {wildcards.model}'s heads on {wildcards.task}"
    shell:
        "head-patching summarise-effects --threshold {params.threshold}"
        " --false-discovery-rate {params.rate} --resamples {params.resamples}"
        " --sign-flips {params.sign_flips}"
        " --level {params.level} --seed {params.seed}"
        " --out {output.effects} {input.patched} > {log} 2>&1"


use rule summarise_effects as summarise_positions with:
    input:
        patched=expand(
            "results/{{model}}/{{task}}/{{corruption}}/positions/{direction}_output.nc",
            direction=config["directions"],
        ),
        sources=sources("summarise-effects"),
    output:
        effects="results/{model}/{task}/{corruption}/effects_by_position.csv",
        record="results/{model}/{task}/{corruption}/effects_by_position.run.json",
    log:
        "logs/summarise_positions/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/summarise_positions/{model}_{task}_{corruption}.tsv"
    message:
        "Summarise effects by position on {wildcards.task}"
