"""Where labels come from: packet filters, folders, device lists, Zeek logs, label tables, your own rules,
other people's tables.
"""
