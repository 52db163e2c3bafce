# make: from a fresh clone to the paper's tables.   make test | test-slow | test-long | smoke | sweep | paper-size | apply | ui | docs | bench | lint | sample
SHELL := /bin/bash
VENV ?= .venv
UI_PORT ?= 5000
PAPER_SCALE ?= 50
PRESET ?= smoke
export PATH := $(abspath $(VENV))/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export TF_CPP_MIN_LOG_LEVEL := 2

CORES := $(shell getconf _NPROCESSORS_ONLN)
JOBS ?= $(CORES)
# stages that have to run and need nothing of each other run side by side, JOBS `dvc repro` at once, each with its share of the cores:
# flows of the first source, which compiles the meter on every core, then its labels and the other sources, one by one; after the splits the long ones first,
# one by one, then the other baselines by threes, so that no core waits long for the last; after the scores report and detectors
STALE = dvc status --json | python -c 'import json, sys; print(*json.load(sys.stdin), sep="\n")'
FLOWS = grep -E '^(check$$|meter@|label@)' | sort -t@ -k2,2 -k1,1r | awk -F@ '{first = NR == 1 || check && $$1 == "meter"; check = $$1 == "check"; printf "%s%s", NR == 1 ? "" : first || $$2 == source ? " " : "\n", $$0; source = $$1 == "meter" && !first ? $$2 : ""} END {print ""}'
FIRST_ALONE = { read -r first; echo "$$first" | xargs -r dvc repro --single-item && $(SIDE_BY_SIDE); }
MODELS = awk '/^(audit$$|network@|baseline@.*(hoeffding|forest|boosting))/ {print; next} /^baseline@/ {short = short (n++ % 3 ? " " : n > 1 ? "\n" : "") $$0} END {print short}'
ENDS = awk '/^(report$$|final@)/'
AT_ONCE := $(shell echo $$(($(JOBS) < 12 ? $(JOBS) : 12)))
SIDE_BY_SIDE = LOKY_MAX_CPU_COUNT=$(shell echo $$((($(CORES) + $(AT_ONCE) - 1) / $(AT_ONCE)))) xargs -r -P $(JOBS) -L 1 dvc --wait-for-lock repro --single-item

# DVC (3.67) stops at a stage from its run cache that depends on a file of a folder which dvc.lock names and the cache lacks: then every stage runs
ANEW = $(shell cache="$$($(abspath $(VENV))/bin/dvc cache dir)"; grep -o '[0-9a-f]\{32\}\.dir' dvc.lock | while read -r name; do test -e "$$cache/files/md5/$${name:0:2}/$${name:2}" || { echo --force; break; }; done)

.PHONY: all stages setup data test test-slow test-long smoke sweep paper-size apply ui docs bench lint sample lock clean

all: data                       ## the paper's experiment: data, flows, models, tables, figures
	@dvc status --quiet || $(MAKE) --no-print-directory stages
	@echo; echo "Table III, figures and audit: out/report/report.md   Runs: make ui"

stages:                         ## those that have to run: flows and splits, models side by side, scores, then report and detectors side by side
	python -m iotids check
	@python -m iotids.plumbing.torn_lock
	$(STALE) | $(FLOWS) | $(FIRST_ALONE)
	dvc repro split
	$(STALE) | $(MODELS) | $(SIDE_BY_SIDE)
	dvc repro score
	$(STALE) | $(ENDS) | $(SIDE_BY_SIDE)
	dvc repro

setup: $(VENV)/ready

$(VENV)/ready: requirements.lock requirements-uv.lock
	@python3 -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "python3 is %s; 3.11 or newer is needed" % sys.version.split()[0])'
	@test -x $(VENV)/bin/python || python3 -m venv $(VENV)
	@test -x $(VENV)/bin/uv || $(VENV)/bin/python -m pip install --quiet --require-hashes -r requirements-uv.lock
	$(VENV)/bin/uv pip sync --quiet --python $(VENV)/bin/python --compile-bytecode --require-hashes requirements.lock
	$(VENV)/bin/python -m iotids.plumbing.plots_page $(VENV)/plots_page.html
	$(VENV)/bin/python -m iotids.plumbing.launcher $(VENV)
	@touch $@

data: setup
	@python -m iotids.plumbing.torn_lock
	@test -e data/sample || dvc pull --quiet --remote sample data.dvc
	@test out/box -nt box.dvc || { dvc pull --quiet --remote sample box.dvc && touch out/box; } || { test -e out/box && echo "box.dvc cannot be pulled; the older out/box stays"; }

test: setup                     ## every test that takes less than about 20 s
	pytest -m "not slow" --numprocesses auto --maxprocesses 4 --dist loadfile

test-slow: data                 ## the others
	pytest -m "slow and not long"

test-long: data                 ## whole pipelines, sweeps, notebooks and the documents' commands: about 40 minutes
	pytest -m long

smoke: data                     ## the whole DAG in a few minutes, as an experiment that leaves the workspace alone
	dvc exp run --temp $(ANEW) --name $(subst _,-,$(PRESET))-$$(date +%s) -S preset=$(PRESET)

sweep: data                     ## depth, two at a time, beside one baseline
	dvc repro integrate             # flows and labels once, and not by both workers at the same time
	dvc exp run --queue -S preset=smoke -S 'baseline.models=[naive_bayes]' -S 'network.models=[dl4],[dl5],[dl6],[dl7]' report
	dvc queue start -j 2

paper-size: setup               ## the paper's 1.8 million flows in paper-size/, a copy of the project: hours; the same command resumes after a kill
	@test -e paper-size/.git || git clone --quiet . paper-size
	@test -e paper-size/data/paper-size || { iotids sample paper-size/data/part --scale $(PAPER_SCALE) --force && mv paper-size/data/part paper-size/data/paper-size; }
	cd paper-size && iotids params preset=paper_size && $(MAKE) --no-print-directory stages VENV=$(abspath $(VENV))

apply: setup                    ## an experiment's parameters and results into the workspace: make apply EXP=name
	@git diff --quiet HEAD -- ':!params.yaml' ':!dvc.lock' || { echo "dvc exp apply would drop your uncommitted changes: commit or stash them (git status)"; exit 1; }
	@dvc exp list --name-only | grep -qx -- "$(EXP)" || { echo "no experiment $(EXP): make apply EXP=name, with one of"; dvc exp list --name-only; exit 1; }
	@said=$$(dvc exp apply $(EXP) 2>&1) && echo "$$said" || { dvc status --quiet report && echo "all is in place but what the experiment did not run: dvc repro makes it"; } || { echo "$$said"; exit 1; }

ui: setup                       ## MLflow on this machine only; runs on a server are shown by the server
ifneq ($(filter http%,$(MLFLOW_TRACKING_URI)),)
	@echo "the runs are on the server that MLFLOW_TRACKING_URI names: $(MLFLOW_TRACKING_URI)"
else
ifeq ($(MLFLOW_TRACKING_URI),)
	-@python -m iotids publish --experiments out
endif
	@echo "http://127.0.0.1:$(UI_PORT)/#/experiments/1/runs?workflowType=machine_learning&viewStateShareKey=compare&compareRunsMode=CHART"
	mlflow ui --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///$(CURDIR)/mlflow.db}" --host 127.0.0.1 --port $(UI_PORT) --workers 1
endif

docs: setup                     ## the documents as a site for a browser, out/site/index.html
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet
	@echo "out/site/index.html"

bench: data                     ## speed and memory, one table per part
	dvc repro --quiet integrate
	python -m tests.bench.bench_peers
	python -m tests.bench.bench_meter
	python -m tests.bench.bench_integrate out/labelled/D[1-4].parquet
	python -m tests.bench.bench_memory out/flows/D3.parquet data/sample/D3/List_Of_Devices.txt
	python -m tests.bench.bench_training
	python -m tests.bench.bench_detect
	python -m tests.bench.bench_tracking

lint: setup
	ruff check .
	ruff format --check .
	mypy
	lint-imports

sample: setup                   ## write the sample anew (same bytes) and store it
	rm -rf data/sample
	python -m iotids sample data/sample --seed 7
	dvc add data && dvc push --remote sample data.dvc

lock: setup                     ## resolve the dependencies anew
	uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --extra dev pyproject.toml -o requirements.lock
	echo uv | uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header - -o requirements-uv.lock

clean:                          ## remove what stages wrote; DVC's cache and the sample stay
	rm -rf out dvc_plots
