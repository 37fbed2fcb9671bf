"""The archive to deposit: sources, results and chapter, described as an RO-Crate.

Its bytes depend on nothing but its files: they are sorted, belong to nobody and have
one fixed time. Caches and weights are left out, since the workflow makes them anew.
"""

import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from head_patching.provenance import read_json, sha256_file
from head_patching.results import atomic

METADATA = "ro-crate-metadata.json"
CHECKSUMS = "SHA256SUMS"
WORKFLOW = "Snakefile"

# 1 January 2026: of every file in the archive, and the date in its description.
FIXED_TIME, FIXED_DATE = 1767225600, "2026-01-01"

# Under results/: what is large and made anew, and archives themselves.
LEFT_OUT = ("*/cache/*", "*/model/checkpoint/*", "*/model/*.safetensors", "*/archive/*")

# What the crate says of the files that a reader looks for first.
DESCRIBED = {
    "README.md": "How to build everything, in two commands",
    "Snakefile": "The workflow: from a model's name to the typeset chapter",
    "results/paper/chapter.pdf": "The chapter",
    "results/provenance.json": "Checksums, versions, settings and commands of all runs",
    "results/numbers.csv": "Every number of the text and the files it comes from",
    "reference/claims.yaml": "What is claimed, for `head-patching verify`",
}


def project_files(folder: Path) -> list[str]:
    """The project's own files: those git tracks, or those an unpacked archive lists.

    Raises
    ------
    ValueError
        When the folder is neither a git repository nor an unpacked archive.
    """
    if (folder / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "-z"],
            cwd=folder, capture_output=True, text=True, check=True,
        )  # fmt: skip
        names = listed.stdout.split("\0")
        return sorted(name for name in names if name and (folder / name).is_file())
    if (folder / METADATA).is_file():
        graph = read_json(folder / METADATA)["@graph"]
        names = [node["@id"] for node in graph if "File" in node["@type"]]
        return sorted(name for name in names if not name.startswith("results/"))
    raise ValueError(
        f"{folder.resolve().name} is neither a git repository nor an unpacked archive "
        f"with {METADATA}: its own files cannot be told from others"
    )


def result_files(folder: Path, results: str) -> list[str]:
    """The results to deposit, as paths from the project's folder."""
    found = [
        path.relative_to(folder).as_posix()
        for path in (folder / results).rglob("*")
        if path.is_file()
    ]
    return sorted(
        name
        for name in found
        if not any(PurePosixPath(name).match(pattern) for pattern in LEFT_OUT)
    )


def crate_metadata(files: Iterable[str], citation: Mapping[str, Any]) -> dict[str, Any]:
    """The RO-Crate description (version 1.1) of the files, as JSON-LD.

    Parameters
    ----------
    citation
        The content of `CITATION.cff`: title, abstract, version, authors, licence.
    """
    from rocrate.model.person import Person
    from rocrate.rocrate import ROCrate

    crate = ROCrate()
    crate.name = citation["title"]
    crate.description = citation["abstract"]
    crate.license = f"https://spdx.org/licenses/{citation['license']}"
    crate.datePublished = FIXED_DATE
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


def write_archive(folder: Path, results: str, out: Path) -> list[str]:
    """Write the archive; returns the names of the files in it.

    Raises
    ------
    ValueError
        When `CITATION.cff` is missing, or the folder's own files are not known.
    """
    citation = folder / "CITATION.cff"
    if not citation.is_file():
        raise ValueError(f"{citation} does not exist: the archive says how to cite it")
    about = yaml.safe_load(citation.read_text(encoding="utf-8"))
    names = [*project_files(folder), *result_files(folder, results)]
    described = json.dumps(crate_metadata(names, about), indent=2, sort_keys=True)
    sums = "".join(f"{sha256_file(folder / name)}  {name}\n" for name in sorted(names))
    added = {METADATA: described + "\n", CHECKSUMS: sums}
    top = f"head-patching-{about['version']}"
    with (
        atomic(out) as partial,
        Path(partial).open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=FIXED_TIME) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for name in sorted([*names, *added]):
            content = added.get(name)
            path = folder / name
            data = path.read_bytes() if content is None else content.encode()
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size, entry.mtime = len(data), FIXED_TIME
            runnable = content is None and path.stat().st_mode & 0o100
            entry.mode = 0o755 if runnable else 0o644
            tar.addfile(entry, io.BytesIO(data))
    return sorted([*names, *added])
