#!/usr/bin/env bash
# Installs what is missing to build ouro ("build"), to test it ("test", which includes
# "build") or to measure it ("bench", likewise). Safe to repeat: when everything is there it
# only asks dpkg and returns. `./dev` calls it before anything that needs it.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8

# Tools, without which nothing builds.
build_tools=(gcc libc6-dev meson ninja-build pkg-config)
# Libraries, with the least version that will do. One that the distribution does not have is
# built by meson from subprojects/ instead.
build_libs=(liburing-dev=2.3 libllhttp-dev=9.2.1~ libwslay-dev=1.1.1 libpcre2-dev=10.32
	libyyjson-dev=0.8 libssl-dev=3.0 zlib1g-dev=1:1.2.11 libbrotli-dev=1.0.9
	libzstd-dev=1.4.4 libhiredis-dev=0.14)
bench_tools=(wrk apache2-utils nghttp2-client python3 curl g++ libbenchmark-dev libboost-context-dev
	libuv1-dev iproute2 python3-matplotlib strace)
# Servers that are measured beside ouro. Debian's nginx has WebDAV, which nginx-light had not always.
bench_services=(nginx h2o lighttpd)
bench_peers=("${bench_services[@]}" libmicrohttpd-dev)
test_tools=("${bench_tools[@]}" clang llvm clang-format libcriterion-dev valgrind)
# Tests that need one of these are skipped, and say so, where it cannot be had. redis-tools has the
# server's program too, and other than redis-server starts none for the machine.
test_extras=(chromium libpq-dev postgresql redis-tools)
# What Debian 12 lacks, and all that may ever come to it from Debian 13.
wanted_of_trixie=(libllhttp-dev=9.2.1~ libyyjson-dev=0.8)
from_trixie=(libllhttp-dev libllhttp9.2 libyyjson-dev libyyjson0)

trixie_source=/etc/apt/sources.list.d/ouro-trixie.sources
trixie_pin=/etc/apt/preferences.d/ouro-trixie
policy=/usr/sbin/policy-rc.d
new_services=()
# Packages that this machine's apt has turned out not to have, so as not to look again.
absent=build/.setup-absent

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

as_root() {
	if ((EUID == 0)); then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -- "$@"
	else
		die "packages are missing and this is neither root nor is there sudo;" \
			"as root, run: $PWD/tools/setup.sh $goal"
	fi
}

apt_get() {
	as_root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 apt-get -q \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confdef \
		-o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# Succeeds if package $1 is installed, in version $2 or later if one is given.
installed() {
	local status version
	read -r status version < <(dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" \
		2>/dev/null) || return 1
	[[ $status == installed ]] && dpkg --compare-versions "$version" ge "${2:-0}"
}

# Succeeds if apt would install package $1 in version $2 or later.
available() {
	local version
	version=$(apt-cache policy "$1" 2>/dev/null | awk '$1 == "Candidate:" { print $2 }')
	[[ -n $version && $version != "(none)" ]] &&
		dpkg --compare-versions "$version" ge "${2:-0}"
}

# An update fails as a whole when one source does. Another project's source that is down is
# no reason to stop: whether what we need can be had is checked afterwards, package by package.
update_lists() {
	apt_get update ||
		say "not every package source could be read; going on with those that could"
}

# Prints "URI signed-by" of the source from which this machine gets suite $1, component main,
# so that a machine that uses a mirror goes on using it. Reads both forms of source files. A
# key written into the source file itself is not taken over: signed-by is then empty.
source_of() {
	local suite=$1 file
	for file in /etc/apt/sources.list.d/*.sources /etc/apt/sources.list \
		/etc/apt/sources.list.d/*.list; do
		[[ -r $file ]] || continue
		if [[ $file == *.sources ]]; then
			stanza_source "$suite" <"$file"
		else
			line_source "$suite" <"$file"
		fi
	done | head -n 1
}

stanza_source() {
	awk -v suite="$1" '
	function has(list, word,   n, i, words) {
		n = split(list, words)
		for (i = 1; i <= n; i++)
			if (words[i] == word)
				return 1
		return 0
	}
	function flush_stanza(   uris, keys) {
		if (has(field["types"], "deb") && has(field["suites"], suite) &&
		    has(field["components"], "main") && !has(tolower(field["enabled"]), "no")) {
			split(field["uris"], uris)
			split(field["signed-by"], keys)
			print uris[1], (keys[1] ~ /^\// ? keys[1] : "")
		}
		split("", field)
	}
	/^#/ { next }
	/^[ \t]*$/ { flush_stanza(); next }
	/^[ \t]/ { field[name] = field[name] " " $0; next }
	{ name = tolower(substr($0, 1, index($0, ":") - 1))
	  field[name] = substr($0, index($0, ":") + 1) }
	END { flush_stanza() }'
}

line_source() {
	awk -v suite="$1" '
	$1 != "deb" { next }
	{
		signed = ""
		if (match($0, /\[[^]]*\]/)) {
			n = split(substr($0, RSTART + 1, RLENGTH - 2), options)
			for (i = 1; i <= n; i++)
				if (options[i] ~ /^signed-by=\//)
					signed = substr(options[i], 11)
			$0 = substr($0, 1, RSTART - 1) substr($0, RSTART + RLENGTH)
		}
		for (i = 4; $3 == suite && i <= NF; i++)
			if ($i == "main") {
				print $2, signed
				next
			}
	}'
}

# Takes what Debian 12 lacks, and nothing else, from Debian 13: everything there is pinned out of
# reach but the packages named, and what apt would do is looked at before it is done. The pin is
# written before the source, so that there is no moment without it; one that names fewer packages,
# from an earlier set-up, is replaced.
add_trixie() {
	local uri signed
	read -r uri signed < <(source_of bookworm) || true
	if [[ -z ${uri:-} ]]; then
		say "no source for bookworm/main found under /etc/apt; Debian 13 is left alone"
		return
	fi
	# Debian's per-release keyrings know their own release only.
	if [[ $signed == /usr/share/keyrings/debian-archive-* ]]; then
		signed=/usr/share/keyrings/debian-archive-keyring.gpg
	fi
	say "adding Debian 13 ($uri) for: ${from_trixie[*]}"
	as_root tee "$trixie_pin" >/dev/null <<-PIN
		# Written by ouro's set-up: of Debian 13, only these packages.
		# Remove this file and $trixie_source before upgrading to Debian 13.
		Package: ${from_trixie[*]}
		Pin: release n=trixie
		Pin-Priority: 500

		Package: *
		Pin: release n=trixie
		Pin-Priority: -1
	PIN
	as_root tee "$trixie_source" >/dev/null <<-SOURCE
		# Written by ouro's set-up: see $trixie_pin.
		Types: deb
		URIs: $uri
		Suites: trixie
		Components: main
		Targets: Packages
		${signed:+Signed-By: $signed}
	SOURCE
	# The keys of Debian 13 came to Debian 12 with this version.
	if ! installed debian-archive-keyring 2023.3+deb12u2; then
		apt_get install -y --no-install-recommends --no-remove debian-archive-keyring
	fi
	apt_get update -o "Dir::Etc::SourceList=$trixie_source" -o Dir::Etc::SourceParts=/dev/null \
		-o APT::Get::List-Cleanup=0 || true
	local entry wanted=()
	for entry in "${wanted_of_trixie[@]}"; do
		available "${entry%=*}" "$(version_of "$entry")" || {
			remove_trixie
			say "$uri has no readable, signed Debian 13"
			return
		}
		wanted+=("${entry%=*}")
	done

	local plan others
	plan=$(apt-get -s install --no-install-recommends --no-upgrade "${wanted[@]}") || {
		remove_trixie
		die "apt cannot install ${wanted[*]} from Debian 13: $plan"
	}
	others=$(awk -v may="${from_trixie[*]}" '
		BEGIN { n = split(may, names); for (i = 1; i <= n; i++) ok[names[i]] = 1 }
		$1 ~ /^(Inst|Remv|Purg)$/ && !($1 == "Inst" && $2 in ok) { print $1, $2 }' \
		<<<"$plan")
	if [[ -n $others ]]; then
		remove_trixie
		die "${wanted[*]} from Debian 13 would also touch other packages, so nothing was" \
			"done: ${others//$'\n'/, }"
	fi
	apt_get install -y --no-install-recommends --no-remove --no-upgrade "${wanted[@]}"
}

remove_trixie() { as_root rm -f "$trixie_pin" "$trixie_source"; }

# Succeeds if this is Debian 12, and $1 one of those that it lacks.
lacks_bookworm() {
	[[ ${ID:-} == debian && ${VERSION_CODENAME:-} == bookworm &&
		" ${wanted_of_trixie[*]} " == *" $1 "* ]]
}

# Tests start a PostgreSQL of their own in a directory of their own. Debian's package would start
# one for the machine as soon as it is installed, unless told before.
forbid_cluster() {
	local file=/etc/postgresql-common/createcluster.conf
	if [[ " $* " != *" postgresql "* ]] || installed postgresql-common; then
		return 0
	fi
	[[ ! -e $file ]] || return 0
	as_root mkdir -p "${file%/*}"
	as_root tee "$file" >/dev/null <<-CONF
		# Written by ouro's set-up: a server that tests need is not one for the machine.
		create_main_cluster = false
	CONF
}

# Debian's packages start nginx, h2o and lighttpd, on port 80, as soon as they are installed and at each boot from
# then on. policy-rc.d, where the machine has none of its own, is asked before any service is started.
forbid_services() {
	local name
	new_services=()
	for name in "${bench_services[@]}"; do
		[[ " $* " != *" $name "* ]] || installed "$name" || new_services+=("$name")
	done
	((${#new_services[@]})) && [[ ! -e $policy ]] || return 0
	trap 'as_root rm -f "$policy"' EXIT
	as_root tee "$policy" >/dev/null <<-POLICY
		#!/bin/sh
		# Written by ouro's set-up, for as long as it installs: these are there to be measured.
		case " ${new_services[*]} " in *" \${1%.service} "*) exit 101 ;; esac
	POLICY
	as_root chmod 755 "$policy"
}

# A policy of the machine's own may have let them start after all.
stop_services() {
	local name
	for name in "${new_services[@]}"; do
		as_root invoke-rc.d --quiet "$name" stop ||
			say "$name could not be stopped, if it runs at all"
		as_root update-rc.d "$name" disable
	done
}

# Sets extras to what tests would like to have. With them is the sanitizers' and the fuzzer's
# runtime, of the very version that "clang" stands for; before apt knows of clang, it is left out.
find_extras() {
	local version
	extras=()
	[[ $goal == test ]] || return 0
	extras=("${test_extras[@]}")
	# Other packages than Debian's bring them too, and stand in the way of Debian's.
	command -v node >/dev/null || extras+=(nodejs)
	command -v npm >/dev/null || extras+=(npm)
	version=$({ dpkg-query -W -f '${Depends}\n' clang || apt-cache depends clang || true; } \
		2>/dev/null | awk '!found && match($0, /clang-[0-9]+/) {
			print substr($0, RSTART + 6, RLENGTH - 6)
			found = 1
		}')
	[[ -z $version ]] || extras+=("libclang-rt-$version-dev")
}

setup_apt() {
	local tools=("${build_tools[@]}") extras=() entry name missing=()
	[[ $goal != bench ]] || tools+=("${bench_tools[@]}" "${bench_peers[@]}")
	[[ $goal != test ]] || tools+=("${test_tools[@]}")
	find_extras
	for entry in "${tools[@]}" "${build_libs[@]}" "${extras[@]}"; do
		name=${entry%=*}
		installed "$name" "$(version_of "$entry")" ||
			grep -qsx "$name" "$absent" || missing+=("$name")
	done
	((${#missing[@]})) || return 0

	say "to install: ${missing[*]}"
	# Left from before an upgrade, which the pin would now be in the way of.
	if [[ ${VERSION_CODENAME:-} != bookworm && -e $trixie_pin ]]; then
		remove_trixie
	fi
	update_lists
	find_extras

	local take=() lacking=()
	for name in "${tools[@]}"; do
		installed "$name" || take+=("$name")
	done
	for entry in "${build_libs[@]}" "${extras[@]}"; do
		name=${entry%=*}
		if lacks_bookworm "$entry" && ! available "$name" "$(version_of "$entry")"; then
			add_trixie
		fi
		if installed "$name" "$(version_of "$entry")"; then
			continue
		elif available "$name" "$(version_of "$entry")"; then
			take+=("$name")
		else
			lacking+=("$name")
			# So that meson can fetch the source.
			take+=(ca-certificates)
		fi
	done
	if ((${#take[@]})); then
		forbid_cluster "${take[@]}"
		forbid_services "${take[@]}"
		apt_get install -y --no-install-recommends --no-remove "${take[@]}" ||
			die "apt could not install what is needed; see above"
		stop_services
	fi
	((${#lacking[@]})) || return 0
	[[ " ${lacking[*]} " != *" libssl-dev "* ]] || die "apt has no OpenSSL 3, which is needed"
	mkdir -p build
	printf '%s\n' "${lacking[@]}" >>"$absent"
	say "not to be had from apt: ${lacking[*]}; libraries among them are built from source," \
		"tests of the others are skipped (remove $absent to look again)"
}

# The version after "=" in an entry such as "liburing-dev=2.3", or nothing.
version_of() { [[ $1 != *=* ]] || echo "${1#*=}"; }

# Elsewhere package names differ: say which commands are missing, and leave the libraries to
# meson, which builds from subprojects/ what the system does not have.
setup_other() {
	local need=(cc meson ninja pkg-config) name missing=()
	[[ $goal != bench ]] || need+=(wrk ab python3 curl nginx)
	[[ $goal != test ]] || need+=(clang llvm-symbolizer wrk ab python3 curl ip)
	for name in "${need[@]}"; do
		command -v "$name" >/dev/null || missing+=("$name")
	done
	pkg-config --atleast-version=3.0 libcrypto 2>/dev/null || missing+=("OpenSSL 3")
	((${#missing[@]})) || return 0
	say "this system has no apt, and this is missing: ${missing[*]}"
	say "please install it with its package manager; what the build wants is, for example:"
	say "  Fedora  dnf install gcc meson ninja-build pkgconf-pkg-config openssl-devel" \
		"liburing-devel pcre2-devel yyjson-devel"
	say "  Arch    pacman -S gcc meson ninja pkgconf openssl liburing pcre2 yyjson"
	say "  Alpine  apk add build-base linux-headers meson ninja pkgconf openssl-dev" \
		"liburing-dev pcre2-dev yyjson-dev"
	die "other libraries that are missing are then built from source"
}

goal=${1:-build}
case $goal in
build | test | bench) ;;
*) die "usage: tools/setup.sh [build|test|bench]" ;;
esac

[[ $(uname -s) == Linux ]] || die "ouro runs on Linux only, as yet"
# shellcheck source=/dev/null
[[ ! -r /etc/os-release ]] || . /etc/os-release
if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
	setup_apt
else
	setup_other
fi
