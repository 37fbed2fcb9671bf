"""Write a checkpoint of GPT-2 small's shape with random weights: python FILE FOLDER.

Speed depends on the shape alone. The tokenizer, and with it the vocabulary, is
SmolLM2's, which the project can get without a model hub.
"""

import sys
from pathlib import Path

import torch
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

from head_patching.models.prepared import prepared_folder


def main() -> None:
    """Write the checkpoint into the folder given."""
    folder = Path(sys.argv[1])
    source = prepared_folder("smollm2-135m") / "checkpoint"
    tokenizer = AutoTokenizer.from_pretrained(source)
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer)))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    main()
