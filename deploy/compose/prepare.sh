#!/bin/sh
# Makes .env and secrets/ for the compose files: passwords, both sides' keys, the tokens of the pools. What is there stays.
#   sudo ./prepare.sh axons.example.org lms.example.org studio.example.org [compose.gpu-box.yaml|compose.reference.yaml]
set -eu
cd "$(dirname "$0")"
if [ $# -lt 3 ]; then
  echo "prepare: give the names of the service, the LMS and Studio: ./prepare.sh axons.example.org lms.example.org studio.example.org" >&2
  exit 2
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "prepare: run it with sudo: the secrets are given to the users of the containers." >&2
  exit 2
fi
service=$1 lms=$2 studio=$3 profile=${4:-compose.gpu-box.yaml}
umask 077
random() { openssl rand -hex 32; }

if [ ! -e .env ]; then
  sed -e "s|^COMPOSE_FILE=.*|COMPOSE_FILE=compose.yaml:$profile|" \
    -e "s|^AXONS_HOST=.*|AXONS_HOST=$service|" \
    -e "s|^AXONS_S3_HOST=.*|AXONS_S3_HOST=s3.$service|" \
    -e "s|^AXONS_ALLOWED_ORIGINS=.*|AXONS_ALLOWED_ORIGINS=https://$lms,https://$studio|" env.example |
    while IFS= read -r line; do
      case $line in *=) printf '%s%s\n' "$line" "$(random)" ;; *) printf '%s\n' "$line" ;; esac
    done >.env
fi

mkdir -p secrets/store
for name in service lms; do
  [ -e "secrets/$name.pem" ] || openssl genpkey -algorithm ed25519 -out "secrets/$name.pem"
  [ -e "secrets/$name.pub" ] || openssl pkey -in "secrets/$name.pem" -pubout -out "secrets/$name.pub"
done
[ -e secrets/store/s3.json ] || printf '{"identities": [{"name": "axons", "credentials": [{"accessKey": "axons", "secretKey": "%s"}], "actions": ["Admin", "Read", "Write", "List", "Tagging"]}]}\n' \
  "$(sed -n 's/^AXONS_S3_SECRET_KEY=//p' .env)" >secrets/store/s3.json
# 10001 is the service's user, 42420 the runner's: a pool's token is for both
chown -R 10001:10001 secrets
chown -R 0:0 secrets/store secrets/lms.pem
for pool in gpu cpu; do
  [ -e "secrets/pool-$pool" ] || random >"secrets/pool-$pool"
  chown 42420:10001 "secrets/pool-$pool"
  chmod 640 "secrets/pool-$pool"
done
echo "prepare: .env and secrets/ are ready. The LMS needs secrets/lms.pem and secrets/service.pub (docs/install-openedx.md)."
