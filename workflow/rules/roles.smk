rule measure_evidence:
    """Measure attention, direct effects and weights of every head."""
    input:
        model="results/{model}/model/model.json",
        weights="results/{model}/model/weights.safetensors",
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        effects="results/{model}/{task}/{corruption}/effects.csv",
        cache=cache,
        sources=sources("measure-evidence"),
    output:
        evidence="results/{model}/{task}/{corruption}/evidence.csv",
        record="results/{model}/{task}/{corruption}/evidence.run.json",
    log:
        "logs/measure_evidence/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/measure_evidence/{model}_{task}_{corruption}.tsv"
    threads: LIGHT
    resources:
        mem_mb=6000,
        runtime=10,
    params:
        folder=subpath(input.model, parent=True),
        resamples=lookup(within=config, dpath="statistics/resamples"),
        level=lookup(within=config, dpath="statistics/level"),
        seed=lookup(within=config, dpath="statistics/seed"),
    message:
        "Measure evidence about {wildcards.model}'s heads on {wildcards.task}"
    shell:
        "head-patching measure-evidence --model-folder {params.folder}"
        " --pairs {input.pairs} --effects {input.effects}"
        " --resamples {params.resamples} --level {params.level} --seed {params.seed}"
        " --threads {threads} --out {output.evidence} {input.cache} > {log} 2>&1"


rule classify_roles:
    """Give each head the roles whose criteria it meets."""
    input:
        evidence="results/{model}/{task}/{corruption}/evidence.csv",
        effects="results/{model}/{task}/{corruption}/effects.csv",
        criteria="config/roles.yaml",
        sources=sources("classify-roles"),
    output:
        roles="results/{model}/{task}/{corruption}/roles.csv",
        criteria="results/{model}/{task}/{corruption}/role_criteria.csv",
        record="results/{model}/{task}/{corruption}/roles.run.json",
    log:
        "logs/classify_roles/{model}_{task}_{corruption}.log",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    message:
        "Classify {wildcards.model}'s heads on {wildcards.task}"
    shell:
        "head-patching classify-roles --evidence {input.evidence}"
        " --effects {input.effects} --criteria {input.criteria}"
        " --out {output.roles} --out-criteria {output.criteria} > {log} 2>&1"
