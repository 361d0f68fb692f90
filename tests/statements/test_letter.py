"""The letter: what it says, in whose form, and that no text of a ledger is obeyed."""

from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from encours_jobs.cli import main
from tests.jobs.ledgers import Night, item, row

EVIL = '<script>alert("x")</script> & | *bold* [a](http://b.example) `code` \\ =1+1'


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """Publish claims of two creditors in three currencies."""
    made = Night(tmp_path_factory.mktemp("letters"))
    made.ledger.csv(
        "companies",
        row("companies", company_code="1000", country="FR"),
        row("companies", company_code="UK", country="GB"),
        row("companies", company_code="NL", country="NL"),
    )
    made.ledger.csv(
        "customers",
        row("customers", customer_id="C1", name=EVIL),
        row("customers", customer_id="PAYER", name="Always on time"),
        row("customers", customer_id="=cmd()", name="Formula"),
    )
    made.ledger.csv(
        "open_items",
        item("I1", document_number="F|1", due_date="2026-05-01", amount="10000.00"),
        item("I2", due_date="2026-10-30", amount="5.00", interest_billed_amount="9.00"),
        item("I3", company_code="UK", currency="GBP", due_date="2026-05-01", amount="2000.00"),
        item("I4", company_code="UK", currency="JPY", due_date="2026-05-01", amount="500000"),
        item("I5", company_code="NL", due_date="2025-05-01", amount="123456.78"),
        item("I6", customer_id="PAYER", due_date="2026-12-31"),
        item("<b>", customer_id="=cmd()", document_number="@x", due_date="2026-05-01"),
    )
    made.ledger.csv(
        "fx_rates",
        row("fx_rates", from_currency="GBP", rate="1.15"),
        row("fx_rates", from_currency="JPY", rate="0.006"),
    )
    made.publish()
    return made


def statement(night: Night, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["statement", *arguments, "--run", str(night.published())])


def letter(night: Night, *arguments: str) -> str:
    result = statement(night, *arguments)
    assert result.exit_code == 0, result.stderr
    return result.stdout


class Reading(HTMLParser):
    """Reads a page: tags, texts, rows of tables, and whether every tag is closed."""

    VOID = ("meta",)

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)
        if self.open and self.open[-1] in {"td", "th"}:
            self.rows[-1][-1] += data


def test_html__is_well_formed_and_shows_what_a_name_holds(night: Night) -> None:
    page = Reading(letter(night, "C1"))
    assert page.open == []
    assert f"C1 {EVIL}" in page.texts
    assert "script" not in page.tags
    assert not {"onclick", "onload", "src", "href"} & page.attributes


def test_html__fetches_nothing(night: Night) -> None:
    page = letter(night, "C1")
    assert "default-src 'none'" in page
    assert "url(" not in page
    assert "@import" not in page
    assert not {"link", "img", "iframe", "object", "a"} & Reading(page).tags


def test_html__lists_items_and_totals_by_creditor_and_currency(night: Night) -> None:
    rows = [
        [cell.replace("\xa0", " ") for cell in row] for row in Reading(letter(night, "C1")).rows
    ]
    # 10000 x (12.15 % x 60 + 12.40 % x 123) / 365 = 617.59
    assert rows[1] == [
        "F|1 (item I1) of 01/08/2026", "01/05/2026", "EUR 10,000.00", "EUR 10,000.00",
        "02/05/2026 \N{EN DASH} 31/10/2026", "183", "EUR 617.59", "", "EUR 617.59", "EUR 40.00",
        "[1]",
    ]  # fmt: skip
    # 5 x 12.40 % x 1/365 = 0.00, of which 9.00 was claimed
    assert rows[2][6:] == ["EUR 0.00", "EUR 9.00", "EUR -9.00", "EUR 40.00", "[1]"]
    assert ["Total in EUR", "EUR 608.59", "EUR 80.00", "EUR 688.59"] in rows
    # Great Britain: 8 % over 3.75 % of 31 December 2025, for the whole delay of 183 days
    # 2000 x 11.75 % x 183/365 = 117.82; 500000 x 11.75 % x 183/365 = 29455; two bands of 70 and 70
    assert ["Total in JPY", "JPY 29,455", "JPY 0", "JPY 29,455"] in rows
    assert ["Total in GBP", "GBP 117.82", "GBP 140.00", "GBP 257.82"] in rows
    eur = [row for row in rows if row[0] == "Total in EUR"]
    assert len(eur) == 3  # company 1000, company NL, all creditors


def test_letter__names_the_law_and_what_joins_the_principal(night: Night) -> None:
    told = letter(night, "C1", "--format", "markdown")
    assert "Code de commerce, L441-10 II; compensation: Code de commerce, D441-5" in told
    assert "every year the interest joins the principal" in told
    assert "A negative amount was claimed before and is not owed" in told
    french = letter(night, "C1", "--format", "markdown", "--language", "fr")
    assert "chaque année les intérêts rejoignent le principal" in french
    assert "10 000,00 EUR" in french
    assert "31 octobre 2026" in french
    assert "\u202f" not in french


def test_html__in_french_keeps_figures_on_one_line(night: Night) -> None:
    page = letter(night, "C1", "--language", "fr")
    assert '<html lang="fr">' in page
    assert "10\u202f000,00\xa0EUR" in page


def test_markdown__escapes_what_a_name_holds(night: Night) -> None:
    told = letter(night, "C1", "--format", "markdown")
    assert "\\<script\\>" in told
    assert "\\*bold\\*" in told
    assert "\\[a\\]" in told
    assert "http:\\//b.example" in told
    assert "F\\|1" in told
    rows = [line for line in told.splitlines() if line.startswith("|")]
    tables = {line.replace("\\|", "").count("|") for line in rows}
    assert tables == {12, 5}  # eleven columns of claims, four of totals


def test_letter__of_a_customer_without_claims_says_so(night: Night) -> None:
    told = letter(night, "PAYER", "--format", "markdown")
    assert "Nothing is to be claimed of this customer as of 31 October 2026." in told
    assert "|" not in told


def test_letter__can_be_of_one_creditor_alone(night: Night) -> None:
    told = letter(night, "C1", "--format", "markdown", "--company", "UK")
    assert "Claims of UK" in told
    assert "Claims of 1000" not in told
    assert statement(night, "C1", "--company", "nobody").exit_code == 2


def test_statement__writes_a_file_as_a_whole(night: Night, tmp_path: Path) -> None:
    path = tmp_path / "letter.html"
    path.write_text("old", encoding="utf-8")
    assert letter(night, "C1", "--out", str(path)) == ""
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert [one.name for one in tmp_path.iterdir()] == ["letter.html"]


def test_statement__does_not_write_over_a_link(night: Night, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    result = statement(night, "C1", "--out", str(link))
    assert result.exit_code == 73
    assert link.is_symlink()
    assert not (tmp_path / "target").exists()


def test_statement__of_all_as_csv_warns_of_texts_like_formulas(night: Night) -> None:
    result = statement(night, "--all", "--format", "csv")
    assert result.exit_code == 0
    assert '"=cmd()","1000","<b>"' in result.stdout  # byte for byte
    assert result.stdout.count("\n") == 7
    assert "2 texts begin like a formula" in result.stderr
    one = statement(night, "PAYER", "--format", "csv")
    assert one.stdout.count("\n") == 1


@pytest.mark.parametrize(
    "arguments", [[], ["--all"], ["C1", "--all", "--format", "csv"], ["nobody"]], ids=str
)
def test_statement__refuses_what_is_not_clear(night: Night, arguments: list[str]) -> None:
    result = statement(night, *arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
