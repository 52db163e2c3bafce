"""Training for sites that are not among the training sites: weights per site and class, inputs that do not
tell the site, normalisation from unlabelled traffic, choices by an inner leave-one-site-out.
"""
