# Every target sets up what it needs: a virtual environment in .venv, built once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= out
KILLS ?= 100
BROKER_KILLS ?= 10
ARTICLES ?= seeds
COUNT ?= 100000
WORK ?= /tmp/copydesk-training

.DEFAULT_GOAL := help
.PHONY: help run test check lint format bench bench-engine bench-queue chaos train clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(BIN)/.ready ## Repair and summarise the articles of seeds/ into out/
	$(BIN)/copydesk model pull
	$(BIN)/copydesk run seeds/ -o $(OUT)

check: lint test ## What CI runs: format, ruff, mypy, import contracts, tests

lint: $(BIN)/.ready ## Format, ruff, mypy strict, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: $(BIN)/.ready ## All tests, with a real Valkey, a real worker and the real model
	$(BIN)/copydesk model pull
	$(BIN)/pytest $(TESTS)

format: $(BIN)/.ready ## Format the code and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BIN)/.ready ## Articles a second, end to end, against a plain script over ARTICLES
	$(BIN)/copydesk model pull
	$(BIN)/python -m tests.bench.throughput $(ARTICLES) $(if $(LIMIT),--count $(LIMIT))

bench-engine: $(BIN)/.ready ## The engine against other ways to run the model, on SENTENCES and ARTICLES
	$(BIN)/copydesk model pull
	$(BIN)/python -m pip install --quiet -c constraints.txt ctranslate2
	$(BIN)/python -m tests.bench.engine --sentences $(SENTENCES) --articles $(ARTICLES)

train: $(BIN)/.ready ## Make the repair adapter again, from the sets in DATA (see its model card)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train]'
	OMP_WAIT_POLICY=passive $(BIN)/python -m worker.training repair --data $(DATA) \
		--model "$$($(BIN)/copydesk model path)" --prompt configs/prompts/repair.v2.toml \
		--out worker/weights/repair.v1 --work $(WORK)

bench-queue: $(BIN)/.ready ## The queue alone: COUNT articles made of ARTICLES, beside a tutorial's build
	$(BIN)/python -m tests.bench.queue --articles $(ARTICLES) --count $(COUNT)

chaos: $(BIN)/.ready ## Kill workers, clients and the broker at work; what is lost?
	$(BIN)/python -m tests.chaos --kills $(KILLS) --broker-kills $(BROKER_KILLS)

clean: ## Remove the virtual environment and what was written
	rm -rf $(VENV) $(OUT) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

# The stamp is newer than all that says what to install, or the environment is built anew.
$(BIN)/.ready: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade -c constraints.txt pip
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@
