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
DEFAULT_MODEL := qwen2.5-coder-1.5b

TRAIN = OMP_WAIT_POLICY=passive $(BIN)/python -m worker.training
TRAINED_ON = --data $(DATA) --model "$$($(BIN)/copydesk model path)"
REPAIR = repair $(TRAINED_ON) --prompt configs/prompts/repair.v2.toml

# Most figures and all trained weights are of the small profile; COPYDESK_PROFILE names another.
bench bench-queue quality train: export COPYDESK_PROFILE ?= small

.DEFAULT_GOAL := help
.PHONY: help run test check lint format bench bench-engine bench-queue chaos quality train clean

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

test: $(BIN)/.ready ## All tests, with a real Valkey, a real worker and the real models
	$(BIN)/copydesk model pull
	$(BIN)/copydesk model pull smollm2-135m
	$(BIN)/pytest $(TESTS)

format: $(BIN)/.ready ## Format the code and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BIN)/.ready ## Articles a second, end to end, against a plain script over ARTICLES
	$(BIN)/copydesk model pull
	$(BIN)/python -m tests.bench.throughput $(ARTICLES) $(if $(LIMIT),--count $(LIMIT))

bench-engine: $(BIN)/.ready ## The engine against other ways to run the model, on SENTENCES; llama.cpp on GGUF
	$(BIN)/copydesk model pull
	$(if $(GGUF),$(BIN)/python -m pip install --quiet -c constraints.txt \
		--no-binary llama-cpp-python llama-cpp-python==0.3.36)
	$(BIN)/python -m tests.bench.engine --sentences $(SENTENCES) $(if $(GGUF),--gguf $(GGUF))

quality: $(BIN)/.ready ## What the small profile reaches, careful and bold, on the development sets in DATA
	$(BIN)/copydesk model pull
	for set in wmt22_news mlqe cweb invent; do \
		$(BIN)/copydesk evaluate repair $(DATA)/repair/dev_$$set.jsonl.gz --json || exit; done
	$(BIN)/copydesk evaluate repair $(DATA)/repair/dev_jfleg.jsonl.gz --restraint bold --json
	$(BIN)/copydesk evaluate repair $(DATA)/repair/dev_wmt22_news.jsonl.gz --restraint bold --json
	$(BIN)/python -m pip install --quiet harper-py==0.2.0
	$(BIN)/python -m tests.quality.rivals $(DATA)/repair/dev_wmt22_news.jsonl.gz --limit 1000
	$(BIN)/copydesk evaluate furniture $(DATA)/furniture/pages.jsonl.gz --json
	$(BIN)/copydesk evaluate damage $(DATA)/clean/bbc.jsonl.gz --limit 300 --json
	for set in writers summeval realsumm neus; do \
		$(BIN)/copydesk evaluate summary $(DATA)/summary/dev_$$set.jsonl.gz --json || exit; done
	for set in qags_cnndm cliff; do \
		$(BIN)/copydesk evaluate support $(DATA)/support/dev_$$set.jsonl.gz --json || exit; done

train: $(BIN)/.ready ## Make the adapters and the acceptor again, from the sets in DATA (see its model card)
	$(BIN)/copydesk model pull
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train]'
	$(TRAIN) $(REPAIR) --pairs 10000 --out $(WORK)/first/adapter --work $(WORK)/first
	$(TRAIN) $(REPAIR) --start $(WORK)/first/adapter --pairs 6300 \
		--out worker/weights/repair.v2 --work $(WORK)/second
	$(TRAIN) estimator --data $(DATA) --work $(WORK)/estimator
	$(TRAIN) acceptor --data $(DATA) --work $(WORK)/acceptor
	$(TRAIN) meaning --data $(DATA) --work $(WORK)/meaning
	$(TRAIN) material --data $(DATA) --pairs 2000 --out $(WORK)/material
	$(BIN)/copydesk model pull $(DEFAULT_MODEL)
	$(TRAIN) writer --model "$$($(BIN)/copydesk model path $(DEFAULT_MODEL))" --work $(WORK)/writer \
		--material $(WORK)/material --prompt configs/prompts/repair.v4.toml --out worker/weights/repair.v4
	$(TRAIN) summary $(TRAINED_ON) --prompts configs/prompts \
		--out worker/weights/summary.v1 --work $(WORK)/summary

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
