# Keydesk is started, tested and measured from here. `make` alone says how.
#
# It needs git, make and Python 3.11 or newer with venv. Everything else comes from requirements/*.txt,
# each file pinned by its hash, into .venv. A stamp named after the lock's hash makes later starts quick.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
PYTEST_ARGS ?=
# The order of the tests is shuffled, and the same at each run: what decides a landing can be run again.
SEED ?= 1

python := $(VENV)/bin/python
desk := $(VENV)/desk-$(shell git hash-object requirements/desk.txt)
dev := $(VENV)/dev-$(shell git hash-object requirements/dev.txt)
pip := $(python) -m pip install --quiet --disable-pip-version-check --require-hashes
pytest := $(python) -m pytest --randomly-seed=$(SEED) $(PYTEST_ARGS)
# Tests that share nothing run beside each other one by one. Those of the other folders do so file by file, for a file shares a
# desk, and the long ones begin first, as tests/conftest.py says; those marked `alone` have nothing beside them.
alike := tests/cli tests/contracts tests/integration tests/unit
filed := $(addprefix --ignore=,$(alike) tests/hosts)
beside := -n auto --dist loadfile --no-loadscope-reorder -m "not alone"
apart = $(shell grep -rlw --include='test_*.py' --exclude-dir=hosts 'mark.alone' $(1))
on_both := tests/integration tests/races tests/replica
histories := tests/races tests/replica/test_lifecycle.py

# What Python has compiled serves every process of a run, also where the environment would have each compile it again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test alike lint races agreement faults hosts bench many css messages reference clean tools browser gateways namespaces wrk

help: ## say what can be made
	@echo "make <target>:"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

demo: $(desk) ## start a desk with made-up content at http://127.0.0.1:8000 (ARGS=--reset starts afresh)
	@$(python) -m keydesk demo $(ARGS)

# What a part makes once for its tests, such as a filled demo, serves the next part too.
test: export PYTEST_KEYDESK_MADE = $(CURDIR)/test-results/made
test: $(dev) ## everything that has to pass before a change lands
	@rm -rf test-results/made && mkdir -p test-results/made
	@$(MAKE) --no-print-directory --jobs=3 lint tools alike
	$(pytest) $(beside) $(filed)
	$(pytest) -m alone $(call apart,tests)
	$(pytest) $(beside) --database postgresql $(on_both)
	$(pytest) -m alone --database postgresql $(call apart,$(on_both))

# It needs none of the tools, so it does not wait for them.
alike: $(dev)
	$(pytest) -n auto $(alike)

lint: $(dev) ## style and types, without running anything
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(python) -m mypy

races: $(dev) ## what holds when people and processes collide, and through 1,000 lives of keys, on both databases
	$(pytest) $(histories) --rounds 1000 --collisions 1000 --revocations 1000
	$(pytest) $(histories) --rounds 1000 --collisions 1000 --revocations 1000 --database postgresql

agreement: $(dev) ## that every door gives one decision, in 100,000 situations each drawn anew
	$(python) -m pytest -p no:randomly $(PYTEST_ARGS) --situations 100000 -n auto \
	  tests/unit/verifier/test_agreement.py tests/unit/client/test_agreement.py

faults: $(dev) ## killed processes and actions, full disks, stopped databases, in full
	$(pytest) tests/faults --kills 20

hosts: $(dev) namespaces ## several hosts as network namespaces: cuts, a failover, a host that joins (needs root)
	$(pytest) tests/hosts --host-revocations 300 --lease-seconds 30 --failover-keys 200 --many-keys 1000000

bench: $(dev) wrk ## measure the verifier and the desk, print the figures and write them as JSON
	$(python) tests/benchmarks/verify/run.py $(ARGS)
	$(python) tests/benchmarks/desk/run.py $(filter --keep,$(ARGS))

many: $(dev) wrk ## measure what ten million keys cost a host (needs 8 GB of memory and of disk; ARGS=--keys=1000000)
	$(python) tests/benchmarks/verify/many.py $(ARGS)

css: ## compile the stylesheet (needs Node)
	@command -v npm >/dev/null || { echo "make css needs Node with npm: install it and run again." >&2; exit 1; }
	npm install --no-save --no-audit --no-fund
	npm run css

messages: export DJANGO_SETTINGS_MODULE := keydesk.server.settings
messages: $(dev) ## collect the texts of the pages and compile both languages (needs gettext)
	@command -v msgfmt >/dev/null || { echo "make messages needs gettext: apt-get install gettext, then run again." >&2; exit 1; }
	cd src/keydesk && $(abspath $(python)) -m django makemessages --locale id --no-obsolete --no-location --no-wrap
	cd src/keydesk && $(abspath $(python)) -m django compilemessages --locale id

reference: $(dev) ## write the pages under docs/reference that the code defines
	$(python) docs/generate.py

clean: ## remove the virtual environment, caches and the demo's data
	rm -rf $(VENV) data/demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis test-results node_modules

# --- what the targets above need ---

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Keydesk needs Python 3.11 or newer as $(PYTHON): install it, or say where it is with make PYTHON=python3.13 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Python's venv is missing: apt-get install python3-venv, then run again." >&2; exit 1; }
	@echo "$(CURDIR)/src" > "$$($@ -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/keydesk.pth"

$(desk): | $(VENV)/bin/python
	@echo "Installing what Keydesk needs into $(VENV). This happens once and takes a minute ..."
	@$(pip) -r requirements/desk.txt
	@touch $@

# Its lock has all of the desk's, in the same versions.
$(dev): | $(VENV)/bin/python
	@echo "Installing what Keydesk and its tests need into $(VENV). This happens once and takes a minute or two ..."
	@$(pip) -r requirements/dev.txt
	@touch $(desk) $@

# One after the other, for whoever installs holds a lock, and beside what has work for a processor.
tools:
	@$(MAKE) --no-print-directory browser
	@$(MAKE) --no-print-directory gateways

# A tool that does not come from Python is installed where that is possible, or asked for in a sentence.
# Any Chromium will do; the one without windows does the same for a third of the processor's time.
browser:
	@command -v chromium-headless-shell >/dev/null || $(call fetch,chromium-headless-shell fonts-liberation) || \
	  command -v chromium >/dev/null || $(call install,chromium fonts-liberation)

gateways:
	@PATH="$$PATH:/usr/sbin"; command -v haproxy >/dev/null && command -v caddy >/dev/null || $(call install,haproxy caddy)

namespaces:
	@PATH="$$PATH:/usr/sbin" command -v ip >/dev/null || $(call install,iproute2)
	@PATH="$$PATH:/usr/sbin" command -v iptables >/dev/null || $(call install,iptables)

wrk:
	@command -v wrk >/dev/null || $(call install,wrk)

fetch = { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && apt-get install -qq -y --no-install-recommends $(1); }
install = $(call fetch,$(1)) || \
  { echo "This needs $(1): install it (on Debian: apt-get install $(1)) and run again." >&2; exit 1; }
