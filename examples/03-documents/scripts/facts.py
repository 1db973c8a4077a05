"""What can be counted in the documents: words, dates, open and done actions. One entry a document, by name."""
import json
import re
from pathlib import Path

docs = Path(__file__).parent.parent / "docs"
action = re.compile(r"^- \[([ x])\] (.+)$", re.MULTILINE)


def facts(text):
    actions = action.findall(text)
    return {
        "title": text.splitlines()[0],
        "words": len(text.split()),
        "dates": sorted(set(re.findall(r"\b\d{4}-\d\d-\d\d\b", text))),
        "open": [what for mark, what in actions if mark == " "],
        "done": [what for mark, what in actions if mark == "x"],
    }


print(json.dumps({file.stem: facts(file.read_text(encoding="utf-8")) for file in sorted(docs.glob("*.txt"))}))
