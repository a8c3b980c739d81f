#!/bin/bash
# Behaviour: when a native Debian package lists CHANGELOG.md among its documents, dh_installchangelogs moves that file over
#   /usr/share/doc/PACKAGE/changelog. Then CHANGELOG.md is gone, and debian/changelog is not in the package at all.
# One would guess: a native package has one changelog, debian/changelog, and installed documents stay where they are.
# Version: debhelper 13.11.4 (Debian 12), seen on 2026-11-30. Relied on by packaging/debian/rules (the option -X).
# Output seen: "moved: CHANGELOG.md took the place of debian/changelog"
# Why it matters here: users would lose Debian's changelog, and the links of README.md to CHANGELOG.md.
# Exit status: 0 still so, 1 changed, 2 could not be tried. Needs Debian, perl, and apt's package lists.
set -euo pipefail
version=13.11.4
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"
(cd "$tmp" && apt-get -qq download "debhelper=$version" "libdebhelper-perl=$version" libdpkg-perl 2>/dev/null) ||
    { echo "debhelper $version could not be had" >&2; exit 2; }
for package in "$tmp"/*.deb; do dpkg-deb -x "$package" "$tmp/root"; done

mkdir -p "$tmp/source/debian/source"
cd "$tmp/source"
echo '3.0 (native)' >debian/source/format
printf 'Source: example\nMaintainer: A Maintainer <a@example.org>\nBuild-Depends: debhelper-compat (= 13)\n\nPackage: example\nArchitecture: all\nDescription: example\n' >debian/control
printf 'example (1.0) unstable; urgency=low\n\n  * The entry of Debian.\n\n -- A Maintainer <a@example.org>  Mon, 30 Nov 2026 12:00:00 +0000\n' >debian/changelog
printf '# Changelog\n\nThe text of the project.\n' >CHANGELOG.md

echo CHANGELOG.md >debian/example.docs

export PERL5LIB=$tmp/root/usr/share/perl5
for program in dh_installdocs dh_installchangelogs; do
    "$tmp/root/usr/bin/$program" || { echo "$program did not run" >&2; exit 2; }
done
folder=debian/example/usr/share/doc/example
if grep -q 'The text of the project' $folder/changelog && [ ! -e $folder/CHANGELOG.md ] && ! grep -rq 'The entry of Debian' debian/example; then
    echo "moved: CHANGELOG.md took the place of debian/changelog"
else
    echo "changed: $(ls $folder)"
    exit 1
fi
