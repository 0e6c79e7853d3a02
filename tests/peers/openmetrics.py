"""Reads OpenMetrics from standard input as strictly as its reference parser does, and prints each
sample as a line of JSON: its name, its labels, its value."""

import json
import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families

for family in text_string_to_metric_families(sys.stdin.read()):
    for sample in family.samples:
        print(json.dumps([sample.name, sample.labels, sample.value]))
