#!/usr/bin/env bash
# Renew one of our processes without a gap: as many new containers beside the old, then the old ones end.
#
#   deploy/roll.sh service|bot|actions
#
# The images are built before (docs/deploy.md, Upgrade). When a new container does not become healthy, the new ones
# are removed and the old ones stay as they are.
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:-}
case $name in
  service | bot | actions) ;;
  *) echo "deploy/roll.sh: name what to renew: service, bot or actions" >&2; exit 2 ;;
esac
compose() { docker compose -f deploy/compose.yml "$@"; }

mapfile -t old < <(compose ps -q "$name")
if [ ${#old[@]} -eq 0 ]; then
  echo "deploy/roll.sh: $name is not running; start everything first" >&2
  exit 1
fi
echo "$name: ${#old[@]} new beside ${#old[@]} old"
if ! compose up -d --no-deps --no-recreate --no-build --wait --wait-timeout 180 \
  --scale "$name=$((2 * ${#old[@]}))" "$name"; then
  mapfile -t new < <(compose ps -aq "$name" | grep -vFf <(printf '%s\n' "${old[@]}"))
  [ ${#new[@]} -eq 0 ] || docker rm -f "${new[@]}" >/dev/null
  echo "deploy/roll.sh: the new $name is not well; the old one goes on" >&2
  exit 1
fi
# SIGTERM: each finishes the turns under way and gives its leases back; the others have taken over the rest.
for container in "${old[@]}"; do
  docker stop -t 30 "$container" >/dev/null
  docker rm "$container" >/dev/null
done
echo "$name: done"
