rule prepare_model:
    """Fetch a model, fold it and check our forward pass against its own."""
    input:
        files=model_files,
        code=code("prepare-model"),
    output:
        model=MODEL,
        checkpoint=CHECKPOINT,
        record="results/{model}/model/model.run.json",
    log:
        "logs/prepare_model/{model}.log",
    benchmark:
        "logs/prepare_model/{model}.tsv"
    resources:
        mem_mb=4000,
    params:
        name=model_name,
    shell:
        "head-patching prepare-model --model {params.name:q} --threads {threads}"
        " --out results/{wildcards.model}/model > {log} 2>&1"


rule measure_repetition:
    """Measure how well a model repeats random tokens, before any head is patched."""
    input:
        model=MODEL,
        code=code("measure-repetition"),
    output:
        repetition="results/{model}/repetition.csv",
        record="results/{model}/repetition.run.json",
    log:
        "logs/measure_repetition/{model}.log",
    benchmark:
        "logs/measure_repetition/{model}.tsv"
    resources:
        mem_mb=model_memory(2),
    params:
        computing=COMPUTING,
        sequences=options("repetition", "distances", "copies", "sequences"),
        bootstrap=BOOTSTRAP,
    shell:
        "head-patching measure-repetition {params.computing} --threads {threads}"
        " {params.sequences} {params.bootstrap} --out {output.repetition} > {log} 2>&1"
