"""Room: the detector in the box, a package that `iotids detect` uses where no other is named.

`detector/` is out/final/multiclass-site_forests of `preset=detector` (docs/unseen-site.md): weights and statistics.
"""
