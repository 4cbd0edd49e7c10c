# make demo   all set-up, then the main job: an edge image built, pushed, signed, verified
# make test   all set-up, then every test: with -race, but for those of whole images and devices
# make bench  all set-up, then ours beside its peers on the same inputs, in one run
# make check  gofmt, go vet with and without tags, staticcheck
#
# Set-up installs Debian packages (as root) and makes the bootable Debian base once; caches stay outside the
# checkout, in $BOOTLOOM_CACHE or the user's cache directory.

# What a program that links the engine needs where gpgme's and btrfs' headers are not installed: see the README.
TAGS := containers_image_openpgp,exclude_graphdriver_btrfs
GO   := go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0

# Tests that build whole images and boot them. What runs in them most is the engine's worker, which is the test's own program:
# with the race detector they take twice as long. Races are for the tests of the packages to find.
WHOLE := ./internal/e2e ./examples/...

.PHONY: demo test bench check setup base
setup:
	hack/setup.sh

base: setup
	$(GO) run ./internal/testkit/cmd/mkbase debian

demo: setup
	$(GO) run -tags $(TAGS) ./examples/edge -base "oci:$$($(GO) run ./internal/testkit/cmd/mkbase debian)" $(ARGS)

test: setup check
	BOOTLOOM_REQUIRE=1 $(GO) test -tags $(TAGS) -race -timeout 40m $$($(GO) list -tags $(TAGS) ./... | grep -vxF "$$($(GO) list -tags $(TAGS) $(WHOLE))")
	BOOTLOOM_REQUIRE=1 $(GO) test -tags $(TAGS) -timeout 40m $(WHOLE)

bench: setup
	$(GO) run -ldflags "-s -w" -tags $(TAGS) ./internal/bench $(ARGS)
	$(GO) run -ldflags "-s -w" ./internal/lintbench

check:
	@test -z "$$(gofmt -l .)" || { echo "gofmt wants changes in:"; gofmt -l .; exit 1; }
	$(GO) build ./... && $(GO) vet ./...
	$(GO) vet -tags $(TAGS) ./...
	$(GO) run $(STATICCHECK) -tags $(TAGS) ./...
