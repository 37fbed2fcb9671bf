rule verify:
    """Compare every claim of the chapter with the reference."""
    input:
        results=read_by(NUMBERS, CHAPTER),
        chapter=rules.typeset_chapter.output.pdf,
        claims=STAMPS.stamp_of_yaml("reference/claims.yaml"),
        values=expand(
            "reference/{file}", file=["values.csv", "effects.csv", "settings.json"]
        ),
        code=code_with_functions("verify", NUMBERS),
    output:
        claims=report(
            "results/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"file": "claims"},
        ),
    log:
        "logs/verify.log",
    params:
        results=subpath(input.chapter, ancestor=2),
    shell:
        "head-patching verify --results {params.results}"
        " --reference reference --out {output.claims} 2>&1 | tee {log}"


rule archive:
    """Pack sources, results and chapter for a deposit."""
    input:
        everything,
        project=own_files,
        code=code("archive"),
    output:
        archive="results/archive/head-patching.tar.gz",
    log:
        "logs/archive.log",
    shell:
        "head-patching archive --out {output.archive} > {log} 2>&1"
