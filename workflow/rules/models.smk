rule prepare_model:
    """Fetch a model, fold it and check our forward pass against its own."""
    input:
        files=model_files,
        sources=sources("prepare-model"),
    output:
        model="results/{model}/model/model.json",
        weights="results/{model}/model/weights.safetensors",
        config="results/{model}/model/checkpoint/config.json",
        tokenizer="results/{model}/model/checkpoint/tokenizer.json",
    log:
        "logs/prepare_model/{model}.log",
    benchmark:
        "logs/prepare_model/{model}.tsv"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=10,
    params:
        folder=subpath(output.model, parent=True),
        name=model_name,
    message:
        "Prepare model {wildcards.model}"
    shell:
        "head-patching prepare-model --model {params.name:q}"
        " --out {params.folder} --threads {threads} > {log} 2>&1"


rule measure_repetition:
    """Measure how well a model repeats random tokens, before any head is looked at."""
    input:
        model="results/{model}/model/model.json",
        weights="results/{model}/model/weights.safetensors",
        sources=sources("measure-repetition"),
    output:
        repetition="results/{model}/repetition.csv",
        record="results/{model}/repetition.run.json",
    log:
        "logs/measure_repetition/{model}.log",
    benchmark:
        "logs/measure_repetition/{model}.tsv"
    threads: 1
    resources:
        mem_mb=model_memory(2),
        runtime=10,
    params:
        computing=COMPUTING,
        folder=subpath(input.model, parent=True),
        distances=distance_options("repetition"),
        copies=lookup(within=config, dpath="repetition/copies"),
        sequences=lookup(within=config, dpath="repetition/sequences"),
        resamples=lookup(within=config, dpath="statistics/resamples"),
        level=lookup(within=config, dpath="statistics/level"),
        seed=lookup(within=config, dpath="statistics/seed"),
    message:
        "Measure how well {wildcards.model} repeats random tokens"
    shell:
        "head-patching measure-repetition --model-folder {params.folder}"
        " {params.distances} --copies {params.copies} --sequences {params.sequences}"
        " --resamples {params.resamples} --level {params.level} --seed {params.seed}"
        " {params.computing} --threads {threads} --out {output.repetition} > {log} 2>&1"
