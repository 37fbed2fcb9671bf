rule typeset_chapter:
    """Typeset the chapter from its text, the numbers, the tables and the figures."""
    input:
        main="paper/standalone.tex",
        text=TEXT,
        numbers="results/numbers.tex",
        tables=TABLES,
        figures=expand("results/figures/{figure}.pdf", figure=FIGURES),
        code=code("typeset"),
    output:
        pdf=report(
            "results/paper/chapter.pdf",
            caption="../report/chapter.rst",
            category="Chapter",
            labels={"file": "chapter"},
        ),
        record="results/paper/chapter.run.json",
    log:
        "logs/typeset_chapter.log",
    benchmark:
        "logs/typeset_chapter.tsv"
    shadow:
        "minimal"
    resources:
        runtime=15,
    shell:
        "head-patching typeset --main {input.main} --out {output.pdf} > {log} 2>&1"


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
