"""Orders of the market stall: lines written by hand, prices in euros."""
import json
import re
from pathlib import Path

source = Path(__file__).parent.parent / "sources" / "market.txt"
line = re.compile(r"(\d{4}-\d\d-\d\d)\s+(\d+) x (.+) @ (\d+)\.(\d\d)")
print(
    json.dumps(
        [
            {"source": "market", "date": date, "product": product, "pieces": int(pieces), "cents": int(euros) * 100 + int(cents)}
            for date, pieces, product, euros, cents in line.findall(source.read_text())
        ]
    )
)
