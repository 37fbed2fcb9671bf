"""The archive to deposit: sources, results and chapter, described as an RO-Crate.

Its bytes depend on its files alone: these are sorted, have no owner and the time of the
release. Caches and weights are left out, since the workflow makes them
again.
"""

import gzip
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from head_patching.building.project import METADATA, project_files
from head_patching.files.checksums import sha256_file
from head_patching.files.records import read_record
from head_patching.files.writing import atomic
from head_patching.reporting.origins import rule_of

CHECKSUMS = "SHA256SUMS"
WORKFLOW = "Snakefile"

LICENSES = ("MIT", "CC-BY-4.0")  # of the code; of text and figures

# Under results/: large files that the workflow makes again, archives, and the
# verdict on the claims, which reviewers compute.
LEFT_OUT = (
    "results/claims.csv",
    "*/cache/[0-9]*.safetensors",
    "*/cache/[0-9]*[0-9].json",
    "*/model/checkpoint/*",
    "*/model/*.safetensors",
    "*/archive/*",
)

CITED = ("title", "abstract", "version", "authors", "keywords", "date-released")

# Descriptions of the files that a reader opens first.
DESCRIBED = {
    "README.md": "How to build everything, in two commands",
    "Snakefile": "The workflow: from a model's name to the typeset chapter",
    "results/paper/chapter.pdf": "The chapter",
    "results/provenance.json": "Checksums, versions, settings and commands of all runs",
    "results/numbers.csv": "Every number of the text and the files it comes from",
    "reference/claims.yaml": "What is claimed, for `head-patching verify`",
}


def result_files(folder: Path) -> list[str]:
    """The results to deposit, as paths from the project's folder.

    Only what a rule makes, as the provenance lists them: neither stray files nor
    results of another config that are in the same folder.
    """
    results = folder / "results"
    about = read_record(results / "provenance.json", ["models", "rules", "runs"])
    recorded = recorded_files(about["runs"])
    experiments = [PurePosixPath(name).parent for name in about["runs"]]
    tasks = {folder.parts[2] for folder in experiments if len(folder.parts) > 3}
    # Folders of what is made from the recorded runs.
    summaries = {"results", "results/paper"}
    for kind in ("results/tables", "results/figures"):
        summaries |= {kind, *(f"{kind}/{task}" for task in tasks)}
    summaries |= {f"results/{model}/model" for model in about["models"]}
    # The run records of cached activations, which have the code that made them.
    summaries |= {f"{folder}/cache" for folder in experiments}
    found = [
        path.relative_to(folder).as_posix()
        for path in results.rglob("*")
        if path.is_file()
    ]
    return sorted(
        name
        for name in found
        if rule_of(name, about["rules"])
        and (name in recorded or str(PurePosixPath(name).parent) in summaries)
        and not any(PurePosixPath(name).match(pattern) for pattern in LEFT_OUT)
    )


def recorded_files(runs: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Run records, and the files that their runs wrote."""
    names = {*runs}
    for record, run in runs.items():
        written = {run.get("file", ""), *run.get("beside", ())} - {""}
        names |= {str(PurePosixPath(record).parent / name) for name in written}
    return names


def crate_metadata(files: Iterable[str], citation: Mapping[str, Any]) -> dict[str, Any]:
    """The RO-Crate description (version 1.1) of the files, as JSON-LD.

    Parameters
    ----------
    citation
        The content of `CITATION.cff`: title, abstract, version, authors, date.
    """
    from rocrate.model.person import Person
    from rocrate.rocrate import ROCrate

    crate = ROCrate()
    crate.name = citation["title"]
    crate.description = citation["abstract"]
    crate.license = [f"https://spdx.org/licenses/{name}" for name in LICENSES]
    crate.datePublished = str(citation["date-released"])
    crate.root_dataset["version"] = citation["version"]
    crate.root_dataset["keywords"] = ", ".join(citation["keywords"])
    crate.creator = [
        crate.add(Person(crate, f"#author-{number}", {"name": author_name(author)}))
        for number, author in enumerate(citation["authors"], start=1)
    ]
    for name in files:
        about = {"name": name}
        if name in DESCRIBED:
            about["description"] = DESCRIBED[name]
        if name == WORKFLOW:
            crate.add_workflow(
                dest_path=name, properties=about, main=True, lang="snakemake"
            )
        else:
            crate.add_file(dest_path=name, properties=about)
    described = crate.metadata.generate()
    described["@graph"] = sorted(described["@graph"], key=lambda node: node["@id"])
    return described


def author_name(author: Mapping[str, str]) -> str:
    """A person or a group, as a citation file has them."""
    given, family = author.get("given-names", ""), author.get("family-names", "")
    return author.get("name") or f"{given} {family}".strip()


def read_citation(path: Path) -> dict[str, Any]:
    """The content of a citation file; ValueError names missing entries."""
    try:
        about = yaml.safe_load(path.read_text(encoding="utf-8"))
        missing = [name for name in CITED if name not in about]
    except (yaml.YAMLError, TypeError) as error:
        raise ValueError(f"{path} is not a citation file: {error}") from None
    if missing:
        raise ValueError(f"{path} lacks {', '.join(missing)}")
    return about


def write_archive(folder: Path, out: Path) -> list[str]:
    """Write the archive; returns the names of the files in it.

    Raises
    ------
    ValueError
        When `CITATION.cff` is missing, or the folder's own files are not known.
    """
    citation = folder / "CITATION.cff"
    if not citation.is_file():
        raise ValueError(f"{citation} does not exist: the archive says how to cite it")
    about = read_citation(citation)
    time = int(datetime.fromisoformat(f"{about['date-released']}T00:00Z").timestamp())
    names = [*project_files(folder), *result_files(folder)]
    described = json.dumps(crate_metadata(names, about), indent=2, sort_keys=True)
    sums = "".join(f"{sha256_file(folder / name)}  {name}\n" for name in sorted(names))
    added = {METADATA: described + "\n", CHECKSUMS: sums}
    top = f"head-patching-{about['version']}"
    with (
        atomic(out) as partial,
        Path(partial).open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=time) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for name in sorted([*names, *added]):
            content = added.get(name)
            path = folder / name
            data = path.read_bytes() if content is None else content.encode()
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size, entry.mtime = len(data), time
            runnable = content is None and path.stat().st_mode & 0o100
            entry.mode = 0o755 if runnable else 0o644
            tar.addfile(entry, io.BytesIO(data))
    return sorted([*names, *added])
