"""The ANOVA process."""
