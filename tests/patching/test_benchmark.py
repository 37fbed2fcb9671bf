"""The benchmark's contenders do the same work, and its counts are right."""

import numpy as np
import pytest

from head_patching.patching.benchmark import compare, gemm_peak, sweep_flops
from head_patching.patching.contenders import (
    EngineContender,
    ScreeningContender,
    prepend,
)
from tests.architectures import random_pairs


@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("patch_type", ["output", "q", "pattern"])
def test_both_contenders_agree_and_are_measured(prepared, patch_type, each):
    model, bridge = prepared
    pairs = random_pairs(seed=40, lengths=(6, 6))
    contender = EngineContender(model, pairs, patch_type, each)
    figures = compare(contender, bridge, patch_type, each, rounds=2, cells_timed=8)
    engine, reference = figures["engine"], figures["transformer_lens"]
    assert engine["max_abs_diff"] < 1e-4
    assert reference["ratio"] == 1
    assert engine["ratio"] == reference["seconds"] / engine["seconds"]
    # 4 of the 6 positions come after the first difference.
    live = 4 / 6 if each else 1
    assert engine["ratio_live"] == pytest.approx(engine["ratio"] * live)
    assert engine["gflops"] > 0
    assert engine["peak_rss_mib"] > 10


def test_a_difference_between_the_contenders_would_show(prepared, monkeypatch):
    from head_patching.patching import contenders

    model, bridge = prepared
    pairs = random_pairs(seed=41, lengths=(6, 6))
    plain = contenders.EngineContender.__call__

    def shifted(self):
        values = plain(self)
        values[1, 2] += 0.5
        return values

    monkeypatch.setattr(contenders.EngineContender, "__call__", shifted)
    contender = contenders.EngineContender(model, pairs, "output", each=False)
    figures = compare(contender, bridge, rounds=1)
    assert figures["engine"]["max_abs_diff"] == pytest.approx(0.5, abs=1e-3)


def test_screening_is_compared_where_it_is_exact(prepared, monkeypatch):
    monkeypatch.setattr("head_patching.patching.screening.CONFIRMED_AT_ONCE", 2)
    monkeypatch.setattr("head_patching.patching.effects.SMALLEST_DENOMINATOR", -np.inf)
    model, bridge = prepared
    pairs = random_pairs(seed=43, lengths=(6, 6), n_changed=2)
    contender = ScreeningContender(model, pairs)
    figures = compare(contender, bridge, rounds=1)
    assert figures["engine"]["max_abs_diff"] < 1e-4
    unconfirmed = int(np.isnan(contender()).sum())
    heads = model.config.n_layers * model.config.n_heads
    assert contender.missed(threshold=0.0) == (unconfirmed, heads)


def test_operations_of_one_sweep_counted_by_hand(prepared):
    model, _ = prepared
    if model.config.architecture != "GPT2LMHeadModel":
        pytest.skip("the count below is for GPT-2's shape")
    # 3 layers, 4 heads, d_model 32, d_head 8, d_mlp 128; 2 pairs, 5 suffix positions.
    qkv, write, mlp = 2 * 32 * 96, 2 * 32 * 32, 2 * 2 * 32 * 128
    joining_0 = 8 * 5 * mlp
    layer_1 = 8 * 5 * (qkv + write + mlp) + 8 * 5 * mlp
    last = 16 * (5 * qkv + write + mlp) + 8 * mlp
    assert sweep_flops(model.config, 2, 5) == joining_0 + layer_1 + last


def test_the_peak_is_a_plausible_speed():
    assert 0.1 < gemm_peak(size=256, seconds=0.05) < 1e5


def test_shots_move_positions_and_leave_answers():
    pair = random_pairs(seed=42, lengths=(7,))[0]
    longer = prepend(pair, (5, 6, 7), "w5 w6 w7 ")
    assert longer.clean_tokens == (5, 6, 7, *pair.clean_tokens)
    assert longer.positions == {"S2": 5, "END": 9}
    assert longer.answer_token == pair.answer_token
    assert np.array_equal(longer.corrupt_tokens[3:], pair.corrupt_tokens)
