rule record_provenance:
    """Collect checksums, versions and settings of the whole build."""
    input:
        model=expand("results/{model}/model/model.json", model=MODELS),
        records=table_records,
        code=code("record-provenance"),
    output:
        provenance=report(
            "results/provenance.json",
            caption="../report/provenance.rst",
            category="Provenance",
            labels={"file": "provenance"},
        ),
        record="results/provenance.run.json",
    log:
        "logs/record_provenance.log",
    benchmark:
        "logs/record_provenance.tsv"
    params:
        models=input_options("model"),
        settings=json.dumps(config, sort_keys=True),
        rules=rule_of_output,
    shell:
        "head-patching record-provenance {params.models} --settings {params.settings:q}"
        " --rules {params.rules:q} --out {output.provenance} {input.records} > {log} 2>&1"


rule draw_figure:
    """Draw one figure, with its PNG twin and the numbers in it."""
    input:
        unpack(figure_tables),
        code=code_of_figure(),
    output:
        pdf="results/figures/{figure}.pdf",
        png=report(
            "results/figures/{figure}.png",
            caption="../report/figure.rst",
            category="Figures",
            subcategory=figure_task,
            labels=figure_labels,
        ),
        numbers="results/figures/{figure}.csv",
        record="results/figures/{figure}.run.json",
    log:
        "logs/draw_figure/{figure}.log",
    benchmark:
        "logs/draw_figure/{figure}.tsv"
    params:
        module=figure_module,
        options=figure_options,
    shell:
        "python -m {params.module} {params.options} --out {output.pdf} > {log} 2>&1"


rule build_tables:
    """Write the tables of one task."""
    input:
        results=read_for_tables,
        code=code_with_functions("build-tables", TASK_LATEX),
    output:
        tables=TASK_TABLES,
        record="results/tables/{task}.run.json",
    log:
        "logs/build_tables/{task}.log",
    benchmark:
        "logs/build_tables/{task}.tsv"
    params:
        options=results_of_task,
    shell:
        "head-patching build-tables {params.options} --out results/tables/{wildcards.task}"
        " > {log} 2>&1"


rule build_shared_tables:
    """Write the tables that belong to no task."""
    input:
        results=read_by(SHARED_LATEX, CHAPTER),
        code=code_with_functions("build-shared-tables", SHARED_LATEX),
    output:
        tables=SHARED_TABLES,
        record="results/tables.run.json",
    log:
        "logs/build_shared_tables.log",
    benchmark:
        "logs/build_shared_tables.tsv"
    params:
        options=results_options(CHAPTER),
    shell:
        "head-patching build-shared-tables {params.options} --out results/tables"
        " > {log} 2>&1"


rule build_numbers:
    """Write every number that the text uses as a macro, and where it comes from."""
    input:
        results=read_by(NUMBERS, CHAPTER),
        code=code_with_functions("build-numbers", NUMBERS),
    output:
        numbers="results/numbers.tex",
        table="results/numbers.csv",
        record="results/numbers.run.json",
    log:
        "logs/build_numbers.log",
    benchmark:
        "logs/build_numbers.tsv"
    params:
        options=results_options(CHAPTER),
    shell:
        "head-patching build-numbers {params.options} --out {output.numbers}"
        " --out-table {output.table} > {log} 2>&1"
