rule summarise_effects:
    """Turn patched logit_diffs into effects with intervals, and mark the important ones."""
    input:
        patched=PATCHED,
        code=code("summarise-effects"),
    output:
        effects=reported("effects"),
        record="results/{model}/{task}/{corruption}/effects.run.json",
    log:
        "logs/summarise_effects/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/summarise_effects/{model}_{task}_{corruption}.tsv"
    params:
        importance=IMPORTANCE,
        statistics=options("statistics", "resamples", "level"),
    shell:
        "head-patching summarise-effects {params.importance} {params.statistics}"
        " --out {output.effects} {input.patched} > {log} 2>&1"


use rule summarise_effects as summarise_positions with:
    input:
        patched=POSITIONS,
        code=code("summarise-effects"),
    output:
        effects="results/{model}/{task}/{corruption}/effects_by_position.csv",
        record="results/{model}/{task}/{corruption}/effects_by_position.run.json",
    log:
        "logs/summarise_positions/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/summarise_positions/{model}_{task}_{corruption}.tsv"


rule estimate_effects:
    """Compare attribution patching with the exact effects: how well it would screen."""
    input:
        model=MODEL,
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        patched=PATCHED,
        code=code("estimate-effects"),
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
    shell:
        "head-patching estimate-effects {params.computing} --threads {threads}"
        " --pairs {input.pairs} --out {output.agreement} {input.patched} > {log} 2>&1"
