"""Breaches as columns: ids, sentences and values."""

import json

import numpy as np
import pyarrow as pa

from encours.breaches.columns import constant
from encours.breaches.found import Place, Sentence, codes_of, rendered, values_as_json
from encours_schemas.messages import MessageCode, render_message
from encours_schemas.rule_ids import RuleId

NASTY = ['a"b', "c\\d", "tab\there", "line\nbreak", "é:%", "", "nul\x01"]


def test_ids__keep_parts_apart_whatever_they_contain() -> None:
    parties = pa.array(["a:b", "a", "a%3Ab", "a"])
    segments = pa.array(["c", "b:c", "c", None])
    place = Place(np.arange(4), parties, segments, constant("", 4))
    ids = place.ids(RuleId.LIMIT_EXCEEDED).to_pylist()
    assert len(set(ids)) == 4
    assert ids[0] == "limit_exceeded:a%3Ab:c:"
    assert ids[3] == "limit_exceeded:a::"


def test_values__are_json_that_gives_the_sentence_again() -> None:
    codes = (MessageCode.MANUAL_HOLD, MessageCode.MANUAL_HOLD_DECIDED, MessageCode.CURED)
    count = len(NASTY)
    values = {
        "customer": pa.array(NASTY),
        "decided_by": pa.array(NASTY[::-1]),
        "reason": pa.array([*NASTY[1:], None], pa.string()),
    }
    sentence = Sentence(codes, np.arange(count) % 3, values)
    texts, data = rendered(sentence).to_pylist(), values_as_json(sentence).to_pylist()
    for text, one, code in zip(texts, data, codes_of(sentence).to_pylist(), strict=True):
        assert render_message(code, json.loads(one)) == text
    assert data[2] == "{}"
