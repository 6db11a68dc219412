# Axons: `make demo` to see it, `make test` to trust it. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PY := .venv/bin/python
DEMO := PYTHONPATH=deploy/demo $(PY) -m axons_demo
SERVERS := set -a; if [ -f .services/env ]; then . .services/env; fi; set +a;
FAST := not slow and not needs_postgres and not needs_rabbitmq and not needs_s3 and not needs_chromium
PYTEST_ARGS ?=
# Two workers, each with a database and an S3 server of its own; a file stays with one of them.
TWO := -n 2 --dist loadfile --no-loadscope-reorder
JOBS ?= 2000
SEED ?= 1
RUNNERS ?= 4
FENCING ?= on
CLOUD ?=
PYTHON_ROOMS := axons_xblock axons_service gpu_image course_content deploy scripts tests setup.py


.PHONY: help setup demo demo-check test test-fast faults faults-long lms-contract conformance test-postgres test-browser bench-service bench-desk bench-runner simulate services deploy-check deploy-tools \
	services-stop lint types frontend frontend-check openapi contract openapi-check screenshots clean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "make %-16s %s\n", $$1, $$2}' Makefile

setup: ## .venv with everything, from PyPI wheels (done once; again when requirements change)
	@scripts/setup.sh

demo: setup ## start the whole thing and print its URL; Ctrl-C stops it (AXONS_PORT=18600 chooses the first port)
	@$(DEMO) up

demo-check: setup ## the student's whole path without a browser, with times
	@$(DEMO) check

test: setup ## all tests but the browser's; those whose server is absent say so
ifeq ($(strip $(PYTEST_ARGS)),)
	@$(SERVERS) failed=0; $(PY) -m pytest tests/service $(TWO) || failed=1; \
		$(PY) -m pytest --ignore=tests/e2e --ignore=tests/service --ignore=tests/faults $(TWO) || failed=1; \
		$(PY) -m pytest tests/faults || failed=1; exit $$failed
else
	@$(SERVERS) $(PY) -m pytest --ignore=tests/e2e $(PYTEST_ARGS)
endif

test-fast: setup ## the unit lane, under two minutes, no servers
	@$(PY) -m pytest --ignore=tests/e2e -m "$(FAST)" $(PYTEST_ARGS)

faults: setup ## seeded chaos over real servers of its own: JOBS=2000 SEED=1 RUNNERS=4 FENCING=on CLOUD=ovh (Linux, libfaketime)
	@PYTHONPATH=.:deploy/demo $(PY) -m tests.faults.chaos --jobs $(JOBS) --seed $(SEED) --runners $(RUNNERS) --fencing $(FENCING) --cloud "$(CLOUD)"

faults-long: setup ## after make services: the storms that make test leaves out, a failing cloud and a fence that is taken away
	@$(SERVERS) AXONS_REQUIRE_SERVICES=1 $(PY) -m pytest tests/faults -m long $(PYTEST_ARGS)

deploy-tools: setup ## Tutor, hadolint and the parsers that read deploy/ in the tests, apart from .venv
	@scripts/deploy_tools.sh

deploy-check: deploy-tools ## the manifests, compose files, Dockerfiles, alerts and the Tutor plugin, read by the real tools
	@$(PY) -m pytest tests/deploy $(PYTEST_ARGS)

lms-contract: setup ## what an LMS asks of the XBlock, on every XBlock release it may have (tests/lms_contract/rules.md)
	@scripts/lms_contract.sh

conformance: setup ## what every provider of compute promises: local, static, kubernetes, ovh
	@$(PY) -m pytest tests/conformance $(PYTEST_ARGS)

test-postgres: setup ## the service's tests once more, on the PostgreSQL of make services
	@$(SERVERS) AXONS_TEST_DATABASE_URL="$${AXONS_TEST_POSTGRES_URL:?run make services first}" \
		$(PY) -m pytest tests/service $(TWO) $(PYTEST_ARGS)

test-browser: setup ## Chromium drives the running demo; screenshots in test-artifacts/
	@$(PY) -m pytest tests/e2e $(PYTEST_ARGS)

services: setup ## RabbitMQ, PostgreSQL and SeaweedFS, private, on loopback; URLs in .services/env
	@$(PY) -m scripts.services start

services-stop: ## stop what `make services` started
	@$(PY) -m scripts.services stop

bench-service: setup ## the service's figures (QUICK=1 checks the script, WRITE=docs/performance.md writes the page)
	@QUICK="$(QUICK)" WRITE="$(WRITE)" $(PY) -m tests.benchmarks.service

bench-desk: setup ## the graders' and the educator's pages with 10 and with 10,000 submissions, on the PostgreSQL of make services
	@$(SERVERS) AXONS_TEST_DATABASE_URL="$${AXONS_TEST_POSTGRES_URL:?run make services first}" $(PY) -m tests.benchmarks.desk

bench-runner: setup ## the runner's figures beside plain scripts (QUICK=1 checks the script, WRITE=docs/performance.md writes its section)
	@QUICK="$(QUICK)" WRITE="$(WRITE)" $(PY) -m tests.benchmarks.runner

simulate: setup ## a day of a 10,000-student course under three scaling policies (WRITE=docs/scaling.md writes the page)
	@$(PY) -m tests.benchmarks.scaling --seed $(SEED) $(if $(WRITE),--write $(WRITE))

lint: setup ## ruff
	@.venv/bin/ruff check $(PYTHON_ROOMS)
	@.venv/bin/ruff format --check $(PYTHON_ROOMS)

types: setup ## mypy
	@scripts/types.sh

frontend: ## build the front end into axons_xblock/static (needs Node 20)
	@cd axons_xblock/frontend && npm ci --no-audit --no-fund && npm run build

frontend-check: ## tsc, vitest, build; fails when the committed build is stale (needs Node 20)
	@scripts/frontend_check.sh

openapi: setup ## write docs/openapi.yaml and the tables of docs/api.md from the service's code
	@scripts/openapi.sh docs/openapi.yaml

contract: setup ## Schemathesis against the running service: no 5xx, no answer that the document does not promise
	@$(SERVERS) PYTHONPATH=.:deploy/demo $(PY) -m tests.contract

openapi-check: setup ## fails when docs/openapi.yaml or docs/api.md is not current
	@scripts/openapi.sh --check

screenshots: setup ## the browser tests, which also take the README's pictures
	@mkdir -p docs/images; AXONS_README_IMAGES=docs/images $(PY) -m pytest tests/e2e $(PYTEST_ARGS)

clean: ## forget the demo's data, the test servers' data and the artifacts (stop them first)
	@rm -rf .axons .services test-artifacts
