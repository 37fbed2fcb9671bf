rule prepare_model:
    """Fetch a model, fold it and check our forward pass against its own."""
    input:
        sources=sources("prepare-model"),
    output:
        model="results/{model}/model/model.json",
        weights="results/{model}/model/weights.safetensors",
        config="results/{model}/model/checkpoint/config.json",
        checkpoint="results/{model}/model/checkpoint/model.safetensors",
        tokenizer="results/{model}/model/checkpoint/tokenizer.json",
    log:
        "logs/prepare_model/{model}.log",
    benchmark:
        "logs/prepare_model/{model}.tsv"
    threads: LIGHT
    resources:
        mem_mb=4000,
        runtime=10,
    params:
        folder=subpath(output.model, parent=True),
    message:
        "Prepare model {wildcards.model}"
    shell:
        "head-patching prepare-model --model {wildcards.model}"
        " --out {params.folder} --threads {threads} > {log} 2>&1"
