#!/bin/sh
# verify.sh: does this anna do what it says? A smoke test that prints TAP.
set -u
export LC_ALL=C
name=${0##*/}

help() {
	cat <<EOT
A smoke test of anna, in the Test Anything Protocol.

  $name                 the installed anna and its running daemon
  $name --fresh         a daemon of its own, in a temporary directory
  $name --standalone    no daemon: each command brings a private one

  --anna FILE   the executable; default: annactl, else anna, of the PATH

It changes nothing on the machine; it makes the daemon load its configuration
anew. What cannot be tried here is skipped, with the reason.

Exit status: 0 every check passed or was skipped · 1 a check failed · 64 wrong
usage
EOT
}
usage_error() {
	echo "$name: $* (see $name --help)" >&2
	exit 64
}
mode=installed anna=''
while [ $# -gt 0 ]; do
	case $1 in
	--fresh | --standalone) mode=${1#--} ;;
	--anna)
		[ $# -ge 2 ] || usage_error "--anna needs a value"
		anna=$2
		shift
		;;
	--help | -h)
		help
		exit 0
		;;
	*) usage_error "unknown word '$1'" ;;
	esac
	shift
done
if [ -z "$anna" ]; then anna=$(command -v annactl || command -v anna) || usage_error "neither annactl nor anna is on the PATH: name one with --anna"; fi
if [ ! -x "$anna" ] || [ -d "$anna" ]; then usage_error "$anna cannot be run"; fi
case $anna in
/*) ;;
*) anna=$PWD/$anna ;;
esac
here=$(cd "$(dirname -- "$0")" && pwd) || exit 1

work=$(mktemp -d) || exit 1
daemon='' responder=''
clean_up() {
	for pid in $daemon $responder; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

n=0 failures=0
ok() { n=$((n + 1)) && echo "ok $n - $1"; }
skip() { n=$((n + 1)) && echo "ok $n - $1 # SKIP $2"; }
not_ok() { # WHAT: with the last command's words and what it said
	n=$((n + 1)) failures=$((failures + 1))
	echo "not ok $n - $1"
	echo "#   $ $words"
	echo "#   exit status $status"
	head -n 20 "$work/out" | sed 's/^/#   /'
}
# run WORDS: the command, its output in $work/out, its exit status in $status.
run() {
	words="annactl $*"
	"$anna" "$@" >"$work/out" 2>&1 </dev/null
	status=$?
}
# ask WORDS: the same, of the daemon that is looked at.
ask() {
	case $mode in
	installed) run "$@" ;;
	fresh) run "$@" --socket "$work/run/annad.sock" ;;
	standalone) run "$@" --standalone ;;
	esac
}
# judge WHAT STATUSES PATTERN...: of what run said last. Each pattern has to be
# there, as it is.
judge() {
	what=$1 allowed=$2
	shift 2
	case " $allowed " in
	*" $status "*) ;;
	*) not_ok "$what" && return ;;
	esac
	for pattern; do
		grep -qF -e "$pattern" "$work/out" || { not_ok "$what: no '$pattern'" && return; }
	done
	ok "$what"
}

# The name says which half runs, wherever the program itself is.
ln -s "$anna" "$work/annactl" && ln -s "$anna" "$work/annad" || exit 1
echo "TAP version 13"
echo "# $anna, $mode"
if [ "$mode" = fresh ]; then
	mkdir -m 0700 "$work/run" "$work/state"
	"$work/annad" --socket "$work/run/annad.sock" --state-dir "$work/state" >"$work/log" 2>&1 &
	daemon=$!
	tries=0
	until [ -S "$work/run/annad.sock" ]; do
		tries=$((tries + 1))
		if [ $tries -gt 100 ] || ! kill -0 $daemon 2>/dev/null; then
			sed 's/^/#   /' "$work/log"
			echo "Bail out! the daemon did not start"
			exit 1
		fi
		sleep 0.1
	done
fi
levels="0 3 4" # a machine may have a warning, and the answer is still one

# What the roadmap asks for.
run --version
judge "the program runs and names its version" 0 " 0."
ask health --json
judge "health returns metrics" "$levels" '"rpc_latency_ms":{"avg":' '"p95":' '"p99":' '"memory_mb":{"current":' '"peak":' '"limit":' '"queue":{"depth":' '"rate":' '"oldest_sec":' '"uptime_sec":' '"capabilities":{"active":' '"degraded":'
ask health
judge "health on a screen" "$levels" latency memory queue capabilities
ask status
judge "status" "$levels" annad
ask reload
if [ $status = 77 ]; then skip "reload succeeds" "this user may not: run it as root"; else judge "reload succeeds" 0 generation; fi
if ! grep -q ' - btrfs ' /proc/self/mountinfo; then
	skip "the tree shows the hierarchy" "no Btrfs file system is mounted here"
else
	ask storage btrfs tree
	if [ $status = 77 ] || [ "$(id -u)" != 0 ]; then skip "the tree shows the hierarchy" "only root sees every subvolume"; else
		branch="subvolume" # the top alone has no branch
		! grep -q ' subvolumes,' "$work/out" || branch="-- "
		judge "the tree shows the hierarchy" 0 "$branch"
	fi
fi
for check in rpc_latency memory queue socket capabilities; do
	ask doctor check $check --json
	judge "doctor checks $check" "$levels 5" "\"id\":\"$check\"" '"result":'
done

# Three failures, each with its sentence.
run status --socket "$work/nowhere.sock"
judge "no daemon: what to start" 10 "Daemon not running. Start with: sudo systemctl start annad"
# respond LINE: a daemon that answers every request with LINE, or with nothing.
respond() {
	rm -f "$work/odd.sock"
	if command -v perl >/dev/null 2>&1; then
		perl -MIO::Socket::UNIX -e '
			my $s = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 8) or die;
			my @kept;
			while (my $c = $s->accept) {
				push @kept, $c;
				if ($ARGV[1]) { my $line = <$c>; my ($id) = $line =~ /"id":("[^"]*"|[0-9]+)/; my $text = $ARGV[1]; $text =~ s/ID/$id/; print $c "$text\n"; $c->flush }
			}' "$work/odd.sock" "$1" 2>/dev/null &
		responder=$!
		tries=0
		until [ -S "$work/odd.sock" ] || [ $tries -ge 50 ]; do tries=$((tries + 1)) && sleep 0.1; done
	fi
	[ -S "$work/odd.sock" ]
}
stop_responding() { [ -z "$responder" ] || { kill "$responder" 2>/dev/null && wait "$responder" 2>/dev/null; } && responder=; }
if respond '{"jsonrpc":"2.0","id":ID,"error":{"code":-32601,"message":"Method not found"}}'; then
	run capabilities --socket "$work/odd.sock"
	judge "a command that the daemon does not know: what to upgrade" 15 "Command not supported. Upgrade daemon to match annactl version."
else
	skip "a command that the daemon does not know: what to upgrade" "perl is not here to play an old daemon"
fi
stop_responding
if respond ''; then
	run status --socket "$work/odd.sock" --timeout 1s
	judge "a daemon that does not answer: where to look" 7 "Daemon not responding. Check logs: sudo journalctl -u annad -n 20"
else
	skip "a daemon that does not answer: where to look" "perl is not here to play a hung daemon"
fi
stop_responding
run statsu
judge "a word that is no command: what was meant" 64 "did you mean"

# Help of every command, found as a reader finds it.
run --help
judge "help of anna" 0 "Commands:"
# subcommands: those that the help just printed lists.
subcommands() { sed -n '/^Commands:$/,/^$/p' "$work/out" | sed -n 's/^  \([a-z][a-z-]*\)  *.*/\1/p'; }
queue=$(subcommands)
while [ -n "$queue" ]; do
	next=
	while read -r line; do
		# shellcheck disable=SC2086 # the words of a command
		run $line --help
		judge "help of $line" 0 "Usage:"
		for subcommand in $(subcommands); do
			next="$next$line $subcommand
"
		done
	done <<EOT
$(printf '%s\n' "$queue" | sed '/^$/d')
EOT
	queue=$(printf '%s' "$next")
done

# The ten checks of v0.12.6 that its users know, as they hold today.
words="annactl --version"
"$work/annactl" --version >"$work/out" 2>&1
status=$?
judge "v0.12.6: annactl is executable" 0 "annactl 0."
run storage --help
judge "v0.12.6: help of storage names btrfs" 0 btrfs
run storage btrfs --help
judge "v0.12.6: help of storage btrfs names --json and --explain" 0 --json --explain
ask storage btrfs --json
judge "v0.12.6: storage btrfs --json is an answer" "$levels" '"filesystems":'
case $(head -c 1 "$work/out") in
'{') ok "v0.12.6: that answer is one JSON object" ;;
*) not_ok "v0.12.6: that answer is one JSON object" ;;
esac
ask advisor arch --json
judge "v0.12.6: advisor arch answers" "$levels" '"advice":'
ask advisor --explain btrfs_scrub_overdue
judge "v0.12.6: the advisor explains the rule that was scrub-overdue" 0 scrub
scripts=
for dir in "$here/btrfs" /usr/lib/anna/btrfs; do [ ! -x "$dir/prune.sh" ] || scripts=${scripts:-$dir}; done
if [ -z "$scripts" ]; then
	for what in "the Btrfs scripts are executable" "the pacman hook is there" "prune.sh and sdboot-gen.sh have help"; do skip "v0.12.6: $what" "the scripts are not installed"; done
else
	words="ls -l $scripts" status=1
	ls -l "$scripts" >"$work/out" 2>&1
	if [ -x "$scripts/autosnap-pre.sh" ] && [ -x "$scripts/prune.sh" ] && [ -x "$scripts/sdboot-gen.sh" ]; then ok "v0.12.6: the Btrfs scripts are executable"; else not_ok "v0.12.6: the Btrfs scripts are executable"; fi
	if [ -f "$scripts/90-btrfs-autosnap.hook" ] || [ -f "$scripts/../../../share/anna/90-btrfs-autosnap.hook" ]; then ok "v0.12.6: the pacman hook is there"; else not_ok "v0.12.6: the pacman hook is there"; fi
	{ "$scripts/prune.sh" --help && "$scripts/sdboot-gen.sh" --help; } >"$work/out" 2>&1
	status=$? words="prune.sh --help, sdboot-gen.sh --help"
	judge "v0.12.6: prune.sh and sdboot-gen.sh have help" 0 --keep --limit
fi

echo "1..$n"
[ $failures -eq 0 ]
