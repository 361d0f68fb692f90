"""The sentences of breaches: the same values in every language."""

from string import Formatter

import pytest

from encours_schemas.messages import (
    LANGUAGES,
    TEMPLATES,
    MessageCode,
    render_message,
    template_parts,
    value_names,
)


@pytest.mark.parametrize("code", MessageCode)
def test_sentences__use_the_same_values_in_every_language(code: MessageCode) -> None:
    for language in LANGUAGES:
        template = TEMPLATES[language][code]
        names = {name for _, name, _, _ in Formatter().parse(template) if name}
        assert names == set(value_names(code)), language
        assert template[-1] in ".}"
        joined = "".join(text + (f"{{{name}}}" if name else "")
                         for text, name in template_parts(template))  # fmt: skip
        assert joined == template


def test_render_message__writes_numbers_and_dates_as_the_reader_does() -> None:
    values = {"exposure": "1234567.80", "share": "100", "limit": "-5.00", "currency": "EUR"}
    assert render_message("limit_exceeded", values) == (
        "Exposure 1234567.80 EUR is above 100 % of the limit -5.00 EUR."
    )
    assert render_message("limit_exceeded", values, "fr") == (
        "L'encours de 1\u202f234\u202f567,80 EUR dépasse 100 % du plafond de -5,00 EUR."
    )
    stopped = {"since": "2026-09-08", "item": "2026-09-08"}
    assert "depuis le 08/09/2026 : le retard du poste 2026-09-08" in render_message(
        "cover_stopped", stopped, "fr"
    )


def test_render_message__names_what_it_does_not_know() -> None:
    with pytest.raises(KeyError, match="did you mean fr"):
        render_message("cured", {}, "fre")
    with pytest.raises(ValueError, match="no_such_code"):
        render_message("no_such_code", {})
