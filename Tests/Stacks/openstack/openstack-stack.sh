#!/bin/bash
# A small but real OpenStack control plane on 127.0.0.1, from Debian 12
# packages, run as plain processes (no systemd, no containers):
#
#   mariadb, rabbitmq, keystone, glance, placement, neutron (ML2, no agents),
#   nova api/conductor/scheduler/compute with nova's own fake virt driver.
#
#   openstack-stack.sh install   packages, databases, keystone bootstrap
#   openstack-stack.sh start     start everything, seed it, first time: smoke
#   openstack-stack.sh smoke     create a server with the CLI, wait for ACTIVE
#   openstack-stack.sh status    processes, ports, memory
#   openstack-stack.sh env [admin|demo|tight]   OS_* exports (default demo)
#   openstack-stack.sh restart NAME...   end services of a running stack with
#                                KILL and bring them back
#   openstack-stack.sh stop      stop what `start` started, by recorded pid
#   openstack-stack.sh reset     stop, and drop configuration and databases
#
# Settings (environment):
#   STACK_ROOT       where everything lives  (/var/lib/stack-openstack);
#                    keep it short: mysql.sock below it has 107 bytes at most
#   STACK_TOKEN_TTL  keystone token life, seconds, read at start  (3600)
#   STACK_DRIVER     nova fake driver, read at start  (fake.FakeDriver; also
#                    fake.SmallFakeDriver: 2 vCPU, 8 GiB in all, and
#                    fake.FakeBuildAbortDriver: every server ends in ERROR)
#   STACK_SMOKE      1 | 0: run smoke at the first start  (1)
#
# Run as root. Ports on 127.0.0.1: 5000 keystone, 9292 glance, 8774 nova,
# 8778 placement, 9696 neutron, 5672 25672 14369 rabbitmq, 3306 mariadb.
#
# Why not less: SQLite locks up under nova's processes (500 "database is
# locked" from the API), and without neutron nova answers 500 to GET /servers.

set -euo pipefail
umask 022

STACK_ROOT=${STACK_ROOT:-/var/lib/stack-openstack}
STACK_TOKEN_TTL=${STACK_TOKEN_TTL:-3600}
STACK_DRIVER=${STACK_DRIVER:-fake.FakeDriver}
STACK_SMOKE=${STACK_SMOKE:-1}

R=$STACK_ROOT
ADDR=127.0.0.1
REGION=RegionOne
ADMIN_PW=admin-secret
DEMO_PW=demo-secret
TIGHT_PW=tight-secret
SVC_PW=service-secret
DB_PW=db-secret
HOST=stack-compute1

# The image's own python may come first in PATH (pyenv, /usr/local): the
# Debian modules exist only for /usr/bin/python3.
PY=/usr/bin/python3
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL=C.UTF-8 PYTHONNOUSERSITE=1 PYTHONWARNINGS=ignore
export no_proxy="127.0.0.1,localhost${no_proxy:+,$no_proxy}"
unset PYTHONPATH PYTHONHOME VIRTUAL_ENV "${!OS_@}" 2>/dev/null || true

APT_PACKAGES=(
  python3-keystone python3-glance python3-placement python3-nova
  python3-fixtures                    # nova.virt.fake imports it; not a dependency
  python3-neutron
  python3-openstackclient python3-openstacksdk
  uwsgi-core uwsgi-plugin-python3
  rabbitmq-server mariadb-server
  curl procps
)
# Only the .ini templates of these are wanted: their maintainer scripts ask
# debconf questions, make users and databases and register services.
APT_TEMPLATES=(glance-common nova-common neutron-common)

SERVICES=(mysql epmd rabbitmq keystone glance placement neutron
  nova-conductor nova-scheduler nova-compute nova-api)

say() { printf '[%s +%ss] %s\n' "$(date +%T)" "$SECONDS" "$*" >&2; }
die() { say "FAILED: $*"; exit 1; }

# ---------------------------------------------------------------- packages

apt_install() {
  local missing=() p
  for p in "${APT_PACKAGES[@]}"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || missing+=("$p")
  done
  if [ ${#missing[@]} -gt 0 ] || ! templates_ready; then
    apt-get update -qq || say "apt-get update: not every list could be refreshed"
  fi
  if [ ${#missing[@]} -gt 0 ]; then
    say "apt: ${missing[*]}"
    # Keep maintainer scripts from starting rabbitmq or mariadb themselves.
    local mine=0
    if [ ! -e /usr/sbin/policy-rc.d ]; then
      printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
      chmod 755 /usr/sbin/policy-rc.d
      mine=1
    fi
    local rc=0
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      -o DPkg::Lock::Timeout=900 -o Dpkg::Options::=--force-confold \
      "${missing[@]}" > "$R/log/apt.log" 2>&1 || rc=$?
    [ $mine = 1 ] && rm -f /usr/sbin/policy-rc.d
    if [ -d /run/systemd/system ]; then # nor at the next boot
      systemctl disable -q rabbitmq-server.service epmd.socket mariadb.service 2>/dev/null || true
    fi
    [ $rc = 0 ] || { tail -20 "$R/log/apt.log" >&2; die "apt-get install ($rc)"; }
  fi
  templates_ready || fetch_templates
}

templates_ready() {
  local t
  for t in "${APT_TEMPLATES[@]}"; do [ -e "$R/templates/.$t" ] || return 1; done
}

fetch_templates() {
  local d t f
  d=$(mktemp -d)
  ( cd "$d" && apt-get download -qq -o APT::Sandbox::User=root "${APT_TEMPLATES[@]}" )
  for t in "${APT_TEMPLATES[@]}"; do
    dpkg-deb -x "$d"/"$t"_*.deb "$d/$t"
    for f in "$d/$t/usr/share/$t"/*api-paste.ini; do # nova's and neutron's have one name
      cp "$f" "$R/templates/${t%-common}-api-paste.ini"
    done
    touch "$R/templates/.$t"
  done
  rm -rf "$d"
}

# ----------------------------------------------------------- configuration

db_url() { echo "mysql+pymysql://stack:$DB_PW@$ADDR:3306/$1?charset=utf8"; }

authtoken() { # user [section]
  cat <<EOF
[${2:-keystone_authtoken}]
www_authenticate_uri = http://$ADDR:5000/v3
auth_url = http://$ADDR:5000/v3
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = $1
password = $SVC_PW
region_name = $REGION
EOF
}

common() {
  cat <<EOF
[oslo_concurrency]
lock_path = $R/lock
[oslo_messaging_rabbit]
rabbit_qos_prefetch_count = 0
heartbeat_timeout_threshold = 60
[oslo_messaging_notifications]
driver = noop
EOF
}

write_config() {
  local c=$R/etc rabbit="rabbit://guest:guest@$ADDR:5672/"
  mkdir -p "$c"/{keystone,glance,placement,nova,neutron,rabbitmq}

  cat > "$c/rabbitmq/rabbitmq.conf" <<EOF
listeners.tcp.1 = $ADDR:5672
loopback_users.guest = true
log.console = false
vm_memory_high_watermark.absolute = 512MiB
disk_free_limit.absolute = 50MB
EOF
  echo '[].' > "$c/rabbitmq/enabled_plugins"
  : > "$c/rabbitmq/rabbitmq-env.conf"

  cat > "$c/keystone/keystone.conf" <<EOF
[DEFAULT]
use_stderr = true
log_dir =
public_endpoint = http://$ADDR:5000/
[database]
connection = $(db_url keystone)
[token]
provider = fernet
expiration = $STACK_TOKEN_TTL
[fernet_tokens]
key_repository = $R/keys/fernet
[credential]
key_repository = $R/keys/credential
[cache]
# in the process, and so one process only (see start_keystone)
enabled = true
backend = dogpile.cache.memory
[identity]
# bcrypt at its cheapest: 0.3 s less for every password login
password_hash_rounds = 4
EOF

  cat > "$c/glance/glance-api.conf" <<EOF
[DEFAULT]
bind_host = $ADDR
bind_port = 9292
workers = 0
use_stderr = true
enabled_backends = file1:file
transport_url = $rabbit
[database]
connection = $(db_url glance)
[glance_store]
default_backend = file1
[file1]
filesystem_store_datadir = $R/images
[os_glance_staging_store]
filesystem_store_datadir = $R/images-staging
[os_glance_tasks_store]
filesystem_store_datadir = $R/images-tasks
[paste_deploy]
flavor = keystone
config_file = $R/templates/glance-api-paste.ini
$(authtoken glance)
$(common)
EOF

  cat > "$c/placement/placement.conf" <<EOF
[DEFAULT]
use_stderr = true
[api]
auth_strategy = keystone
[placement_database]
connection = $(db_url placement)
$(authtoken placement)
EOF

  cat > "$c/nova/nova.conf" <<EOF
[DEFAULT]
host = $HOST
my_ip = $ADDR
state_path = $R/nova
instances_path = $R/nova/instances
use_stderr = true
transport_url = $rabbit
enabled_apis = osapi_compute
osapi_compute_listen = $ADDR
osapi_compute_listen_port = 8774
osapi_compute_workers = 1
compute_driver = $STACK_DRIVER
report_interval = 2
service_down_time = 30
rpc_response_timeout = 60
ram_allocation_ratio = 1.0
cpu_allocation_ratio = 1.0
disk_allocation_ratio = 1.0
allow_resize_to_same_host = true
[api]
auth_strategy = keystone
[wsgi]
api_paste_config = $R/templates/nova-api-paste.ini
[api_database]
connection = $(db_url nova_api)
[database]
connection = $(db_url nova)
[conductor]
workers = 1
[scheduler]
workers = 1
discover_hosts_in_cells_interval = 60
[vnc]
enabled = false
[glance]
api_servers = http://$ADDR:9292
$(authtoken nova placement)
$(authtoken nova neutron)
$(authtoken nova service_user)
send_service_user_token = true
$(authtoken nova)
service_token_roles = service
service_token_roles_required = true
$(common)
EOF
  # nova-compute must not know the databases: it complains when it does
  sed '/^\[\(api_\)\{0,1\}database\]$/,/^connection/d' "$c/nova/nova.conf" > "$c/nova/nova-compute.conf"

  cat > "$c/neutron/neutron.conf" <<EOF
[DEFAULT]
core_plugin = ml2
service_plugins = router
auth_strategy = keystone
api_paste_config = $R/templates/neutron-api-paste.ini
state_path = $R/neutron
use_stderr = true
transport_url = $rabbit
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
dhcp_agent_notification = false
[database]
connection = $(db_url neutron)
$(authtoken neutron)
$(common)
EOF
  cat > "$c/neutron/ml2.ini" <<EOF
[ml2]
type_drivers = local
tenant_network_types = local
mechanism_drivers = stack_bindall
EOF
  # keystoneauth logs in anew when less than 120 s of a token are left: with
  # short tokens before every single request, and keystone does nothing else.
  if [ "$STACK_TOKEN_TTL" -lt 600 ]; then
    printf 'from keystoneauth1.identity import base\n\nbase.BaseIdentityPlugin.MIN_TOKEN_LIFE_SECONDS = %d\n' \
      $((STACK_TOKEN_TTL / 6)) > "$R/pylib/sitecustomize.py"
  else
    rm -f "$R/pylib/sitecustomize.py"
  fi
  # No agent runs, so no stock mechanism driver would bind a port and nova
  # would fail every server with PortBindingFailed: bind them all here.
  mkdir -p "$R/pylib/stack_bindall-1.0.dist-info"
  cat > "$R/pylib/stack_bindall.py" <<'EOF'
from neutron_lib.api.definitions import portbindings
from neutron_lib import constants
from neutron_lib.plugins.ml2 import api


class BindAll(api.MechanismDriver):
    """Binds every port to its first segment and calls it ACTIVE."""

    def initialize(self):
        pass

    def bind_port(self, context):
        for segment in context.segments_to_bind:
            context.set_binding(
                segment[api.ID], portbindings.VIF_TYPE_OVS,
                {portbindings.CAP_PORT_FILTER: True},
                status=constants.PORT_STATUS_ACTIVE)
            return
EOF
  printf 'Metadata-Version: 2.1\nName: stack_bindall\nVersion: 1.0\n' \
    > "$R/pylib/stack_bindall-1.0.dist-info/METADATA"
  printf '[neutron.ml2.mechanism_drivers]\nstack_bindall = stack_bindall:BindAll\n' \
    > "$R/pylib/stack_bindall-1.0.dist-info/entry_points.txt"
}

# The console scripts nova, glance and neutron have live in packages that we
# do not install; each is one import.
py_main() { echo "import sys; from $1 import $2 as m; sys.argv[0] = '$3'; sys.exit(m())"; }

nova_manage()    { "$PY" -c "$(py_main nova.cmd.manage main nova-manage)" --config-file "$R/etc/nova/nova.conf" "$@"; }
glance_manage()  { "$PY" -c "$(py_main glance.cmd.manage main glance-manage)" --config-file "$R/etc/glance/glance-api.conf" "$@"; }
keystone_manage(){ /usr/bin/keystone-manage --config-file "$R/etc/keystone/keystone.conf" "$@"; }
placement_manage(){ /usr/bin/placement-manage --config-file "$R/etc/placement/placement.conf" "$@"; }
neutron_db()     { PYTHONPATH=$R/pylib "$PY" -c "$(py_main neutron.db.migration.cli main neutron-db-manage)" \
                     --config-file "$R/etc/neutron/neutron.conf" --config-file "$R/etc/neutron/ml2.ini" "$@"; }

# --------------------------------------------------------------- processes

alive() { # name: is the process that we recorded still that process?
  local f=$R/run/$1.pid pid start
  [ -s "$f" ] || return 1
  read -r pid start < "$f"
  [ -r "/proc/$pid/stat" ] && [ "$(pid_start "$pid")" = "$start" ]
}
pid_start() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

launch() { # name command...
  local name=$1; shift
  alive "$name" && return 0
  [ ! -e "$R/log/$name.log" ] || mv -f "$R/log/$name.log" "$R/log/$name.log.1"
  # its own session: the pid is then also its process group, children included
  PYTHONPATH=$R/pylib setsid "$@" < /dev/null > "$R/log/$name.log" 2>&1 &
  local pid=$!
  sleep 0.1
  echo "$pid $(pid_start "$pid")" > "$R/run/$name.pid"
}

halt() { # name
  local f=$R/run/$1.pid pid t0=$SECONDS
  alive "$1" || { rm -f "$f"; return 0; }
  read -r pid _ < "$f"
  kill -TERM "$pid" 2>/dev/null || true
  while [ $((SECONDS - t0)) -lt 15 ] && alive "$1"; do sleep 0.1; done
  if alive "$1"; then say "$1 ($pid) did not stop on TERM"; fi
  # whatever is left of its own process group
  kill -KILL -- "-$pid" 2>/dev/null || true
  rm -f "$f"
  if [ $((SECONDS - t0)) -ge 3 ]; then say "$1 took $((SECONDS - t0))s to stop"; fi
}

wait_for() { # "process..." seconds command...: until the command succeeds
  local what=$1 t=$2 n; shift 2
  local end=$((SECONDS + t))
  until "$@" > /dev/null 2>&1; do
    for n in $what; do
      alive "$n" || { tail -20 "$R/log/$n.log" >&2; die "$n ended: $R/log/$n.log"; }
    done
    [ $SECONDS -lt $end ] || { tail -20 "$R/log/${what%% *}.log" >&2; die "$what not ready after ${t}s"; }
    sleep 0.2
  done
}
tcp() { (exec 3<> "/dev/tcp/$ADDR/$1") 2>/dev/null; }
http() { curl -s -o /dev/null --max-time 10 "$1"; }

port_free() { # name port
  alive "$1" && return 0
  ! tcp "$2" || die "port $2 (for $1) is taken by a process that is not ours"
}

start_mysql() {
  port_free mysql 3306
  if [ ! -d "$R/mysql/mysql" ]; then
    mkdir -p "$R/mysql"
    mysql_install_db --user=root --datadir="$R/mysql" --skip-test-db > "$R/log/mysql-install.log" 2>&1
  fi
  launch mysql mysqld --no-defaults --user=root --datadir="$R/mysql" \
    --bind-address=$ADDR --port=3306 --socket="$R/run/mysql.sock" \
    --pid-file="$R/run/mysqld.pid" --max-connections=400 \
    --innodb-buffer-pool-size=128M --innodb-flush-log-at-trx-commit=0 \
    --performance-schema=off --skip-log-bin --skip-name-resolve
  wait_for mysql 60 tcp 3306
}

mysql_databases() {
  local d
  { echo "CREATE USER IF NOT EXISTS 'stack'@'127.0.0.1' IDENTIFIED BY '$DB_PW';"
    echo "CREATE USER IF NOT EXISTS 'stack'@'localhost' IDENTIFIED BY '$DB_PW';"
    for d in keystone glance placement nova nova_api nova_cell0 neutron; do
      echo "CREATE DATABASE IF NOT EXISTS $d CHARACTER SET utf8;"
      echo "GRANT ALL ON $d.* TO 'stack'@'127.0.0.1'; GRANT ALL ON $d.* TO 'stack'@'localhost';"
    done; } | mysql --no-defaults -u root -S "$R/run/mysql.sock"
}

start_rabbitmq() {
  port_free rabbitmq 5672
  mkdir -p "$R/rabbitmq/home" "$R/rabbitmq/mnesia" "$R/rabbitmq/log"
  # An epmd of our own on a port of our own: otherwise erl leaves a daemon behind.
  launch epmd env ERL_EPMD_ADDRESS=$ADDR ERL_EPMD_PORT=14369 epmd
  launch rabbitmq env HOME="$R/rabbitmq/home" \
    ERL_EPMD_ADDRESS=$ADDR ERL_EPMD_PORT=14369 \
    RABBITMQ_NODENAME=stack@localhost RABBITMQ_DIST_PORT=25672 \
    RABBITMQ_MNESIA_BASE="$R/rabbitmq/mnesia" RABBITMQ_LOG_BASE="$R/rabbitmq/log" \
    RABBITMQ_CONF_ENV_FILE="$R/etc/rabbitmq/rabbitmq-env.conf" \
    RABBITMQ_CONFIG_FILE="$R/etc/rabbitmq/rabbitmq.conf" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$R/etc/rabbitmq/enabled_plugins" \
    RABBITMQ_PID_FILE="$R/rabbitmq/beam.pid" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}" \
    /usr/lib/rabbitmq/bin/rabbitmq-server
}

uwsgi_app() { # name port script processes threads env...
  local name=$1 port=$2 script=$3 procs=$4 threads=$5; shift 5
  port_free "$name" "$port"
  launch "$name" env "$@" uwsgi --plugin python3 --http-socket "$ADDR:$port" \
    --wsgi-file "$script" --master --processes "$procs" --threads "$threads" --lazy-apps --need-app \
    --die-on-term --no-orphans --enable-threads --buffer-size 65535 --listen 100 \
    --add-header "Connection: close" --procname-prefix "stack-$name "
}

start_keystone() {
  uwsgi_app keystone 5000 /usr/bin/keystone-wsgi-public 1 8 \
    OS_KEYSTONE_CONFIG_FILES="$R/etc/keystone/keystone.conf"
}
start_placement() {
  uwsgi_app placement 8778 /usr/bin/placement-api 1 4 OS_PLACEMENT_CONFIG_DIR="$R/etc/placement"
}
start_glance() {
  port_free glance 9292
  launch glance "$PY" -c "$(py_main glance.cmd.api main glance-api)" --config-file "$R/etc/glance/glance-api.conf"
}
start_neutron() { # the API alone: no agents, so nobody to do RPC with
  printf 'from neutron.cmd.eventlet.server import main_api_eventlet\napplication = main_api_eventlet()\n' > "$R/pylib/neutron_wsgi.py"
  uwsgi_app neutron 9696 "$R/pylib/neutron_wsgi.py" 1 1 PYTHONPATH="$R/pylib" \
    OS_NEUTRON_CONFIG_DIR="$R/etc/neutron" OS_NEUTRON_CONFIG_FILES="neutron.conf;ml2.ini"
}
start_nova() { # api_os_compute|conductor|scheduler|compute
  local name=nova-${1/api_os_compute/api} conf=nova.conf
  [ "$1" = compute ] && conf=nova-compute.conf
  [ "$name" = nova-api ] && port_free nova-api 8774
  launch "$name" "$PY" -c "$(py_main "nova.cmd.$1" main "$name")" --config-file "$R/etc/nova/$conf"
}

# ----------------------------------------------------------------- install

make_dirs() {
  mkdir -p "$R"/{log,run,etc,keys,lock,images,images-staging,images-tasks,nova/instances,neutron,templates,pylib}
  chmod 700 "$R"
}

sync_keystone() {
  keystone_manage db_sync
  keystone_manage fernet_setup --keystone-user root --keystone-group root
  keystone_manage credential_setup --keystone-user root --keystone-group root
  keystone_manage bootstrap --bootstrap-password "$ADMIN_PW" \
    --bootstrap-region-id $REGION \
    --bootstrap-admin-url http://$ADDR:5000/v3/ \
    --bootstrap-internal-url http://$ADDR:5000/v3/ \
    --bootstrap-public-url http://$ADDR:5000/v3/
}
sync_nova() {
  nova_manage api_db sync
  nova_manage cell_v2 map_cell0 --database_connection "$(db_url nova_cell0)"
  nova_manage db sync
  nova_manage cell_v2 list_cells | grep -q ' cell1 ' || nova_manage cell_v2 create_cell --name cell1
}

sync_rest() {
  glance_manage db_sync
  placement_manage db sync
  neutron_db upgrade heads
}

cmd_install() {
  [ "$(id -u)" = 0 ] || die "run as root"
  local t0=$SECONDS
  make_dirs
  apt_install
  say "packages ready after $((SECONDS - t0))s"
  write_config
  if [ ! -e "$R/.installed" ]; then
    start_mysql
    mysql_databases
    say "databases: keystone nova glance placement neutron"
    local jobs=() j name rc=0
    sync_keystone > "$R/log/sync-keystone.log" 2>&1 & jobs+=("$!:keystone")
    sync_nova > "$R/log/sync-nova.log" 2>&1 & jobs+=("$!:nova")
    sync_rest > "$R/log/sync-rest.log" 2>&1 & jobs+=("$!:rest")
    for j in "${jobs[@]}"; do
      name=${j#*:}
      wait "${j%%:*}" || { tail -15 "$R/log/sync-$name.log" >&2; rc=1; }
    done
    halt mysql
    [ $rc = 0 ] || die "databases"
    touch "$R/.installed"
  fi
  say "installed after $((SECONDS - t0))s"
}

# ------------------------------------------------------------------- start

cmd_start() {
  [ -e "$R/.installed" ] || cmd_install
  local t0=$SECONDS
  STACK_FRESH=0
  alive nova-compute || { STACK_FRESH=1; rm -f "$R/run/since"; }
  make_dirs
  write_config
  start_mysql
  start_rabbitmq
  start_keystone
  wait_for keystone 60 http http://$ADDR:5000/v3
  say "keystone answers"
  start_placement
  start_glance
  start_neutron
  # conductor and scheduler exit when keystone does not know their user yet
  seed services
  wait_for rabbitmq 60 tcp 5672
  say "users and catalog in place, rabbitmq listens"
  local s
  for s in conductor scheduler api_os_compute; do start_nova $s; done
  # compute last: it asks the conductor at once, and waits 10 s when nobody answers
  wait_for nova-conductor 60 grep -q "Starting conductor node" "$R/log/nova-conductor.log"
  [ -s "$R/run/since" ] || date +%s > "$R/run/since"
  start_nova compute
  wait_for placement 60 http http://$ADDR:8778/
  wait_for glance 60 http http://$ADDR:9292/
  wait_for neutron 90 http http://$ADDR:9696/
  wait_for nova-api 90 http http://$ADDR:8774/
  say "APIs answer"
  wait_for "nova-compute nova-conductor nova-scheduler" 120 seed compute-up
  say "nova services up"
  if [ ! -e "$R/.discovered" ]; then
    nova_manage cell_v2 discover_hosts > "$R/log/discover.log" 2>&1
    touch "$R/.discovered"
  fi
  seed content
  say "stack ready after $((SECONDS - t0))s"
  if [ "$STACK_SMOKE" = 1 ] && [ ! -e "$R/.smoked" ]; then
    cmd_smoke
    touch "$R/.smoked"
  fi
}

# Everything that is data in the running cloud, found by name before made.
seed() {
  env STACK_PHASE="$1" STACK_REGION=$REGION STACK_ADDR=$ADDR STACK_SVC_PW=$SVC_PW \
    STACK_ADMIN_PW=$ADMIN_PW STACK_DEMO_PW=$DEMO_PW STACK_TIGHT_PW=$TIGHT_PW \
    STACK_FRESH="${STACK_FRESH:-0}" \
    STACK_SINCE="$(cat "$R/run/since" 2>/dev/null || echo 0)" "$PY" - <<'EOF'
import datetime
import hashlib
import os
import sys

import openstack

e = os.environ
addr = e["STACK_ADDR"]
conn = openstack.connect(
    auth_url="http://%s:5000/v3" % addr, username="admin",
    password=e["STACK_ADMIN_PW"], project_name="admin",
    user_domain_name="Default", project_domain_name="Default",
    region_name=e["STACK_REGION"], identity_api_version="3",
    interface="public", load_yaml_config=False, load_envvars=False)


def services():
    ident = conn.identity
    domain = "default"

    def project(name):
        return ident.find_project(name, domain_id=domain) or ident.create_project(
            name=name, domain_id=domain)

    def user(name, password, proj, *roles):
        u = ident.find_user(name, domain_id=domain) or ident.create_user(
            name=name, password=password, domain_id=domain,
            default_project_id=proj.id)
        for role in roles:
            r = ident.find_role(role) or ident.create_role(name=role)
            ident.assign_project_role_to_user(proj, u, r)
        return u

    service = project("service")
    for name in ("nova", "glance", "placement", "neutron"):
        user(name, e["STACK_SVC_PW"], service, "admin", "service")
    user("demo", e["STACK_DEMO_PW"], project("demo"), "member")
    user("tight", e["STACK_TIGHT_PW"], project("tight"), "member")

    catalog = [("glance", "image", "http://%s:9292" % addr),
               ("nova", "compute", "http://%s:8774/v2.1" % addr),
               ("placement", "placement", "http://%s:8778" % addr),
               ("neutron", "network", "http://%s:9696" % addr)]
    have = {s.type: s for s in ident.services()}
    for name, kind, url in catalog:
        s = have.get(kind) or ident.create_service(name=name, type=kind)
        ends = {x.interface for x in ident.endpoints(service_id=s.id)}
        for interface in ("public", "internal", "admin"):
            if interface not in ends:
                ident.create_endpoint(service_id=s.id, interface=interface, url=url,
                                      region_id=e["STACK_REGION"])


def compute_up():
    """Have conductor, scheduler and compute all reported since the start?

    "up" alone is not enough: right after a restart it is still the last life's.
    """
    want = {"nova-conductor", "nova-scheduler", "nova-compute"}
    since = datetime.datetime.utcfromtimestamp(int(e["STACK_SINCE"])).isoformat()
    up = {s.binary for s in conn.compute.services()
          if s.state == "up" and (s.updated_at or "") > since}
    if not want <= up:
        sys.exit("up: %s, wanted: %s" % (sorted(up), sorted(want)))


def content():
    for name, vcpus, ram, disk in (("m1.nano", 1, 64, 1), ("m1.tiny", 1, 512, 1),
                                   ("m1.small", 1, 2048, 20), ("m1.medium", 2, 4096, 40)):
        if not conn.compute.find_flavor(name):
            conn.compute.create_flavor(name=name, vcpus=vcpus, ram=ram, disk=disk)

    if not conn.image.find_image("tiny-1m"):
        data = bytes(1 << 20)
        r = conn.image.post("/images", json={
            "name": "tiny-1m", "disk_format": "raw", "container_format": "bare",
            "visibility": "public", "min_disk": 0, "min_ram": 0,
            "os_distro": "none"})
        r.raise_for_status()
        r = conn.image.put("/images/%s/file" % r.json()["id"], data=data,
                           headers={"Content-Type": "application/octet-stream"})
        r.raise_for_status()
        got = conn.image.find_image("tiny-1m")
        assert got.status == "active" and got.checksum == hashlib.md5(data).hexdigest(), got

    tight = conn.identity.find_project("tight")
    r = conn.compute.put("/os-quota-sets/%s" % tight.id, json={"quota_set": {
        "instances": 1, "cores": 2, "ram": 1024}})
    r.raise_for_status()

    net = conn.network.find_network("private") or conn.network.create_network(
        name="private", is_shared=True)
    if not conn.network.find_subnet("private-v4"):
        conn.network.create_subnet(
            name="private-v4", network_id=net.id, ip_version=4,
            cidr="10.64.0.0/20", gateway_ip="10.64.0.1", is_dhcp_enabled=False)
    ext = conn.network.find_network("public") or conn.network.create_network(
        name="public", is_router_external=True)
    if not conn.network.find_subnet("public-v4"):
        conn.network.create_subnet(
            name="public-v4", network_id=ext.id, ip_version=4,
            cidr="203.0.113.0/24", gateway_ip="203.0.113.1", is_dhcp_enabled=False)
    if not conn.network.find_router("edge"):
        router = conn.network.create_router(
            name="edge", external_gateway_info={"network_id": ext.id})
        conn.network.add_interface_to_router(
            router, subnet_id=conn.network.find_subnet("private-v4").id)

    # The fake driver forgets its guests when nova-compute ends; a hard reboot
    # makes it spawn them again. Then put back those that were off.
    settled = []
    for s in conn.compute.servers(all_projects=True):
        if s.status in ("ACTIVE", "SHUTOFF") and e["STACK_FRESH"] == "1":
            conn.compute.reboot_server(s, "HARD")
            settled.append((s.id, s.status))
    for sid, before in settled:
        s = conn.compute.wait_for_server(conn.compute.get_server(sid), wait=60)
        if before == "SHUTOFF":
            conn.compute.stop_server(s)


{"services": services, "compute-up": compute_up, "content": content}[e["STACK_PHASE"]]()
EOF
}

# ------------------------------------------------------------ smoke, status

cmd_env() {
  local user=${1:-demo} pw
  case $user in
    admin) pw=$ADMIN_PW ;; demo) pw=$DEMO_PW ;; tight) pw=$TIGHT_PW ;;
    *) die "env admin|demo|tight" ;;
  esac
  cat <<EOF
export OS_AUTH_URL=http://$ADDR:5000/v3
export OS_IDENTITY_API_VERSION=3
export OS_USERNAME=$user
export OS_PASSWORD=$pw
export OS_PROJECT_NAME=$user
export OS_USER_DOMAIN_NAME=Default
export OS_PROJECT_DOMAIN_NAME=Default
export OS_REGION_NAME=$REGION
export OS_INTERFACE=public
EOF
}

cmd_smoke() (
  eval "$(cmd_env demo)"
  unset PYTHONWARNINGS
  local name=smoke-$$ t0=$SECONDS
  /usr/bin/openstack server create --flavor m1.nano --image tiny-1m --network private \
    --wait -f value -c id -c status -c addresses "$name" >&2
  local st; st=$(/usr/bin/openstack server show -f value -c status "$name")
  [ "$st" = ACTIVE ] || die "smoke server is $st"
  say "smoke: $name is ACTIVE ($((SECONDS - t0))s)"
  /usr/bin/openstack server delete --wait "$name"
  say "smoke: $name deleted ($((SECONDS - t0))s)"
)

group_kib() { # pgid: proportional memory of a process group, KiB
  local p sum=0 v
  for p in $(ps -e -o pid=,pgid= | awk -v g="$1" '$2 == g {print $1}'); do
    v=$(awk '/^Pss:/ {print $2}' "/proc/$p/smaps_rollup" 2>/dev/null || true)
    sum=$((sum + ${v:-0}))
  done
  echo $sum
}

cmd_status() {
  local s pid kib total=0 rc=0
  for s in "${SERVICES[@]}"; do
    if alive "$s"; then
      read -r pid _ < "$R/run/$s.pid"
      kib=$(group_kib "$pid"); total=$((total + kib))
      printf '%-15s up    pid %-7s %6d MiB\n' "$s" "$pid" $((kib / 1024))
    else
      printf '%-15s down\n' "$s"; rc=3
    fi
  done
  printf '%-15s %18s %6d MiB (proportional set size)\n' total '' $((total / 1024))
  return $rc
}

cmd_stop() {
  local s
  for s in nova-api nova-compute nova-scheduler nova-conductor neutron glance placement keystone; do
    halt "$s" &
  done
  wait
  halt rabbitmq; halt epmd; halt mysql
  say "stopped"
}

cmd_restart() { # name...: of nova-api, nova-compute, nova-conductor, nova-scheduler
  local s pid
  for s in "$@"; do
    if alive "$s"; then
      read -r pid _ < "$R/run/$s.pid"
      kill -KILL -- "-$pid" 2>/dev/null || true
      while alive "$s"; do sleep 0.1; done
    fi
    case $s in
      nova-api) start_nova api_os_compute; wait_for nova-api 90 http http://$ADDR:8774/ ;;
      nova-*) start_nova "${s#nova-}" ;;
      *) die "restart: $s" ;;
    esac
  done
}

cmd_reset() {
  cmd_stop
  rm -rf "${R:?}"/{etc,keys,lock,images,images-staging,images-tasks,nova,neutron,rabbitmq,mysql,run,log,pylib}
  rm -f "$R"/.installed "$R"/.discovered "$R"/.smoked
}

case "${1:-}" in
  install) cmd_install ;;
  start) cmd_start ;;
  restart) shift; cmd_restart "$@" ;;
  stop) cmd_stop ;;
  status) cmd_status ;;
  env) cmd_env "${2:-demo}" ;;
  smoke) cmd_smoke ;;
  reset) cmd_reset ;;
  seed) seed content ;;
  *) sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
