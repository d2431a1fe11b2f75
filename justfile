# What one can do here. Each recipe is a command that also runs alone.

# list the recipes
default:
    @just --list

# build .bin/anna and its two other names, as packages have it: without libc and
# without urfave/cli's manuals it starts sooner; `go build .` does as well
build:
    CGO_ENABLED=0 go build -tags urfave_cli_no_docs -o .bin/anna . && ln -sf anna .bin/annad && ln -sf anna .bin/annactl

# how is the daemon? real figures, no set-up
health:
    go run . health --standalone

# the tests
test:
    go test ./...

# what has to hold before a change lands
ci:
    .ci/run

# the linters alone
lint:
    .tools/golangci-lint run ./...

# write the golden files anew; look at the difference before you commit it
golden:
    ANNA_UPDATE_GOLDEN=1 go test ./...

# draw the picture of the README
picture:
    NAME=nas OPEN=4m CONFIG="$(printf '[modules]\ndevices = false\nstorage = false\n')" scripts/dash-picture.sh docs/dashboard.png 120x37

# every benchmark, with its peer or its limit beside it
bench:
    go test -run '^$' -bench . -benchmem ./...

# compare subvolumes of 200 000 files, beside snapper, send, rsync and find-new; as root. ANNA_BENCH_KEEP=DIR keeps the disks for the next run
bench-diff:
    ANNA_BENCH_FILES=200000 ANNA_BENCH_SNAPPER=1 go test -run '^$' -bench Tools -benchtime 5x -timeout 30m ./anna/btrfs/diff

# the comparison of subvolumes against the truth, over 500 rounds; as root
oracle:
    ANNA_TEST_LONG=1 go test -count=1 -v -run '^TestOracle$' ./anna/btrfs/diff

# 100 requests/s for 60 s over 8 connections, beside the limits
bench-load:
    ANNA_TEST_LONG=1 go test -count=1 -v -run '^TestLoad$' ./anna

# 5 000 subvolumes, beside btrfs-progs: time, and memory of client and daemon; as root
bench-tree:
    ANNA_TEST_LONG=1 go test -count=1 -v -run '^TestCost' ./applets/storage

# what the daemon costs while nobody asks, over 60 s, beside a bare ticker; as root: just bench-idle btrfs
bench-idle *with:
    scripts/bench-idle.sh {{ with }}

# reload until effective, beside nginx and caddy where they are installed
bench-reload:
    scripts/bench-reload.sh

# a throwaway Debian with a real systemd: just lab prepare
lab *words:
    scripts/systemd-lab {{ words }}

# the daemon's faults under cgroup v2, in an emulated machine: minutes, after `just lab prepare qemu`
lab-qemu:
    ANNA_TEST_REQUIRE=qemu go test -count=1 -v -timeout 20m -run '^TestHealthOnCgroup2$' ./anna

# every fuzz test for 30 s
fuzz:
    scripts/fuzz.sh 30s

# build, and install below /usr/local
install: build
    sudo scripts/install.sh

# take away what `just install` put there; configuration and history stay
uninstall:
    sudo scripts/install.sh --uninstall

# a smoke test: of the installed anna, or with --fresh or --standalone of one that is built
verify *words:
    PATH=$PWD/.bin:$PATH scripts/verify.sh {{ words }}

# deb, rpm, archlinux and apk packages in .bin/packages
packages *words:
    scripts/package.sh {{ words }}
