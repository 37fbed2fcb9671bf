"""What a head could do, read off its weights without running a prompt.

`embedding` gives what heads read of a token; `ov`, `qk` and `previous` ask what a head
would write and attend to, `composition` which heads read what others write, `edges`
which of these pairs stand out. `tables` puts all together, and `causal` compares it
with patching, which says what a head does.
"""
