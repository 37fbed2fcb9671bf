"""What a head could do, derived from its weights without running a prompt.

`embedding` is what heads read of a token; `ov`, `qk` and `previous` score what a head
would write and attend to, `composition` how much a head reads of what another one
writes, `edges` which of these pairs are exceptional. `tables` collects all scores;
`by_role` and `causal` compare them with patching, which shows what a head does.
"""
