rule inspect_weights:
    """Inspect the weights: what each head could do, and which heads compose."""
    input:
        model=MODEL,
        tokenizer="results/{model}/model/checkpoint/tokenizer.json",
        code=code("inspect-weights"),
    output:
        heads="results/{model}/weights.csv",
        composition="results/{model}/composition.csv",
        record="results/{model}/weights.run.json",
    log:
        "logs/inspect_weights/{model}.log",
    benchmark:
        "logs/inspect_weights/{model}.tsv"
    resources:
        mem_mb=model_memory(2),
        runtime=15,
    params:
        composition=options("weights", "distances", "rotations"),
        seed=options("statistics", "seed"),
    shell:
        "head-patching inspect-weights --model-folder results/{wildcards.model}/model"
        " --threads {threads} {params.composition} {params.seed}"
        " --out {output.heads} --out-composition {output.composition} > {log} 2>&1"


rule compare_weights:
    """Compare heads by their weights with a task's effects and roles."""
    input:
        weights="results/{model}/weights.csv",
        composition="results/{model}/composition.csv",
        roles="results/{model}/{task}/{corruption}/roles.csv",
        evidence="results/{model}/{task}/{corruption}/evidence.csv",
        code=code("compare-weights"),
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
    params:
        bootstrap=BOOTSTRAP,
        edge=options("weights", "edge"),
    shell:
        "head-patching compare-weights --model {wildcards.model} --weights {input.weights}"
        " --composition {input.composition} --roles {input.roles}"
        " --evidence {input.evidence} {params.bootstrap} {params.edge}"
        " --out {output.agreement} --out-roc {output.roc} --out-pairs {output.pairs}"
        " --out-edges {output.edges} --out-published {output.published} > {log} 2>&1"
