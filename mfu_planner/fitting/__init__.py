"""A few factors on a stack, fitted to measured steps: priors, robustness, what the steps say and what they do not."""
