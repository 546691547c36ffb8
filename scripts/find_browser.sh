#!/bin/sh
# The browser tests drive a real Chromium; say how to get one when it is missing.
for name in chromium chromium-browser google-chrome; do
  command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "Installing Chromium for the browser tests ..."
  apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk >/dev/null && exit 0
fi
echo "Chromium is missing. Install it:  sudo apt-get install chromium fonts-noto-cjk" >&2
exit 1
