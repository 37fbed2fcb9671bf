rule inspect_weights:
    """Read off the weights what each head could do, and which heads compose."""
    input:
        model="results/{model}/model/model.json",
        weights="results/{model}/model/weights.safetensors",
        tokenizer="results/{model}/model/checkpoint/tokenizer.json",
        sources=sources("inspect-weights"),
    output:
        heads="results/{model}/weights.csv",
        composition="results/{model}/composition.csv",
        record="results/{model}/weights.run.json",
    log:
        "logs/inspect_weights/{model}.log",
    benchmark:
        "logs/inspect_weights/{model}.tsv"
    threads: 1
    resources:
        mem_mb=model_memory(2),
        runtime=15,
    params:
        folder=subpath(input.model, parent=True),
        seed=lookup(within=config, dpath="statistics/seed"),
        distances=distance_options("weights"),
        rotations=lookup(within=config, dpath="weights/rotations"),
    message:
        "Inspect the weights of {wildcards.model}'s heads"
    shell:
        "head-patching inspect-weights --model-folder {params.folder}"
        " --seed {params.seed} {params.distances} --rotations {params.rotations}"
        " --threads {threads} --out {output.heads}"
        " --out-composition {output.composition} > {log} 2>&1"


rule compare_weights:
    """Compare what the weights say of heads with a task's effects and roles."""
    input:
        weights="results/{model}/weights.csv",
        composition="results/{model}/composition.csv",
        roles="results/{model}/{task}/{corruption}/roles.csv",
        evidence="results/{model}/{task}/{corruption}/evidence.csv",
        sources=sources("compare-weights"),
    output:
        agreement="results/{model}/{task}/{corruption}/weight_agreement.csv",
        record="results/{model}/{task}/{corruption}/weight_agreement.run.json",
        roc="results/{model}/{task}/{corruption}/weight_roc.csv",
        pairs="results/{model}/{task}/{corruption}/weight_pairs.csv",
        edges="results/{model}/{task}/{corruption}/composition_edges.csv",
        published="results/{model}/{task}/{corruption}/published_heads.csv",
    log:
        "logs/compare_weights/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/compare_weights/{model}_{task}_{corruption}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        resamples=lookup(within=config, dpath="statistics/resamples"),
        level=lookup(within=config, dpath="statistics/level"),
        seed=lookup(within=config, dpath="statistics/seed"),
        edge=lookup(within=config, dpath="weights/edge"),
    message:
        "Compare {wildcards.model}'s weights with effects on {wildcards.task}"
    shell:
        "head-patching compare-weights --weights {input.weights}"
        " --composition {input.composition} --roles {input.roles}"
        " --evidence {input.evidence} --model {wildcards.model}"
        " --resamples {params.resamples} --level {params.level} --seed {params.seed}"
        " --edge {params.edge}"
        " --out {output.agreement} --out-roc {output.roc} --out-pairs {output.pairs}"
        " --out-edges {output.edges} --out-published {output.published}"
        " > {log} 2>&1"
