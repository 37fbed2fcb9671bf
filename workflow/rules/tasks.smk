# A folder of its own, also by the pattern of make_pairs.
ruleorder: switch_bos > make_pairs


rule make_pairs:
    """Write the prompt pairs of a task in the tokens of a model."""
    input:
        model=TOKENIZER,
        code=code_with_task("make-pairs"),
    output:
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        record="results/{model}/{task}/{corruption}/pairs.run.json",
    log:
        "logs/make_pairs/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/make_pairs/{model}_{task}_{corruption}.tsv"
    params:
        prompts=options("tasks/{task}", "n_pairs", "seed", "prepend_bos"),
    shell:
        "head-patching make-pairs --model-folder results/{wildcards.model}/model"
        " --task {wildcards.task} --corruption {wildcards.corruption} {params.prompts}"
        " --out {output.pairs} > {log} 2>&1"


rule switch_bos:
    """Write the same prompts with the other setting of the begin-of-sequence token."""
    input:
        model=TOKENIZER,
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        code=code_with_task("switch-bos"),
    output:
        pairs="results/{model}/{task}/{corruption}.other_bos/pairs.jsonl",
        record="results/{model}/{task}/{corruption}.other_bos/pairs.run.json",
    log:
        "logs/switch_bos/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/switch_bos/{model}_{task}_{corruption}.tsv"
    shell:
        "head-patching switch-bos --model-folder results/{wildcards.model}/model"
        " --pairs {input.pairs} --out {output.pairs} > {log} 2>&1"


rule measure_behaviour:
    """Measure how well the model does the task on clean and on corrupt prompts."""
    input:
        pairs="results/{model}/{task}/{corruption}/pairs.jsonl",
        cache=cache,
        code=code("measure-behaviour"),
    output:
        behaviour="results/{model}/{task}/{corruption}/behaviour.csv",
        record="results/{model}/{task}/{corruption}/behaviour.run.json",
    log:
        "logs/measure_behaviour/{model}_{task}_{corruption}.log",
    benchmark:
        "logs/measure_behaviour/{model}_{task}_{corruption}.tsv"
    params:
        bootstrap=BOOTSTRAP,
    shell:
        "head-patching measure-behaviour --pairs {input.pairs} {params.bootstrap}"
        " --out {output.behaviour} {input.cache} > {log} 2>&1"
