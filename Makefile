# Everything runs in .venv, which the first target that needs it makes from requirements.lock.
.DEFAULT_GOAL := help
.PHONY: help up demo restore-drill test test-fast test-faults check bench reset lock
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

# What a person's shell sets for other projects must not reach this one.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

PYTHONS := python3.13 python3.12 python3.11 python3
PY := .venv/bin/python
INSTALLED := .venv/.installed
SLOW := database or simulator or temporal or system or faults
# Most of what tests do is wait, so two files run beside each other, each with servers of its own. Where one of the two processes
# crashes, the run ends: with another in its place it would wait for ever for the tests that were lost.
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

help: ## list the targets
	@echo "make up         the whole system in the foreground, with yesterday's data; Ctrl-C ends it"
	@echo "make demo       200 charges over both gateways, the books and the proof (KEEP=1 leaves it running)"
	@echo "make restore-drill  lose the database, restore it to a moment, verify, prove and repair the books"
	@echo "make reset      delete the local system's data and logs"
	@echo "make test       all tests"
	@echo "make test-fast  the tests that need no server, in a minute and a half on two cores"
	@echo "make test-faults  the long runs of the fault suite, which make test leaves out (FAULT_SEED=n replays one)"
	@echo "make check      format, lint, types, imports, licences: what CI runs before the tests"
	@echo "make bench      measure speed and size (ONLY=name for one of them)"
	@echo "make lock       refresh requirements.lock and what is derived from it; UPGRADE=1 takes newer versions (needs uv)"

up: $(INSTALLED)
	@$(PY) -m local up

demo: $(INSTALLED)
	@$(PY) -m local demo $(if $(filter-out 0,$(KEEP)),--keep)

restore-drill: $(INSTALLED)
	@$(PY) -m local restore-drill

reset: $(INSTALLED)
	@$(PY) -m local reset

test: $(INSTALLED)
	@$(PY) -m pytest $(SIDE_BY_SIDE)

test-fast: $(INSTALLED)
	@$(PY) -m pytest $(SIDE_BY_SIDE) -m "not ($(SLOW))"

test-faults: $(INSTALLED)
	@$(PY) -m pytest -m faults

check: $(INSTALLED)
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy .
	@$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' --no-logo
	@$(PY) -m pytest --quiet tests/test_architecture.py tests/test_licences.py

bench: $(INSTALLED)
	@$(PY) -m benchmarks $(ONLY)

lock: $(INSTALLED)
	@uv=$$(command -v uv || command -v uvx) || { \
	  echo "make lock needs uv: install it (https://docs.astral.sh/uv/), then run this again" >&2; exit 3; }; \
	case $$uv in *uvx) uv="$$uv uv";; esac; \
	$$uv pip compile pyproject.toml --quiet $(if $(UPGRADE),--upgrade) --universal --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --python-version 3.11 --extra local --extra dev --output-file requirements.lock
	@$(MAKE) --no-print-directory $(INSTALLED)
	@$(PY) -m deploy.locks

# Made anew where it is broken or half made; a change of the lock installs into the one that is there.
$(INSTALLED): requirements.lock
	@if ! $(PY) -m pip --version >/dev/null 2>&1; then \
	  found=; for python in $(PYTHONS); do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then echo "Python 3.11 or newer is needed; none of these is: $(PYTHONS)" >&2; exit 3; fi; \
	  $$found -m venv --clear .venv || { \
	    echo "$$found cannot make virtual environments; install its venv module (Debian: apt install python3-venv)" >&2; \
	    exit 3; }; \
	fi
	@echo "Installing what is needed into .venv (once; a minute or two) ..."
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements.lock
	@touch $@
