"""Google's Lighthouse over the citizen's pages; `make lighthouse` runs it."""
