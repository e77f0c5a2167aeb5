# Each target makes its own virtual environment when there is none. PYTHON=… picks the interpreter, VENV=… the folder.
PYTHON ?= $(shell sh scripts/find-python.sh)
VENV ?= .venv
EXAMPLE ?= orders
RUN = $(VENV)/bin/python
STAMP = $(VENV)/.kgen-installed
SOURCES = pyproject.toml uv.lock setup.py scripts/make-venv.sh scripts/empty-venv.sh $(wildcard runtime/kgen_runtime/codec/native/*.pyx runtime/kgen_runtime/codec/native/*.pxi runtime/kgen_runtime/codec/native/*.h)
# The tests start some thousand processes: without bytecode on disk each of these compiles all modules anew.
unexport PYTHONDONTWRITEBYTECODE
PYTEST = $(RUN) -m pytest -p no:cacheprovider
# Processes of pytest: one for each core, at most four. A file's tests go to one of them, as they share what their fixtures start; files in
# their order, in which those that take long come first.
JOBS ?= auto
PARALLEL = -n $(JOBS) --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Lines are counted where that costs next to nothing: CPython 3.12 and later have a monitor for it.
COVERAGE = $(shell $(RUN) -c 'import sys; sys.version_info >= (3, 12) and print("--cov --cov-report=")')
VERSIONED = tests/golden tests/unit/codec tests/unit/serde tests/unit/state tests/integration/test_runtime.py $(addprefix tests/unit/runtime/test_, $(addsuffix .py, \
	arrivals bytewax_insides contract exactly_once item_steps librdkafka_insides local_cluster messages read read_table recovery run shutdown source state_copies stateful_steps testing windowing writer))
# Each is a project with a demo.py of its own, so mypy checks each by itself; orders is among its `files` in pyproject.toml.
EXAMPLES = $(filter-out examples/orders,$(patsubst %/kgen.toml,%,$(wildcard examples/*/kgen.toml)))
PORTABLE = tests/golden tests/unit/codec tests/unit/serde tests/unit/model tests/unit/merge tests/unit/test_without_bytewax.py \
	$(addprefix tests/unit/, diff/test_outlines.py gen/test_pull.py gen/test_promises.py gen/test_unread.py)

.DEFAULT_GOAL := help
.PHONY: help demo test check docs test-cluster test-wheel test-portable bench bench-peers bench-peers-publish fuzz sanitize test-kafka test-version test-histories faults format clean

help: ## what the targets do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): $(SOURCES)
	@sh scripts/make-venv.sh $(VENV) "$(PYTHON)"
	@touch $@

demo: $(STAMP) ## kgen's main job on a local broker and registry, start to end; EXAMPLE=clickstream plays another of examples/
	@$(RUN) examples/$(EXAMPLE)/demo.py

test: $(STAMP) ## the tests, on one Python, with the local broker and registry; on 3.12 with a floor for the share of lines that they run
	COVERAGE_CORE=sysmon $(PYTEST) $(PARALLEL) $(COVERAGE) -m "not kafka and not histories and not cluster"

docs: $(STAMP) ## the documentation as a site, in build/docs; a broken link is an error
	$(RUN) -m sphinx -q -W --keep-going -d build/doctrees docs build/docs

check: $(STAMP) docs ## ruff, mypy --strict, pyright on what is generated, import directions, the site, workflows; warnings are errors
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(RUN) -m mypy tests
	for each in $(EXAMPLES); do $(RUN) -m mypy $$each || exit 1; done
	$(VENV)/bin/basedpyright --pythonpath $(RUN) --project pyproject.toml --warnings
	$(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(VENV)/bin/zizmor --offline --no-progress --quiet .github action.yml

test-wheel: $(STAMP) ## the built wheel, in a clean environment outside the clone: pulls, and runs a flow
	@sh scripts/make-venv.sh $(VENV) "$(PYTHON)" wheel
	sh scripts/test-wheel.sh $(RUN)

test-kafka: $(STAMP) ## the tests on Apache Kafka, faults among them, and on the in-memory broker (needs Java 17 and Maven)
	$(PYTEST) -m kafka $(SELECT)

test-cluster: $(STAMP) ## flows on several hosts that die, are cut off, late or slow (needs root on Linux, Java 17 and Maven)
	$(PYTEST) -m cluster tests/cluster

test-portable: $(STAMP) ## the tests of what needs no Bytewax, as on Python 3.13 and later
	$(PYTEST) -m "not kafka and not histories and not slow and not broker" $(PORTABLE)

test-version: $(STAMP) ## the tests of what depends on the version of Python: codec, kept state, generated code, runs of flows
	$(PYTEST) -m "not kafka and not histories and not slow" $(VERSIONED)

test-histories: $(STAMP) ## releases of public projects pulled one after another, with edits and kept state (needs Maven)
	$(PYTEST) -m histories tests/histories

faults: $(STAMP) ## the fault tests for longer: 30 rounds of kills, a broker that hangs for 20 s (needs Java 17 and Maven)
	KGEN_FAULT_ROUNDS=30 KGEN_FAULT_PAUSE=20 $(PYTEST) -m kafka tests/faults

bench: $(STAMP) ## speed against the peers, in one run, as ratios
	@sh scripts/make-venv.sh $(VENV) "$(PYTHON)" bench
	$(RUN) -m tests.bench

bench-peers: $(STAMP) ## speed beside the frameworks that users choose from, in an environment and processes of their own
	@sh scripts/make-venv.sh $(VENV) "$(PYTHON)" bench
	@sh scripts/peers-venv.sh .bench/peers "$(PYTHON)"
	$(RUN) -m tests.bench.peers $(SELECT)

bench-peers-publish: bench-peers ## the same, and its tables and chart into the documentation
	$(RUN) -m tests.bench.peers.publish

fuzz: $(STAMP) ## a million damaged payloads through the codec: values or DecodeError, nothing else
	$(RUN) -m tests.faults.fuzz_codec 1000000
	$(RUN) -m tests.faults.fuzz_columns 100000

sanitize: $(STAMP) ## the codec's tests on a build with gcc's address and undefined-behaviour sanitizers
	@sh scripts/make-venv.sh $(VENV) "$(PYTHON)" sanitize
	sh scripts/sanitize.sh $(RUN)

format: $(STAMP) ## let ruff fix what it can
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

clean: ## remove what was built here
	rm -rf $(VENV) build .demo .cache .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
	find . -name '*.so' -path './runtime/*' -delete
