set -eu
axons-service migrate --no-input
axons-service site_register --slug {{ AXONS_SITE }} --name "{{ PLATFORM_NAME|replace('"', "'") }}" --key-id {{ AXONS_KEY_ID }} \
    --public-key-file /run/secrets/axons/lms.pub --callback-host {{ LMS_HOST }} \
    --origin {% if ENABLE_HTTPS %}https{% else %}http{% endif %}://{{ LMS_HOST }} \
    --origin {% if ENABLE_HTTPS %}https{% else %}http{% endif %}://{{ CMS_HOST }}
axons-service storage_prepare
axons-service pool_register --name cpu --title "Shared machine" --provider static --token-file /run/secrets/axons/pool-cpu
