#!/usr/bin/env bash
# Checks that ./dev works on a machine that has nothing: makes a minimal Debian 12 or 13 in a
# scratch directory, clones this checkout's last commit into it and runs `./dev demo`,
# `./dev test` or both there; or "bench", `./dev bench peers` with those that are packages. Needs root
# and debootstrap; takes about 2 GB while it runs.
#
# usage: tools/fresh-root.sh 12|13 [demo|test|bench]
#
# MIRROR is where packages come from, by default from where this machine's come.
set -euo pipefail

say() { printf 'fresh-root: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# What runs inside is alone with its mounts and processes: neither outlives this script, however
# it ends.
if [[ ${1:-} != --inside ]]; then
	case ${1:-} in
	12) suite=bookworm ;;
	13) suite=trixie ;;
	*) die "usage: tools/fresh-root.sh 12|13 [demo|test|bench]" ;;
	esac
	case ${2:-} in
	"" | demo | test | bench) ;;
	*) die "usage: tools/fresh-root.sh 12|13 [demo|test|bench]" ;;
	esac
	((EUID == 0)) || die "needs root"
	command -v debootstrap >/dev/null || die "needs debootstrap (apt-get install debootstrap)"
	top=$(realpath "$(dirname "$0")/..")
	mirror=${MIRROR:-$(apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(REPO_URI)' \
		"Created-By: Packages" | sed -n 's/^Debian main //p' | head -n 1)}
	[[ -n $mirror ]] || die "no Debian mirror known here; name one in MIRROR"
	root=$(mktemp -d "${TMPDIR:-/tmp}/ouro-debian-$1.XXXXXX")
	# It becomes the / of users other than root, too.
	chmod 755 "$root"
	# In the background, since the shell heeds no signal while it has a child in the foreground.
	unshare --mount --pid --fork --kill-child "$0" --inside "$root" "$suite" "$mirror" "$top" \
		"${2:-demo test}" &
	child=$!
	trap 'kill -KILL "$child" 2>/dev/null || true; wait; rm -rf --one-file-system "$root" "$root.log"' EXIT
	trap 'exit 130' INT TERM HUP
	wait "$child"
	exit
fi

root=$2 suite=$3 mirror=$4 top=$5 runs=$6

# Becomes a command in the clone in the new root: call it in a subshell, whose process id is then
# the command's.
enter() {
	exec chroot "$root" env -i HOME=/root TERM="${TERM:-dumb}" CI="${CI:-}" LANG=C.UTF-8 \
		PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		sh -c 'cd /root/ouro && exec "$@"' sh "$@"
}

# The status line that 127.0.0.1:$1 answers to GET /, or nothing. The new root may have neither
# curl nor python, so the shell asks.
ask() {
	local line
	exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
	printf 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' >&3
	IFS= read -r -t 5 line <&3 || return 1
	exec 3>&-
	printf '%s\n' "${line%$'\r'}"
} 2>/dev/null

free_port() {
	local port
	for port in {18080..18180}; do
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return; }
	done
	die "no free port"
}

run_demo() {
	local port pid line started=$SECONDS
	port=$(free_port)
	(enter ./dev demo --listen "tcp://127.0.0.1:$port") &
	pid=$!
	until line=$(ask "$port"); do
		kill -0 "$pid" 2>/dev/null || die "./dev demo ended before it answered"
		((SECONDS - started < 1200)) || die "./dev demo does not answer"
		sleep 0.5
	done
	say "./dev demo answers after $((SECONDS - started)) s: $line"
	kill -TERM "$pid"
	wait "$pid" || (($? == 143)) || die "./dev demo ended badly"
	! ask "$port" >/dev/null || die "something still answers there after the demo has ended"
	[[ $line == "HTTP/1.1 200 "* ]] || die "that is not what it should answer"
}

# Servers of others are installed for it, none of which may run for the machine.
run_bench() {
	local log=$root.log
	(enter ./dev bench peers nginx h2o lighttpd libmicrohttpd --quick --part cpu \
		--only "keep-alive 64") >"$log" 2>&1 || { tail -n 40 "$log" >&2; die "./dev bench failed"; }
	! grep '^skipped:' "$log" >&2 || die "a peer is missing"
	! grep -xE 'nginx|h2o|lighttpd' "$root"/proc/[0-9]*/comm >&2 || die "a server was left running"
	grep -E 'CPU/request|^results' "$log" >&2
	say "./dev bench took $SECONDS s since the start"
}

mount --make-rprivate /
nice debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$root.log" 2>&1 || {
	tail -n 20 "$root.log" >&2
	die "debootstrap failed"
}
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
git -c safe.directory='*' clone -q "$top" "$root/root/ouro"
say "$(enter sh -c '. /etc/os-release; echo $PRETTY_NAME'), from $mirror," \
	"commit $(git -c safe.directory='*' -C "$root/root/ouro" rev-parse --short HEAD)"

for run in $runs; do
	case $run in
	demo)
		run_demo
		# The second time, nothing is left to install or build.
		run_demo
		;;
	bench) run_bench ;;
	test)
		(enter ./dev test)
		say "./dev test took $SECONDS s since the start"
		;;
	esac
done
say "all is well"
