rule make_pairs:
    """Write the prompt pairs of a task in the tokens of a model."""
    input:
        tokenizer="results/{model}/model/checkpoint/tokenizer.json",
        model="results/{model}/model/model.json",
        sources=task_sources("make-pairs"),
    output:
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        record="results/{model}/{task}/{corruption}/pairs.run.json",
    log:
        "logs/make_pairs/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/make_pairs/{model}_{task}_{corruption}.tsv"
    wildcard_constraints:
        corruption=r"[a-z0-9_]+",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        folder=subpath(input.model, parent=True),
        n_pairs=lookup(within=config, dpath="tasks/{task}/n_pairs"),
        seed=lookup(within=config, dpath="tasks/{task}/seed"),
        prepend_bos=lookup(within=config, dpath="tasks/{task}/prepend_bos"),
    message:
        "Make {params.n_pairs} prompt pairs for {wildcards.task}, {wildcards.corruption}"
    shell:
        "head-patching make-pairs --model-folder {params.folder}"
        " --task {wildcards.task} --corruption {wildcards.corruption}"
        " --n-pairs {params.n_pairs} --seed {params.seed}"
        " --prepend-bos {params.prepend_bos} --out {output.pairs} > {log} 2>&1"


rule switch_bos:
    """Write the same prompts with the other setting of the begin-of-sequence token."""
    input:
        tokenizer="results/{model}/model/checkpoint/tokenizer.json",
        model="results/{model}/model/model.json",
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        sources=task_sources("switch-bos"),
    output:
        pairs="results/{model}/{task}/{corruption}.other_bos/pairs.jsonl",
        record="results/{model}/{task}/{corruption}.other_bos/pairs.run.json",
    log:
        "logs/switch_bos/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/switch_bos/{model}_{task}_{corruption}.tsv"
    wildcard_constraints:
        corruption=r"[a-z0-9_]+",
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        folder=subpath(input.model, parent=True),
    message:
        "Switch the begin-of-sequence token of {wildcards.task}, {wildcards.corruption}"
    shell:
        "head-patching switch-bos --model-folder {params.folder} --pairs {input.pairs}"
        " --out {output.pairs} > {log} 2>&1"


rule measure_behaviour:
    """Measure how well the model does the task on clean and on corrupt prompts."""
    input:
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        cache=cache,
        sources=sources("measure-behaviour"),
    output:
        behaviour="results/{model}/{task}/{corruption}/behaviour.csv",
        record="results/{model}/{task}/{corruption}/behaviour.run.json",
    log:
        "logs/measure_behaviour/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/measure_behaviour/{model}_{task}_{corruption}.tsv"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=5,
    params:
        resamples=lookup(within=config, dpath="statistics/resamples"),
        level=lookup(within=config, dpath="statistics/level"),
        seed=lookup(within=config, dpath="statistics/seed"),
    message:
        "Measure behaviour of {wildcards.model} on {wildcards.task}"
    shell:
        "head-patching measure-behaviour --pairs {input.pairs}"
        " --resamples {params.resamples} --level {params.level} --seed {params.seed}"
        " --out {output.behaviour} {input.cache} > {log} 2>&1"
