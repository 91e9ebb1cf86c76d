# make demo | make test | make test-extras | make test-long | make bench: each sets up what it needs and runs.

PYTHON ?= python3
BIN := .venv/bin
EXTRAS := clip or hub or tokenizers or samplers or stats or lmms or remote or slow
WITH_EXTRAS := HAYSTACK_REQUIRE_EXTRAS=1

.PHONY: demo test test-extras test-long bench format clean

demo: .venv/.package
	$(BIN)/haystack-gen demo --out demo

test: .venv/.dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not (long or $(EXTRAS) or ray or browser)"

# Ray and the browser stay in the process that started them, which is no place for others' tests.
test-extras:
	$(MAKE) --jobs=2 .venv-extras/.ready .venv-lmms/.ready
	$(WITH_EXTRAS) HAYSTACK_LMMS_EVAL=$(CURDIR)/.venv-lmms/bin/lmms-eval .venv-extras/bin/python -m pytest \
		-n auto --dist loadfile -m "$(EXTRAS)"
	$(WITH_EXTRAS) .venv-extras/bin/python -m pytest -m ray
	$(WITH_EXTRAS) .venv-extras/bin/python -m pytest -m browser

test-long: .venv/.dev
	$(BIN)/python -m pytest -m long

bench: .venv/.dev
	$(BIN)/python tests/benchmarks/bench_plan.py
	$(BIN)/python tests/benchmarks/bench_splice.py
	$(BIN)/python tests/benchmarks/bench_mining.py
	$(BIN)/python tests/benchmarks/bench_pools.py
	$(BIN)/python tests/benchmarks/bench_scale.py

format: .venv/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf .venv .venv-extras .venv-lmms demo dist

.venv/.package: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/.dev: pyproject.toml .venv/.package
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

# A torch without CUDA does not go with the torchvision of its release, which open_clip imports; 0.16.2 imports beside it.
.venv-extras/.ready: pyproject.toml
	$(PYTHON) -m venv .venv-extras
	.venv-extras/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 torchvision==0.28.0 \
		--editable '.[clip,hub,ray,s3,tokenizers,dev]' 'moto[server]' requests transformers==5.23.0 qwen-vl-utils==0.0.14 scipy statsmodels playwright inspect-ai openai
	.venv-extras/bin/python -c 'import torchvision' 2>/dev/null || .venv-extras/bin/python -m pip install --quiet \
		--disable-pip-version-check --no-deps torchvision==0.16.2
	.venv-extras/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--target .venv-extras/torchcodec torchcodec==0.13.0
	touch $@

# haystack-gen without its requirements, as users have it beside lmms-eval, which wants an older PyAV. Without a torchvision
# that imports, transformers does without one.
.venv-lmms/.ready: pyproject.toml
	$(PYTHON) -m venv .venv-lmms
	.venv-lmms/bin/python -m pip install --quiet --disable-pip-version-check \
		torch==2.13.0 torchvision==0.28.0 lmms-eval==0.7.3
	.venv-lmms/bin/python -c 'import torchvision' 2>/dev/null || .venv-lmms/bin/python -m pip uninstall --quiet --yes \
		torchvision
	.venv-lmms/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@
