"""The dossier of an order: what was tried to reach its citizen, in a form that the utility can check by itself."""
