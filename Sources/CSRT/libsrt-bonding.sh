#!/bin/sh
# Builds Debian's own source of libsrt with socket groups (ENABLE_BONDING) beside Debian's library,
# which has them off:
#
#   sh libsrt-bonding.sh PREFIX [VERSION]
#
#   PREFIX/lib       libsrt.so.1.5, of Debian's soname: LD_LIBRARY_PATH=PREFIX/lib attacca run ...
#   PREFIX/bin       srt-test-live, libsrt's own sender and receiver of groups, for the tests
#   PREFIX/VERSION   what it was built of
#
# VERSION is that of the library that is installed, so that what Debian has mended there is mended
# here; `newest` takes the newest one whose source can be fetched. The machine's apt configuration
# stays as it is: its sources are read as sources of source packages, with lists of their own.
set -eu
prefix=$1
installed=$(dpkg-query -W -f '${source:Version}' libsrt1.5-openssl)
wanted=${2:-$installed}
[ -n "$wanted" ] || wanted=$installed
say() { echo "libsrt-bonding: $*" >&2; }

mkdir -p "$prefix"
prefix=$(cd "$prefix" && pwd)
built=$(cat "$prefix/VERSION" 2>/dev/null || :)
if [ -n "$built" ] && { [ "$built" = "$wanted" ] || [ "$wanted" = newest ]; }; then
    exit 0
fi

work=$prefix/work
rm -rf "$work"
mkdir -p "$work/sources" "$work/lists/partial" "$work/cache/archives/partial" "$work/tree"
trap 'rm -rf "$work"' EXIT

# Packages for building, where they are missing.
if ! command -v cmake >/dev/null || ! command -v g++ >/dev/null ||
    ! command -v dpkg-source >/dev/null || ! dpkg -s libssl-dev >/dev/null 2>&1; then
    sudo=$([ "$(id -u)" = 0 ] || echo sudo)
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends \
        cmake build-essential libssl-dev
fi

# The same archives, for source packages.
eval "$(apt-config shell list Dir::Etc::sourcelist/f parts Dir::Etc::sourceparts/d)"
for file in "$list" "$parts"/*.list; do
    [ -f "$file" ] || continue
    sed -nE 's/^[[:space:]]*deb(-src)?[[:space:]]/deb-src /p' "$file" \
        >"$work/sources/$(basename "$file" .list).list"
done
for file in "$parts"/*.sources; do
    [ -f "$file" ] || continue
    sed -E 's/^Types:.*/Types: deb-src/' "$file" >"$work/sources/$(basename "$file")"
done
apt() {
    command=$1
    shift
    "$command" -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/sources" \
        -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" \
        -o APT::Sandbox::User=root "$@"
}
# An archive without sources is no matter while another one has them.
apt apt-get update -qq 2>"$work/errors" || :
known=$(apt apt-cache showsrc srt 2>/dev/null | sed -n 's/^Version: //p' | sort -Vru | xargs)
[ -n "$known" ] || { cat "$work/errors" >&2; say "apt knows no source of srt"; exit 1; }

fetch() {
    (cd "$work" && apt apt-get source -qq --download-only "srt=$1" >"$work/errors" 2>&1)
}
version=
[ "$wanted" = newest ] && candidates=$known || candidates=$wanted
for candidate in $candidates; do
    if fetch "$candidate"; then
        version=$candidate
        break
    fi
    sed 's/^/  /' "$work/errors" >&2
    say "the source of srt $candidate can not be fetched"
done
if [ -z "$version" ]; then
    say "apt knows: $known. What Debian has mended since an older one is in" \
        "/usr/share/doc/libsrt1.5-openssl/changelog.Debian.gz; who can do without it:" \
        "make libsrt-bonding SRT_SOURCE=VERSION"
    exit 1
fi
[ "$version" = "$installed" ] ||
    say "building srt $version, which lacks what Debian has mended up to $installed"

# apt has compared the files with its signed lists.
(cd "$work" && dpkg-source --no-check -x srt_"${version#*:}".dsc srt >/dev/null 2>&1) ||
    { say "the source can not be unpacked"; exit 1; }
log=$prefix/build.log
# Debian's own flags, as debian/rules has them.
eval "$(DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --export=sh)"
export CFLAGS="$CFLAGS $CPPFLAGS" CXXFLAGS="$CXXFLAGS $CPPFLAGS"
if ! { cmake -S "$work/srt" -B "$work/tree" -DCMAKE_BUILD_TYPE=None \
    -DENABLE_BONDING=ON -DUSE_ENCLIB=openssl -DENABLE_STATIC=OFF -DENABLE_TESTING=ON &&
    make -C "$work/tree" -j "$(nproc)" srt_shared srt-test-live; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    say "srt $version can not be built; all of it is in $log"
    exit 1
fi
rm -rf "$prefix/lib" "$prefix/bin"
mkdir -p "$prefix/lib" "$prefix/bin"
cp -P "$work"/tree/libsrt.so.* "$prefix/lib/"
cp "$work/tree/srt-test-live" "$prefix/bin/"
rm -f "$log"
echo "$version" >"$prefix/VERSION"
say "srt $version with socket groups is in $prefix/lib"
