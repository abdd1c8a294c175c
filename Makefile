# The verbs of the house. `make up` and `make test` are all that a newcomer needs.
ENV ?= twin
PYTHON ?= python3
RUN := .venv/bin

.PHONY: help up down test test-nodes images check fmt bench docs venv
.DEFAULT_GOAL := help

help: ## Explain the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv:
	@$(PYTHON) twin/bootstrap.py

up: venv ## Raise the environment ENV (twin): toolchain, control plane, stacks, drills
	@$(RUN)/bastide up $(ENV)

down: venv ## Stop the twin, keeping its data
	@$(RUN)/bastide down $(ENV)

test: venv ## Lint, types, contracts, unit, conformance and fault tests, and a whole environment
	@$(RUN)/python -m tests

test-nodes: venv ## Roles, joins and faults on real Debian machines (needs root on Debian)
	@$(RUN)/python -m tests.nodes $(if $(MINUTES),--minutes $(MINUTES))

images: venv ## Build and prove the images NAME (all): node, guest, sandboxes, services (as root)
	@$(RUN)/python -m tests.images $(NAME)

check: venv ## Lint and types only
	@$(RUN)/python -m tests --only-static

fmt: venv ## Format the code
	@$(RUN)/ruff format . && $(RUN)/ruff check --fix .

bench: venv ## Measure, as JSON (see docs/reference/benchmarks.md)
	@$(RUN)/python -m tests.bench

docs: venv ## Regenerate the reference pages
	@$(RUN)/python -m components.model.schema && $(RUN)/python -m policies.docs
