#!/bin/sh
# Regenerates blocklist.fst from the lists that README.md names: sh functions/shared/domain/data/blocklist.sh
set -eu
cd "$(dirname "$0")"
lists=$(mktemp -d)
trap 'rm -rf "$lists"' EXIT

# The platform is the wheel's: what is taken out of it is text, on any machine.
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --platform manylinux1_x86_64 --dest "$lists" hashcrack-jtr==23.3.26
python3 -m zipfile -e "$lists"/hashcrack_jtr-*.whl "$lists"
python3 -m tarfile -e "$lists/hashcrack_jtr/static/john.tar.xz" "$lists/john"

mkdir "$lists/src"
: >"$lists/src/lib.rs"
printf '[package]\nname = "lists"\n[dependencies]\npassablewords = "=1.0.1"\n' >"$lists/Cargo.toml"
cargo vendor --quiet --manifest-path "$lists/Cargo.toml" "$lists/vendor" >"$lists/vendor.log"

cargo run --quiet --example blocklist -- \
    "$lists/john/password.lst" "$lists/vendor/passablewords/src/common-passwords.txt" blocklist.fst
