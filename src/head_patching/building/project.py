"""The project's own files, in a repository or an unpacked archive."""

import subprocess
from pathlib import Path, PurePosixPath

from head_patching.files.reading import read_json, reading

METADATA = "ro-crate-metadata.json"
UNPACK = "unpack the archive again"


def project_files(folder: Path) -> list[str]:
    """The project's own files: those git tracks or would, or those an archive lists.

    Raises
    ------
    ValueError
        When the folder is neither a git repository nor an unpacked archive, or git
        does not answer.
    """
    if (folder / ".git").exists():
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=folder, capture_output=True, text=True,
        )  # fmt: skip
        if listed.returncode:
            raise ValueError(f"git cannot list the project's files: {listed.stderr}")
        names = listed.stdout.split("\0")
        return sorted(name for name in names if name and (folder / name).is_file())
    if (folder / METADATA).is_file():
        with reading(folder / METADATA, "a description of the archive", UNPACK):
            graph = read_json(folder / METADATA)["@graph"]
            names = [node["@id"] for node in graph if "File" in node["@type"]]
            for name in map(PurePosixPath, names):
                if name.is_absolute() or ".." in name.parts:
                    raise ValueError(f"{name} is not in the folder")
        return sorted(name for name in names if not name.startswith("results/"))
    raise ValueError(
        f"{folder.resolve().name} is neither a git repository nor an unpacked archive "
        f"with {METADATA}: its own files are not known"
    )
