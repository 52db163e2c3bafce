"""What a dataset can and cannot prove: duplicates, twins across a split, shortcuts from source to class,
features that tell too much.
"""
