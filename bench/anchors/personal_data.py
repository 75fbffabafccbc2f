#!/usr/bin/env python3
"""Personal data: this detector beside presidio-analyzer's pattern recognisers, on the same rows.

    bench/anchors/personal_data.py [--rows pii.jsonl] [--spans 600] [--check 50] [--json FILE]

Needs the packages presidio-analyzer, Faker and python-stdnum, and the example `personal-data` of
interlock-core (built here with cargo). Where a package is missing, its part is skipped with a line.

- `--rows`: labelled texts, one JSON record a line with `text` and `label`: recall and false positives
  by row. A row counts as found when anything is reported at confidence 0.5 or more.
- `--spans`: so many sentences made here around values that Faker draws, so that the place of each value
  is known: precision and recall by span, exact and overlapping, by entity.
- `--json`: the figures of rows and spans, for `xtask eval`.
- `--check`: so many synthetic values of each kind go through python-stdnum's checks of the same numbers.

Presidio runs without a language model, which is not on PyPI: its recognisers of names, places and dates
in prose stay silent, and words beside a value are compared as they stand.
"""

import argparse
import collections
import importlib
import json
import logging
import pathlib
import random
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
THRESHOLD = 0.5

# What each of ours corresponds to among Presidio's entities.
ENTITIES = {
    "CREDIT_CARD": ["pii.credit-card"],
    "EMAIL_ADDRESS": ["pii.email"],
    "IBAN_CODE": ["pii.bank-account"],
    "US_SSN": ["pii.ssn"],
    "PHONE_NUMBER": ["pii.phone"],
    "IP_ADDRESS": ["pii.ip-address"],
    "US_ITIN": ["pii.us-itin"],
    "CRYPTO": ["pii.crypto-wallet"],
    "UK_NHS": ["pii.uk-nhs"],
    "MAC_ADDRESS": ["pii.mac-address"],
}
CARRIERS = {
    "CREDIT_CARD": ["please charge {} for the order", "{} was declined twice", "the card on file is {}, can you check?"],
    "EMAIL_ADDRESS": ["write to {} about it", "{} did not answer", "her address is {}."],
    "IBAN_CODE": ["transfer it to {} by Friday", "IBAN: {}", "the account {} is closed"],
    "US_SSN": ["my social security number is {}", "SSN {} on the form", "{} belongs to the applicant"],
    "PHONE_NUMBER": ["call me at {} tomorrow", "phone: {}", "you can reach us under {} until six"],
    "IP_ADDRESS": ["the client address was {} all night", "login from ip {} failed"],
    "US_ITIN": ["his ITIN is {}", "taxpayer number {} was given"],
    "UK_NHS": ["NHS number {} in the letter"],
    "MAC_ADDRESS": ["the MAC address {} was blocked"],
}
BENIGN = [
    "order {n9} has shipped", "the build took {n13} ns", "version {v} is out", "commit {h40} broke it", "{uuid} is the trace",
    "ISBN {isbn}", "meet on {date} at {time}", "tracking number {n12}", "lat {lat} lon {lon}", "total ${price} for {n2} items",
    "sha256:{h64}", "ticket #{n7} was closed", "epoch {n10} to {n10}", "SKU {sku} is out of stock",
]
# Our kinds and the modules of python-stdnum that check the same number.
STDNUM = {
    "bank_account": "iban", "uk_nhs": "gb.nhs", "uk_utr": "gb.utr", "ca_sin": "ca.sin", "au_tfn": "au.tfn", "au_abn": "au.abn",
    "nz_ird": "nz.ird", "in_aadhaar": "in_.aadhaar", "in_pan": "in_.pan", "in_gstin": "in_.gstin", "es_nif": "es.nif",
    "it_codice_fiscale": "it.codicefiscale", "fr_nir": "fr.nir", "de_steuer_id": "de.idnr", "nl_bsn": "nl.bsn",
    "be_national_number": "be.nn", "pl_pesel": "pl.pesel", "pl_nip": "pl.nip", "pt_nif": "pt.nif", "se_personnummer": "se.personnummer",
    "no_fodselsnummer": "no.fodselsnummer", "fi_hetu": "fi.hetu", "is_kennitala": "is_.kennitala", "cz_rodne_cislo": "cz.rc",
    "at_svnr": "at.vnr", "ch_ahv": "ch.ssn", "ro_cnp": "ro.cnp", "bg_egn": "bg.egn", "hr_oib": "hr.oib", "gr_amka": "gr.amka",
    "gr_afm": "gr.vat", "ua_rnokpp": "ua.rntrc", "ru_inn": "ru.inn", "baltic_personal_code": "ee.ik", "lv_personas_kods": "lv.pvn",
    "ie_pps": "ie.pps", "tr_kimlik": "tr.tckimlik", "il_id": "il.idnr", "br_cpf": "br.cpf", "br_cnpj": "br.cnpj", "mx_curp": "mx.curp",
    "ar_cuit": "ar.cuit", "cl_rut": "cl.rut", "cl_rut_k": "cl.rut", "co_nit": "co.nit", "ec_cedula": "ec.ci", "za_id": "za.idnr",
    "cn_resident_id": "iso7064.mod_11_2", "cn_resident_number": "iso7064.mod_11_2", "kr_rrn": "kr.rrn", "th_national_id": "th.pin", "imei": "imei",
    "bank_routing_number": "us.rtn", "credit_card": "luhn", "ssn": "us.ssn",
}


def ours(texts):
    """The findings of each text: (code, confidence, start, end)."""
    binary = ROOT / "target/debug/examples/personal-data"
    rows = "\n".join(json.dumps({"text": t}) for t in texts)
    start = time.perf_counter()
    out = subprocess.run([binary], input=rows, capture_output=True, text=True, check=True).stdout
    spent = time.perf_counter() - start
    found = [[(f["code"], f["confidence"] / 100, f["start"], f["end"]) for f in json.loads(line)] for line in out.splitlines()]
    return found, spent


def presidio():
    """A function from texts to findings like `ours`, or None."""
    try:
        logging.disable(logging.CRITICAL)
        import spacy
        import tldextract
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
        from spacy.language import Language
    except ImportError as error:
        print(f"skipped: presidio-analyzer cannot be imported ({error})")
        return None
    # Its list of domains comes from the network; the copy in the package serves.
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())

    @Language.component("lower_lemma")
    def lower_lemma(doc):
        for token in doc:
            token.lemma_ = token.lower_
        return doc

    nlp = spacy.blank("en")
    nlp.add_pipe("lower_lemma")

    class Blank(SpacyNlpEngine):
        def __init__(self):
            super().__init__()
            self.nlp = {"en": nlp}

        def load(self):
            pass

        def is_loaded(self):
            return True

    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=Blank(), supported_languages=["en"])

    def run(texts):
        start = time.perf_counter()
        # A URL is no personal data here.
        found = [
            [(r.entity_type, r.score, r.start, r.end) for r in analyzer.analyze(t, language="en") if r.entity_type != "URL"] for t in texts
        ]
        return found, time.perf_counter() - start

    return run


def by_row(path, detectors):
    figures = {}
    rows = [json.loads(line) for line in open(path, encoding="utf-8")]
    print(f"\nby row: {len(rows)} rows of {path.name}")
    for name, run in detectors:
        found, spent = run([r["text"] for r in rows])
        table = collections.defaultdict(lambda: [0, 0])
        for row, items in zip(rows, found, strict=True):
            cell = table[(row["label"], row.get("source", ""))]
            cell[0] += any(score >= THRESHOLD for _, score, _, _ in items)
            cell[1] += 1
        hits = {label: [sum(c[i] for (l, _), c in table.items() if l == label) for i in (0, 1)] for label in (0, 1)}
        (fp, negatives), (tp, positives) = hits[0], hits[1]
        precision, recall = tp / max(tp + fp, 1), tp / max(positives, 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        print(
            f"  {name:9} precision {precision:.3f} recall {recall:.3f} F1 {f1:.3f}"
            f" false positives {fp / max(negatives, 1):.4f} ({fp}/{negatives}), {spent:.1f} s"
        )
        for (label, source), (hit, all_) in sorted(table.items()):
            print(f"    {'recall' if label else 'alarms'} {hit:5}/{all_:<5} {source}")
        figures[name] = {"precision": precision, "f1": f1, "recall": [tp, positives], "false": [fp, negatives]}
    return figures


def sentences(count):
    """(text, entity, start, end): one value in each, or none."""
    from faker import Faker

    Faker.seed(7)
    random.seed(7)
    faker = Faker(["en_US", "en_GB", "de_DE", "fr_FR", "it_IT", "es_ES"])
    us, gb = Faker("en_US"), Faker("en_GB")

    def nhs():
        while True:
            digits = [random.randrange(1, 10)] + [random.randrange(10) for _ in range(8)]
            check = 11 - sum(d * w for d, w in zip(digits, range(10, 1, -1), strict=True)) % 11
            if check != 10:
                number = "".join(map(str, digits + [check % 11]))
                return f"{number[:3]} {number[3:6]} {number[6:]}"

    values = {
        "CREDIT_CARD": us.credit_card_number, "EMAIL_ADDRESS": faker.email, "IBAN_CODE": lambda: Faker(random.choice(["de_DE", "en_GB", "fr_FR", "it_IT"])).iban(),
        "US_SSN": us.ssn, "PHONE_NUMBER": lambda: random.choice([us, gb, faker]).phone_number(), "IP_ADDRESS": faker.ipv4_public,
        "US_ITIN": us.itin, "UK_NHS": nhs, "MAC_ADDRESS": lambda: "00:" + us.mac_address()[3:],
    }
    rows = []
    for i in range(count):
        entity = list(values)[i % len(values)]
        value = values[entity]()
        head, tail = random.choice(CARRIERS[entity]).split("{}")
        rows.append((head + value + tail, entity, len(head), len(head) + len(value)))
    hexadecimal = "0123456789abcdef"
    number = lambda n: str(random.randrange(1, 10)) + "".join(random.choices("0123456789", k=n - 1))
    for i in range(count):
        text = BENIGN[i % len(BENIGN)]
        fields = {
            "v": ".".join(number(2) for _ in range(4)), "uuid": us.uuid4(), "isbn": us.isbn13(), "date": us.date(), "time": us.time(),
            "h40": "".join(random.choices(hexadecimal, k=40)), "h64": "".join(random.choices(hexadecimal, k=64)),
            "lat": us.latitude(), "lon": us.longitude(), "price": f"{number(2)},{number(3)}.{number(2)}", "sku": us.bothify("??-####-##").upper(),
            **{f"n{n}": number(n) for n in (2, 7, 9, 10, 12, 13)},
        }
        rows.append((text.format(**fields), None, 0, 0))
    return rows


def by_span(count, detectors):
    try:
        rows = sentences(count)
    except ImportError as error:
        print(f"skipped: Faker cannot be imported ({error})")
        return {}
    figures = {}
    print(f"\nby span: {count} sentences with one value each, {count} without any, made with Faker")
    for name, run in detectors:
        found, spent = run([r[0] for r in rows])
        table = collections.defaultdict(lambda: [0, 0, 0])
        false = 0
        for (_, entity, start, end), items in zip(rows, found, strict=True):
            items = [i for i in items if i[1] >= THRESHOLD]
            if entity is None:
                false += len(items)
                continue
            names = ENTITIES[entity] if name == "interlock" else [entity]
            right = [i for i in items if i[0] in names]
            cell = table[entity]
            cell[0] += any((i[2], i[3]) == (start, end) for i in right)
            cell[1] += any(i[2] < end and start < i[3] for i in right)
            cell[2] += 1
            # A second reading of the same place is no false alarm; one elsewhere is.
            false += sum(not (i[2] < end and start < i[3]) for i in items)
        exact, overlap, all_ = (sum(c[i] for c in table.values()) for i in (0, 1, 2))
        print(
            f"  {name:9} precision {overlap / max(overlap + false, 1):.3f} recall {overlap / all_:.3f}"
            f" (exact {exact / all_:.3f}), {false} false, {spent:.1f} s"
        )
        for entity, (exact, overlap, n) in table.items():
            print(f"    {entity:15} {overlap:4}/{n:<4} exact {exact}")
        exact, overlap, all_ = (sum(c[i] for c in table.values()) for i in (0, 1, 2))
        figures[name] = {
            "precision": overlap / max(overlap + false, 1),
            "recall": [overlap, all_],
            "exact": [exact, all_],
            "false": false,
            "entities": table,
        }
    return figures


def check(count):
    try:
        from stdnum.exceptions import ValidationError
    except ImportError as error:
        print(f"skipped: python-stdnum cannot be imported ({error})")
        return True
    binary = ROOT / "target/debug/examples/personal-data"
    out = subprocess.run([binary, "--synthetic", str(count)], capture_output=True, text=True, check=True).stdout
    wrong, tried = collections.Counter(), collections.Counter()
    example = {}
    for line in out.splitlines():
        kind, value = line.split("\t", 1)
        if kind in STDNUM:
            module = importlib.import_module(f"stdnum.{STDNUM[kind]}")
            try:
                module.validate(value.replace(" ", "") if module.__name__.endswith("luhn") else value)
            except ValidationError:
                wrong[kind] += 1
                example[kind] = value
            except KeyError:
                # Its table lacks the district, about which we know nothing.
                continue
            tried[kind] += 1
    print(f"\ncheck digits: {sum(tried.values())} synthetic values of {len(tried)} kinds, {sum(wrong.values())} refused by python-stdnum")
    for kind, n in wrong.items():
        print(f"    {kind} {n}/{tried[kind]}, such as {example[kind]}")
    return not wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=pathlib.Path)
    parser.add_argument("--spans", type=int, default=600)
    parser.add_argument("--check", type=int, default=50)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    subprocess.run(["cargo", "build", "-q", "--workspace", "--example", "personal-data"], cwd=ROOT, check=True)
    detectors = [("interlock", ours)]
    other = presidio()
    if other:
        import importlib.metadata

        detectors.append((f"presidio-analyzer {importlib.metadata.version('presidio-analyzer')}", other))
    rows = by_row(args.rows, detectors) if args.rows else {}
    spans = by_span(args.spans, detectors)
    if args.json:
        args.json.write_text(json.dumps({"rows": rows, "spans": spans}))
    return 0 if check(args.check) else 1


if __name__ == "__main__":
    sys.exit(main())
