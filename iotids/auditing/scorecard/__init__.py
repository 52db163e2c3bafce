"""Room: a scorecard of any labelled flow table.

`tables` reads it and `roles` finds what its columns are; `exporters` and `releases` recognise where it comes from; `rows`,
`columns`, `order` and `sites` look for faults; `refits` fits models with and without each fault, which is what a fault
is worth; `audit` puts them in order and `pages` writes the card.
"""
