"""Room: the findings of the audit, a section each."""
