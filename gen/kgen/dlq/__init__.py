"""Dead letters on a broker: read, grouped by cause, looked into, put back.

letter_samples.py      single ones, by partition and offset
timeline.py            counted by stage and time, in bounded memory
timeline_chart.py      those counts as the geometry of a chart
report_page.py         groups, chart and samples as a page
"""
