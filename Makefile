# All of this works from a fresh checkout with a Rust toolchain: scripts/services.sh brings RabbitMQ and PostgreSQL.

# A failed command in $(...) would be swallowed by eval alone.
with_services = services=$$(scripts/services.sh env) && eval "$$services" &&
target = $(or $(CARGO_TARGET_DIR),target)
cargo_flags ?=

what ?=
seconds ?= 120

.PHONY: help demo tour bench bench-short soak faults test test-all demo-built screenshots fuzz setup run build dist fmt lint services-up services-down clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | while IFS="$$(printf '\t')" read -r name what; do \
	  printf '  make %-14s %s\n' "$$name" "$$what"; done

demo: demo-built ## a morning of calls on sandbox accounts: what landed where, and why
	@$(with_services) $(target)/debug/demo

tour: demo-built ## the demo, left running to look around with callbridge
	@$(with_services) $(target)/debug/demo --stay

# Only what the demo runs, and the services start meanwhile.
demo_programs = demo ingest resolver logger insights followups callbridge sandbox
demo-built:
	@# The whole workspace: for one package alone, cargo would choose other features and build the dependencies again.
	@scripts/services.sh up & services=$$!; cargo build --workspace $(demo_programs:%=--bin %) $(cargo_flags); built=$$?; \
	  wait $$services; exit $$built

bench: ## how fast, how cheap: a table, and target/bench/report.json (half an hour); what="calls scale" for some parts
	@cargo build --release --workspace --bins $(cargo_flags)
	@ulimit -Sn 8192 2>/dev/null || true; $(with_services) $(target)/release/bench $(what)

bench-short: build ## the ratios that CI watches, in two minutes, without optimisation
	@ulimit -Sn 8192 2>/dev/null || true; $(with_services) $(target)/debug/bench --short

soak: build ## calls under random faults: MINUTES=10, SEED=17 to repeat one, CALLS=5000, SEEDS=10 in a row
	@$(target)/debug/soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(CALLS),--calls $(CALLS)) \
	  $(if $(SEEDS),--seeds $(SEEDS))

faults: build ## every fault on its own, one of several nodes lost, ten seeds of the mixture: the tables of docs/faults.md (an hour and a half)
	@$(target)/debug/soak --table --record
	@$(target)/debug/soak --table --cluster --record
	@$(target)/debug/soak --seeds 10 --record

test: build ## everything that proves it works, on real RabbitMQ and PostgreSQL
	@# The end-to-end tests wait more than they work: half as many again as there are cores. One opens a thousand connections.
	@ulimit -Sn 8192 2>/dev/null || true; $(with_services) RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$(( $$(nproc) * 3 / 2 ))} cargo test --workspace $(cargo_flags)

test-all: build ## those and the slow ones, every night
	@ulimit -Sn 8192 2>/dev/null || true; $(with_services) RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$(( $$(nproc) * 3 / 2 ))} cargo test --workspace $(cargo_flags) -- --include-ignored --skip alarm::
	@# This one stops all publishing on the broker, so nothing else may run.
	@ulimit -Sn 8192 2>/dev/null || true; $(with_services) cargo test --package e2e $(cargo_flags) -- --ignored alarm::

fuzz: fuzz_target = $(or $(what),webhook)
fuzz: ## hostile input for two minutes: what=webhook, call, rows, sellsy or phone; seconds=600 (needs cargo-fuzz)
	@command -v cargo-fuzz >/dev/null || { echo "make fuzz needs cargo-fuzz: cargo install cargo-fuzz --locked"; exit 1; }
	@mkdir -p fuzz/target/found/$(fuzz_target)
	@# A sanitizer needs unstable compiler flags, which the pinned compiler accepts with RUSTC_BOOTSTRAP.
	@RUSTC_BOOTSTRAP=1 cargo fuzz run $(fuzz_target) fuzz/target/found/$(fuzz_target) fuzz/corpus/$(fuzz_target) -- \
	  -max_total_time=$(seconds) -timeout=5

screenshots: ## the console's pages in a browser, into target/screenshots, and the pictures in docs/ again
	@$(with_services) SCREENSHOTS=docs CI=true cargo test --workspace --test e2e $(cargo_flags) -- console::browser

setup: ## the first run: asks for the keys, writes .env, starts everything, shows the first call
	@scripts/setup.sh

run: .env ## the workers on this machine with the settings of .env
	@cargo build --release --workspace --bins $(cargo_flags)
	@scripts/run.sh

dist: ## what a release has, into target/dist: tarballs, Debian packages, SBOM, checksums; what="TARGET…" for some targets
	@scripts/dist.sh $(what)

build:
	@cargo build --workspace --bins $(cargo_flags)

.env:
	@echo "There is no .env: make setup asks for your keys and writes it." && exit 1

fmt: ## format the code
	@cargo fmt

lint: ## check format and lints, as CI does
	@cargo fmt --check
	@cargo clippy --workspace --all-targets $(cargo_flags) -- -D warnings

services-up: ## RabbitMQ and PostgreSQL for demo and tests
	@scripts/services.sh up

services-down: ## stop those, and those of make run and of an aborted soak; the data of the first two stays
	@scripts/services.sh down
	@if [ -d .services ]; then SERVICES_DIR=.services scripts/services.sh down; fi
	@# An aborted soak leaves its own services running.
	@if [ -d target/services-soak ]; then SERVICES_DIR=target/services-soak scripts/services.sh down --purge; fi

clean: ## stop the services of demo and tests, remove their data and what was built
	@scripts/services.sh down --purge
	@cargo clean
