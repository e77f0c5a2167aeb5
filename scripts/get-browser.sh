#!/bin/sh
# get-browser.sh: prints the path of the Chromium that tests of pages use, once installed. In CI, where tests may not
# step aside, one that is absent is installed from Debian's packages; elsewhere that is for the user to do.
set -eu
installed() {
    for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do
        if command -v "$name"; then return 0; fi
    done
    return 1
}
if installed; then exit 0; fi
if [ -z "${CI:-}" ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "no Chromium here: apt-get install chromium, for example" >&2
    exit 1
fi
{
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core
} >&2
installed
