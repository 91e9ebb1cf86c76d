"""The report: a dataset, and what a model made of it, as one HTML page that needs nothing but itself."""

from haystack_gen.judge.report.writing import Replies, Report, write_report

__all__ = ["Replies", "Report", "write_report"]
