"""Reads one letter: words, order number, amounts in cents, the name beneath it."""
import json
import re
import sys
from pathlib import Path

path = json.loads(sys.argv[1])["letter"]
letter = (Path(__file__).parent.parent / path).read_text(encoding="utf-8")
amounts = [int(euros) * 100 + int(cents) for euros, cents in re.findall(r"(\d+)\.(\d\d)\s+euros", letter)]
order = re.search(r"order (\d{4})", letter, re.IGNORECASE)
print(
    json.dumps(
        {
            "letter": path,
            "from": letter.strip().splitlines()[-1],
            "order": int(order.group(1)) if order else None,
            "words": len(letter.split()),
            "cents": amounts,
        }
    )
)
