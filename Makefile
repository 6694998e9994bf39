# Stairgate. Two commands matter: `make run` and `make test`; both install what
# they need and say so. `make help` lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
export CGO_ENABLED = 0
# No stamp of the checkout: a clone owned by somebody else must build too.
export GOFLAGS = -mod=readonly -buildvcs=false
export PATH := $(PATH):/usr/sbin:/sbin

GOFUMPT := go run mvdan.cc/gofumpt@v0.12.0
STATICCHECK := go run honnef.co/go/tools/cmd/staticcheck@v0.8.2
# Says which tests failed, and names the skipped ones, which go test hides.
GOTEST := go run gotest.tools/gotestsum@v1.13.0 --format pkgname-and-test-fails --format-hide-empty-pkg --
ASSETS := appliance/admin/assets/dist/.stamp
# The stories need hosts of their own; everything else is a unit test.
UNIT := $$(go list ./... | grep -v '^stairgate/appliance/lab$$')

# What an image is for: amd64 (a small x86 box) or rpi (Raspberry Pi 4 or 5).
ARCH ?= amd64
KEYS ?= bin/keys
MKIMAGE = go run ./image/mkimage -board $(ARCH) -keys $(KEYS) $(if $(VERSION),-version $(VERSION)) $(if $(CMDLINE),-cmdline '$(CMDLINE)')

.PHONY: help image test-image bundle debian keys run test check build assets kernel stories fmt clean deps-run deps-test deps-bench deps-image \
	bench-dhcp bench-forward bench-dns bench-log bench-image smoke test-update soak qemu fuzz

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | expand -t 16

run: deps-run assets ## bring up a nursery in miniature with the real gateway in the middle
	@echo "run: building the gateway"
	@go build -o bin/ ./appliance ./dns/dnsd ./captive/captived ./appliance/lab/nursery
	@exec bin/nursery -bin bin

test: deps-test assets check kernel stories smoke ## everything: check, kernel tests, stories with real clients
	@echo "test: all passed"

check: deps-image assets ## formatting, vet, staticcheck, unit tests and goldens; needs no root
	@echo "check: gofumpt, vet, staticcheck"
	@bad=$$($(GOFUMPT) -l .); [ -z "$$bad" ] || { echo "check: run 'make fmt', these are not formatted:"; echo "$$bad"; exit 1; }
	@go vet -tags kernel,image,qemu,soak ./...
	@$(STATICCHECK) -tags kernel,image,qemu,soak -checks all,-ST1000 ./...
	@echo "check: unit tests and goldens"
	@$(GOTEST) $(UNIT)

kernel: assets ## tests against this machine's kernel, in namespaces of their own
	@echo "kernel: tests in namespaces"
	@$(GOTEST) -count=1 -p 1 -tags kernel $$(grep -rl --include='*_test.go' '^//go:build kernel' . | xargs -n1 dirname | sort -u)

stories: assets ## one requirement each, with udhcpc, dhclient, dig, curl, nft and Chromium
	@echo "stories: real clients, real gateway"
	@$(GOTEST) -count=1 -timeout 12m ./appliance/lab/...

# What has a virtual machine is behind a build tag: it is slow where that is emulated.
# One machine at a time: it takes a core, and limits of time count on that.
VM = $(GOTEST) -count=1 -parallel 1 -tags qemu

smoke: deps-test assets debian ## the image in a virtual machine: its first start; it is used, takes an update and goes back from a bad one
	@echo "smoke: the image in a virtual machine"
	@$(VM) -timeout 30m -run '^Test(Smoke|Blank)$$' ./image/vm

test-update: deps-test assets debian ## the lab's stories on the image, every update, refusal, way back and power cut; takes hours where it is emulated
	@$(VM) -timeout 8h -run '^Test(Lab|Update|Power|Signed|Pi)' ./image/vm

soak: deps-test assets debian ## 200 power cuts during updates, going on where it was ended: CUTS=200 SEED=1
	@mkdir -p bin
	@go test -v -count=1 -tags qemu,soak -timeout 0 -run '^TestSoak$$' ./image/vm -args -cuts $(or $(CUTS),200) -seed $(or $(SEED),0) -state $(CURDIR)/bin/soak.json

qemu: deps-test image ## the image in a virtual machine, with its pages on 127.0.0.1: BLANK=1 for its first start
	@go build -o bin/ ./image/qemu
	@exec bin/qemu -image bin/stairgate-$(ARCH).img $(if $(BLANK),-blank)

bench-image: deps-test assets debian ## the image beside a bare gokrazy system: size, start, memory, update
	@go run ./image/benchimage

build: assets ## the three programs, in bin/
	@go build -o bin/ ./appliance ./dns/dnsd ./captive/captived

image: deps-image assets keys ## a disk to flash: ARCH=amd64 or rpi, GUID=random for identifiers of its own
	@$(MKIMAGE) -xz -out bin/stairgate-$(ARCH).img $(if $(GUID),-guid $(GUID))

test-image: deps-image assets ## two builds of the image are equal, byte for byte; takes a few minutes
	@$(GOTEST) -count=1 -timeout 30m -tags image ./image/build

BOARDS ?= amd64
test-update: BOARDS = amd64 rpi

debian: ## what the image has from Debian, for builds without a network: BOARDS='amd64 rpi'
	@go run ./image/mkimage fetch $(BOARDS)

bundle: deps-image assets keys ## the signed update of the same version: ARCH=amd64 or rpi
	@$(MKIMAGE) -bundle 'bin/stairgate-{version}-$(ARCH).bundle'

keys: $(KEYS)/stairgate.pub ## keys to sign updates with, for development, unless there are some

$(KEYS)/stairgate.pub:
	@go run ./image/mkimage keys $(KEYS)

assets: $(ASSETS) ## the admin pages' style sheet, from npm's govuk-frontend

$(ASSETS): package.json package-lock.json $(wildcard appliance/admin/assets/*.scss appliance/admin/assets/*.mjs appliance/admin/assets/*.js) | deps-run
	@echo "assets: npm ci (govuk-frontend and sass, locked)"
	@npm ci --silent --no-fund --no-audit
	@npm run --silent build
	@touch $@

fmt: ## format the Go code
	@$(GOFUMPT) -w .

bench-dhcp: deps-bench assets ## leases a second beside Kea and dnsmasq
	@go run ./appliance/benchdhcp

bench-forward: deps-bench ## packets a second beside plain masquerade
	@go run ./firewall/bench

bench-dns: deps-bench assets ## questions a second beside dnsmasq, unbound and stock CoreDNS
	@go run ./appliance/benchdns -names 100000,1000000,3600000 \
		$(addprefix -corpus ,$(wildcard ../shared/data/corpus.tsv.gz)) \
		$(addprefix -queries ,$(wildcard ../shared/data/queries.txt))

bench-log: assets ## a month of a school in the query log, searched
	@go run ./appliance/benchlog -require 1s

fuzz: ## every fuzz test for a minute each
	@for p in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
			echo "fuzz: $$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime 60s $$p; \
		done; \
	done

clean: ## remove what was built, but not the keys
	@rm -rf node_modules appliance/admin/assets/dist
	@[ ! -d bin ] || find bin -mindepth 1 -maxdepth 1 ! -name keys -exec rm -rf {} +

deps-run deps-test deps-bench deps-image: deps-%:
	@.ci/deps $*
