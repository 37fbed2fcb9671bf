rule record_provenance:
    """Collect checksums, versions and settings of the whole run."""
    input:
        models=expand("results/{model}/model/model.json", model=MODELS),
        records=RECORDS,
        sources=sources("record-provenance"),
    output:
        provenance=report(
            "results/provenance.json",
            caption="../report/provenance.rst",
            category="Provenance",
            labels={"file": "provenance"},
        ),
    log:
        "logs/record_provenance.log",
    benchmark:
        "logs/record_provenance.tsv"
    threads: 1
    resources:
        mem_mb=500,
        runtime=2,
    params:
        models=model_options,
        settings=json.dumps(config, sort_keys=True),
        rules=rule_of_output,
    message:
        "Record provenance"
    shell:
        "head-patching record-provenance {params.models} --settings {params.settings:q}"
        " --rules {params.rules:q} --out {output.provenance} {input.records} > {log} 2>&1"


rule draw_figure:
    """Draw one figure, with its PNG twin and the numbers in it."""
    input:
        unpack(figure_tables),
        sources=figure_sources,
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
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        module=figure_module,
        options=figure_options,
        about=figure_description,
    message:
        "Draw figure {wildcards.figure}"
    shell:
        "python -m {params.module} {params.options} --out {output.pdf}" " > {log} 2>&1"


rule build_tables:
    """Write the tables of one task."""
    input:
        unpack(results_of_task),
        sources=sources("build-tables"),
    output:
        tables=TASK_TABLES,
        record="results/tables/{task}.run.json",
    log:
        "logs/build_tables/{task}.log",
    benchmark:
        "logs/build_tables/{task}.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        experiment=subpath(input.effects, parent=True),
        model=subpath(input.model, parent=True),
        validation=subpath(input.scores, parent=True),
        folder=output_folder,
    message:
        "Build tables of {wildcards.task}"
    shell:
        "head-patching build-tables --experiment {params.experiment}"
        " --model-folder {params.model} --validation {params.validation}"
        " --provenance {input.provenance}"
        " --out {params.folder} > {log} 2>&1"


rule build_shared_tables:
    """Write the tables that belong to no task."""
    input:
        results=chapter_results,
        sources=sources("build-shared-tables"),
    output:
        tables=SHARED_TABLES,
        record="results/tables.run.json",
    log:
        "logs/build_shared_tables.log",
    benchmark:
        "logs/build_shared_tables.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        options=chapter_options,
        folder=output_folder,
    message:
        "Build tables"
    shell:
        "head-patching build-shared-tables {params.options} --out {params.folder}"
        " > {log} 2>&1"


rule build_numbers:
    """Write every number that the text uses as a macro, and where it comes from."""
    input:
        results=chapter_results,
        sources=sources("build-numbers"),
    output:
        numbers="results/numbers.tex",
        table="results/numbers.csv",
        record="results/numbers.run.json",
    log:
        "logs/build_numbers.log",
    benchmark:
        "logs/build_numbers.tsv"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        options=chapter_options,
    message:
        "Build numbers"
    shell:
        "head-patching build-numbers {params.options} --out {output.numbers}"
        " --out-table {output.table} > {log} 2>&1"


rule typeset_chapter:
    """Typeset the chapter from its text, the numbers, the tables and the figures."""
    input:
        main="paper/standalone.tex",
        text=TEXT,
        numbers="results/numbers.tex",
        tables=TABLES,
        figures=expand("results/figures/{figure}.pdf", figure=FIGURES),
        sources=sources("typeset"),
    output:
        pdf=report(
            "results/paper/chapter.pdf",
            caption="../report/chapter.rst",
            category="Chapter",
            labels={"file": "chapter"},
        ),
    log:
        "logs/typeset_chapter.log",
    benchmark:
        "logs/typeset_chapter.tsv"
    shadow:
        "minimal"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=15,
    params:
        # No input, for the PDF does not depend on it: where references led the last time.
        # The shadow, in which only inputs are seen, is two folders below .snakemake.
        keep="../../typesetting",
    message:
        "Typeset the chapter"
    shell:
        "head-patching typeset --main {input.main} --keep {params.keep} "
        "--out {output.pdf} > {log} 2>&1"


rule figures:
    """All figures."""
    input:
        expand(
            "results/figures/{figure}.{kind}",
            figure=FIGURES,
            kind=["pdf", "png", "csv"],
        ),


rule tables:
    """All tables, and the numbers of the text."""
    input:
        TABLES,
        "results/numbers.tex",


rule paper:
    """The chapter as a PDF."""
    input:
        rules.typeset_chapter.output.pdf,
