"""Orders of the web shop: a CSV file."""
import csv
import json
from pathlib import Path

source = Path(__file__).parent.parent / "sources" / "web.csv"
with source.open(newline="") as lines:
    orders = [
        {"source": "web", "date": row["date"], "product": row["product"], "pieces": int(row["pieces"]), "cents": int(row["cents"])}
        for row in csv.DictReader(lines)
    ]
print(json.dumps(orders))
