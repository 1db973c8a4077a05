#!/usr/bin/env python3
"""Monthly rainfall of a year, from the table below. Arguments as JSON in the first argument, the answer as JSON printed."""
import json
import sys

millimetres = {
    2024: [71, 58, 44, 39, 86, 52, 97, 40, 63, 75, 60, 82],
    2025: [38, 21, 12, 47, 55, 31, 108, 66, 72, 59, 49, 70],
}

args = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
print(json.dumps({"status": "success", "data": millimetres[args["year"]]}))
