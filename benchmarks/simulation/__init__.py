"""The real scheduler and the chart's own scaling formulas on a clock that needs no waiting."""
