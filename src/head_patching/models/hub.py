"""A repository of the Hugging Face hub: its files in the local cache, at one commit.

The small files come first: they can refuse a model before its weights are downloaded.
huggingface_hub keeps complete files and resumes an interrupted transfer; without a
connection the cached files are used.
"""

from dataclasses import dataclass
from pathlib import Path

from head_patching.models.architectures import require_architecture
from head_patching.models.checkpoint_files import CONFIG, INDEX, WEIGHTS, model_files
from head_patching.models.registry import HubModel


@dataclass(frozen=True)
class Snapshot:
    """Files of a repository at one commit, in the local cache."""

    files: tuple[Path, ...]
    commit: str


def fetch_snapshot(source: HubModel) -> Snapshot:
    """The files that determine a model, downloaded where they are not cached.

    Raises
    ------
    ValueError
        When there is no such repository or revision, or it holds no model that can be
        read; nothing large is downloaded before that.
    FileNotFoundError
        When it is neither cached nor reachable; the message says how to get it.
    """
    from httpx2 import HTTPError
    from huggingface_hub import HfApi, errors

    try:
        revision = HfApi().resolve_revision(source.repository, revision=source.revision)
        commit = revision.resolved
        small = cached(source, commit, [CONFIG, INDEX])
        names = files_at(source, commit, small)
        index = small / INDEX if INDEX in names else None
        wanted = model_files(names, f"{source.repository} ({commit[:12]})", index)
        require_architecture(small, source.repository)
        folder = cached(source, commit, wanted)
    except errors.RevisionNotFoundError:
        raise ValueError(
            f"{source.repository} has no revision {source.revision!r} on the hub"
        ) from None
    except errors.RepositoryNotFoundError:
        raise ValueError(
            f"{source.repository} is not on the hub (nor a folder here), or not open "
            "to all: log in with `hf auth login` if you have access"
        ) from None
    except errors.HFValidationError as error:
        raise ValueError(f"{source.repository} cannot be on the hub: {error}") from None
    except (errors.LocalEntryNotFoundError, errors.RevisionResolutionError) as error:
        raise FileNotFoundError(how_to_get(source, reason(error))) from error
    except (HTTPError, OSError) as error:
        raise FileNotFoundError(
            f"the download of {source.repository} broke off ({reason(error)}): run the "
            "same command again; files that are complete are kept"
        ) from error
    files = tuple(folder / name for name in wanted)
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        lacking = f"the cache lacks {missing[0]}"
        raise FileNotFoundError(how_to_get(source, lacking))
    return Snapshot(files, commit)


def cached(source: HubModel, commit: str, names: list[str]) -> Path:
    """The folder of a commit's files in the cache, these among them if they exist."""
    from huggingface_hub import snapshot_download

    folder = snapshot_download(source.repository, revision=commit, allow_patterns=names)
    return Path(folder)


def files_at(source: HubModel, commit: str, folder: Path) -> list[str]:
    """All files of a repository at a commit, or those cached if the list is not."""
    from huggingface_hub import get_cached_repo_tree
    from huggingface_hub.errors import (
        CachedRepoTreeNotFoundError,
        LocalEntryNotFoundError,
    )

    try:
        tree = get_cached_repo_tree(source.repository, revision=commit)
        return sorted(file.path for file in tree)
    except CachedRepoTreeNotFoundError:
        # Cached by an older version of huggingface_hub, perhaps in part.
        names = sorted(file.name for file in folder.iterdir())
        if CONFIG not in names or not {WEIGHTS, INDEX} & {*names}:
            raise LocalEntryNotFoundError("only a part of it is cached") from None
        return names


def how_to_get(source: HubModel, why: str) -> str:
    """A line that names the missing repository, and two ways to get it."""
    from huggingface_hub import constants

    pinned = [] if source.revision == "main" else ["--revision", source.revision]
    command = " ".join(["hf download", source.repository, *pinned])
    return (
        f"{source.repository} ({source.revision}) is neither in the cache "
        f"{constants.HF_HUB_CACHE} nor to be had from {constants.ENDPOINT} ({why}): "
        f"run `{command}` once where there is a network, or put its {CONFIG}, "
        "safetensors and tokenizer files into a folder and give that as the model"
    )


def reason(error: BaseException) -> str:
    """The first cause of an error, in a few words."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
