"""Judging claims and hypotheses by the records on boards, after the rules of docs/hypotheses.md."""
