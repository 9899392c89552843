"""`tunewright init NAME`: a job of one's own, to be changed line by line, that runs as it is."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tunewright.core import files, recipe_file
from tunewright.core.errors import UsageError

RECIPE = """\
# yaml-language-server: $schema=recipe.schema.json
# Every key and its default: tunewright recipes smoke. Unknown keys are refused with the nearest name.
name: "{name}"
description: What this job does, in one line
seed: 0

# wren is embedded and needs no network. A folder or a Hugging Face id can take its place.
model: wren

task:
  json_schema: schema.json # what every answer must look like; the order of its keys is the order of the answer
  instruction: Extract these fields as JSON. Use null for what the document does not give.

data:
  source: data.jsonl # also .json, .csv, .parquet, a folder, a Hugging Face id, or synth:invoices
  # columns: {{text: ocr_text, json: gold}} # if your file names its columns otherwise
  test_share: 0.25 # without a `split` of its own, this share is kept for testing
  validation_documents: 3 # chosen from the rest, to watch the loss

method:
  name: lora # or full
  lora_r: 32

train:
  learning_rate: 0.002
  num_train_epochs: 10 # few rows need many passes; with thousands of rows 1 to 3 are enough
  per_device_train_batch_size: 4

evaluate:
  sample: 400
  # gates: {{exact_match: 0.9}} # tunewright compare exits with 3 below this
"""

KEYS = ("order_number", "customer", "city", "total")
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {key: {"type": ["string", "null"]} for key in KEYS},
    "required": list(KEYS),
    "additionalProperties": False,
}

ROWS = [
    ("Order A-1041 for Meera Joshi, Pune. Amount due: Rs 1,250.", "A-1041", "Meera Joshi", "Pune", "1250"),
    ("Order no: A-1042\nCustomer: David Cole\nCity: Leeds\nTotal: 88.40", "A-1042", "David Cole", "Leeds", "88.40"),
    ("Dear Farah Khan, your order A-1043 goes to Lucknow today.", "A-1043", "Farah Khan", "Lucknow", None),
    ("A-1044 | Lena Vogt | Graz | 310.00", "A-1044", "Lena Vogt", "Graz", "310.00"),
    ("ऑर्डर संख्या: B-2001\nग्राहक: सुनीता यादव\nशहर: पटना\nकुल: ₹980", "B-2001", "सुनीता यादव", "पटना", "980"),
    ("सुनील वर्मा, इंदौर। आपका ऑर्डर B-2002, कुल राशि ₹2,400", "B-2002", "सुनील वर्मा", "इंदौर", "2400"),
    ("ship to: Kolkata\nname: Arnab Sen\norder: A-1045\nto pay: 640", "A-1045", "Arnab Sen", "Kolkata", "640"),
    ("Hi, this is Grace Otieno from Nairobi, where is my order A-1046?", "A-1046", "Grace Otieno", "Nairobi", None),
    ("Customer Ivan Petrov ordered goods for 75.25 (order A-1047).", "A-1047", "Ivan Petrov", None, "75.25"),
    ("ग्राहक: रेखा शर्मा | शहर: जयपुर | ऑर्डर: B-2003 | कुल: ₹1,125", "B-2003", "रेखा शर्मा", "जयपुर", "1125"),
    ("TOTAL 512.00\nORDER A-1048\nCITY Oslo\nCUSTOMER Nils Berg", "A-1048", "Nils Berg", "Oslo", "512.00"),
    ("Order for Chennai, reference A-1049, 19 boxes, 4,300 in all.", "A-1049", None, "Chennai", "4300"),
    ("नमस्ते, मैं अजय मिश्रा। ऑर्डर B-2004 भोपाल भेज दीजिए।", "B-2004", "अजय मिश्रा", "भोपाल", None),
    ("Bill to Hana Sato, Osaka / order A-1050 / sum 9,990", "A-1050", "Hana Sato", "Osaka", "9990"),
    ("A-1051: Tom Reilly (Cork) pays 45.00", "A-1051", "Tom Reilly", "Cork", "45.00"),
    ("कुल राशि ₹3,600, ऑर्डर B-2005, ग्राहक नीलम गुप्ता, कानपुर", "B-2005", "नीलम गुप्ता", "कानपुर", "3600"),
    ("Order number A-1052. Customer name Olu Adeyemi. City Lagos. Total 230.", "A-1052", "Olu Adeyemi", "Lagos", "230"),
    ("For Surat: 1,75,000 by Kiran Patel, see order A-1053.", "A-1053", "Kiran Patel", "Surat", "175000"),
    ("Please cancel A-1054. Regards, Eva Novak", "A-1054", "Eva Novak", None, None),
    ("शहर नागपुर, ग्राहक विकास राव, ऑर्डर B-2006, भुगतान ₹765.50", "B-2006", "विकास राव", "नागपुर", "765.50"),
]
"""(text, order number, customer, city, total) of twenty small documents."""


def begin(name: str) -> dict[Path, str]:
    """Make the folder `name` with a recipe, a JSON Schema and sample rows. Returns path → what it is.

    Raises UsageError for a name that no recipe may have, and where the folder already holds one of the files.
    """
    folder = Path(name).expanduser()
    short = folder.name
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", short):
        raise UsageError(
            f"'{name}' cannot be a recipe's name", hint="begin with a letter or digit; letters, digits, . _ - follow"
        )
    contents = {
        folder / "recipe.yaml": (RECIPE.format(name=short), "the recipe, every line explained"),
        folder / "schema.json": (
            json.dumps(SCHEMA, indent=2) + "\n",
            "what the answers look like: change it to yours",
        ),
        folder / "data.jsonl": ("".join(files.line(row(*each)) for each in ROWS), "twenty sample rows"),
        folder / "recipe.schema.json": (json.dumps(recipe_file.json_schema(), indent=2) + "\n", "help for your editor"),
    }
    standing = [str(path) for path in contents if path.exists()]
    if standing:
        raise UsageError("is there already and is kept as it is", where=standing[0], hint="choose another NAME")
    for path, (text, _) in contents.items():
        files.write_text(path, text)
    return {path: what for path, (_, what) in contents.items()}


def row(text: str, *values: str | None) -> dict[str, object]:
    language = "hi" if re.search("[\u0900-\u097f]", text) else "en"
    return {"text": text, "json": dict(zip(KEYS, values, strict=True)), "language": language}
