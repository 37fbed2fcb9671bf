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
    threads: LIGHT
    resources:
        mem_mb=4000,
        runtime=10,
    params:
        folder=subpath(input.model, parent=True),
        seed=lookup(within=config, dpath="statistics/seed"),
    message:
        "Inspect the weights of {wildcards.model}'s heads"
    shell:
        "head-patching inspect-weights --model-folder {params.folder}"
        " --seed {params.seed} --threads {threads} --out {output.heads}"
        " --out-composition {output.composition} > {log} 2>&1"
