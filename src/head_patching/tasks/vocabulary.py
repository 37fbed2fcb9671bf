"""The words of all prompts: what the tokenizers of planted models know."""

from head_patching.models.planted.words import Words
from head_patching.tasks.ioi_templates import NAMES, prompt_words

WORDS = Words(prompt_words(), NAMES)
