# Every check is a target; .ci/run strings them together.

CARGO ?= cargo
FIXTURES := tests/fixtures/cosign

.PHONY: demo examples test check lint python-test node-test docs book deny corpus differential interop interop-all soak bench bench-ratios \
	bench-instructions bench-baseline bench-many bench-peers bench-admission hostile-all fuzz-smoke fuzz-long attacks policy-reference support codes \
	supply-chain package release-trial tools

# The main job on a shipped image: allowed, its unsigned twin denied, a tampered one denied.
demo:
	@$(CARGO) build --quiet -p verimage-cli
	@examples/demo.sh

# The stories under examples/, each with its own script.
examples:
	@$(CARGO) build --quiet -p verimage-cli
	@for example in examples/*/run.sh; do $$example || exit 1; done

# What every change must pass, on a fresh machine with Rust.
test:
	@tests/tools/install.sh registry pkcs11 || true
	$(CARGO) test --quiet --workspace
	$(CARGO) test --quiet -p verimage --features pkcs11 --test keys pkcs11 -- --nocapture
	@$(MAKE) --no-print-directory python-test node-test

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --quiet --workspace --all-targets -- -D warnings
	$(CARGO) clippy --quiet -p verimage-crypto --all-targets -- -D warnings
	$(CARGO) clippy --quiet -p verimage --no-default-features -- -D warnings
	$(CARGO) clippy --quiet -p verimage --features pkcs11 --all-targets -- -D warnings
	$(CARGO) fmt --manifest-path bindings/python/Cargo.toml --check
	PYO3_NO_PYTHON=1 PYO3_BUILD_EXTENSION_MODULE=1 $(CARGO) clippy --quiet --manifest-path bindings/python/Cargo.toml -- -D warnings
	$(CARGO) fmt --manifest-path bindings/node/Cargo.toml --check
	$(CARGO) clippy --quiet --manifest-path bindings/node/Cargo.toml --all-targets -- -D warnings

# The Python package: its wheel in a clean environment; skipped aloud where there is no Python.
python-test:
	@bindings/python/test.sh

# The npm package: built, packed, installed into an empty folder, tested there; skipped aloud where there is no Node.
node-test:
	@bindings/node/test.sh

docs: book
	@tests/tools/readme.sh
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --workspace --no-deps
	@$(CARGO) run --quiet -p verimage-cli -- codes --format markdown | diff - docs/codes.md
	@$(CARGO) test --quiet -p verimage-cli --test cli_book every_block -- --nocapture

# The book of docs/, into target/book, with every link followed; skipped aloud where its tool cannot be had.
book:
	@tests/tools/book.sh

deny:
	@tests/tools/deny.sh

# Foreign vectors beside the repository; skipped aloud where there are none.
corpus:
	$(CARGO) test --quiet -p verimage-tests --test corpus -- --nocapture

# Our verdict beside that of sigstore-verify, on the bundles of the test instance and of the corpus.
differential:
	@tests/tools/differential.sh

# The real tools against real registries; tools that cannot be had in time are skipped aloud.
interop:
	$(CARGO) build --quiet -p verimage-cli
	@tests/tools/install.sh --budget 1200 all
	@tests/tools/interop.sh

interop-all:
	$(CARGO) build --quiet -p verimage-cli
	@tests/tools/install.sh --require --budget 3600 all kubernetes
	@tests/tools/interop.sh --require
	@. tests/tools/env.sh && $(CARGO) test --quiet -p verimage-tests --test deployment -- --nocapture
	@examples/audit-on-ray/test.sh --require

# The admission server under load for ten minutes, while its registry and its files go wrong in 24 mixed ways.
soak:
	$(CARGO) build --quiet -p verimage-cli
	@python3 tests/interop/soak.py

bench:
	$(CARGO) bench -p verimage-benches

# One line a scenario: name, whole verification over its raw signature check.
bench-ratios:
	@$(CARGO) bench --quiet -p verimage-benches -- --ratios

# Instructions of every scenario as callgrind counts them, beside benches/baseline.csv; `bench-baseline` writes that.
bench-instructions:
	@python3 benches/instructions.py

bench-baseline:
	@python3 benches/instructions.py --write

# Audits of 10 to 100,000 images, policies of 10 to 50,000 rules: time, memory, what one more costs.
bench-many:
	@python3 benches/many.py

# Whole processes beside the peers' own tools, then verifications in one process beside their libraries, as far as they are there.
bench-peers:
	$(CARGO) build --quiet --release -p verimage-cli
	$(CARGO) build --quiet --profile bench -p verimage-benches --bin beside
	@tests/tools/install.sh registry cosign notation notary peers || true
	@. tests/tools/env.sh && python3 benches/peers/processes.py && python3 benches/peers/libraries.py

# Reviews a second on one core, stampedes, memory.
bench-admission:
	@benches/admission.sh

# Every bit of every fixture, and every list; hours. VERIMAGE_SAMPLES=1000 takes so many bits of each fixture.
hostile-all:
	VERIMAGE_SAMPLES=$${VERIMAGE_SAMPLES:-all} $(CARGO) test --release --config profile.release.lto=false -p verimage-tests --test hostile -- --nocapture

fuzz-smoke:
	@fuzz/smoke.sh

# Each target for so many seconds; the figures go to docs/fuzzing.md.
SECONDS ?= 120
fuzz-long:
	@fuzz/long.sh $(SECONDS)

# docs/attacks.md from tests/attacks.toml; a test compares them.
attacks:
	@$(CARGO) run --quiet -p verimage-tests --example attacks > docs/attacks.md

# docs/policy-reference.md from the JSON Schema and tests/policy-reference.toml; a test compares them.
policy-reference:
	@$(CARGO) run --quiet -p verimage-tests --example policy_reference > docs/policy-reference.md

# docs/support.md and the tables of the README from tests/support.toml; a test compares them.
support:
	@$(CARGO) run --quiet -p verimage-tests --example support

# docs/codes.md from the table in the code.
codes:
	@$(CARGO) run --quiet -p verimage-cli -- codes --format markdown > docs/codes.md

# docs/supply-chain.md from tests/supply-chain.toml; a test compares them.
supply-chain:
	@$(CARGO) run --quiet -p verimage-tests --example supply-chain > docs/supply-chain.md

# Each crate that is published, packed and built from its package alone, after those that it uses. Nothing is sent.
package:
	$(CARGO) package --quiet --workspace --exclude verimage-benches --exclude verimage-tests --locked --allow-dirty

# A whole release of the commit that is checked out: built twice, published in a registry of this machine, signed with a key of the
# moment, verified by itself, its altered twin refused. PROFILE=dev is quicker, and shows the same but for what is shipped.
PROFILE ?= release
TRIAL := $(or $(CARGO_TARGET_DIR),target)/release-trial
release-trial:
	@tests/tools/install.sh registry cosign || true
	@rm -rf $(TRIAL)
	@cli/deploy/release.sh --twice --profile $(PROFILE) $(TRIAL)
	@. tests/tools/env.sh && python3 tests/interop/release.py $(TRIAL)

check: test lint docs deny corpus differential interop fuzz-smoke
