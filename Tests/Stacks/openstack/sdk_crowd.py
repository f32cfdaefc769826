"""What OpenStack's own Python library takes for the same: `crowd N NETWORK` or `token`. Prints JSON."""
import json
import sys
import threading
import time
import uuid

import openstack

USER = "demo"
conn = openstack.connect(
    auth_url="http://127.0.0.1:5000/v3", username=USER, password=USER + "-secret", project_name=USER,
    user_domain_name="Default", project_domain_name="Default", region_name="RegionOne",
    load_yaml_config=False, load_envvars=False)


def together(count, body):
    failures = []

    def run(index):
        try:
            body(index)
        except Exception as error:
            failures.append(repr(error))

    started = time.monotonic()
    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit("%d failed, such as %s" % (len(failures), failures[0]))
    return time.monotonic() - started


def crowd(count, network):
    image = conn.image.find_image("tiny-1m").id
    flavor = conn.compute.find_flavor("m1.nano").id
    networks = [{"uuid": conn.network.find_network(network).id}]
    servers = [None] * count

    def make(index):
        made = conn.compute.create_server(
            name="sdk-%s" % uuid.uuid4(), image_id=image, flavor_id=flavor, networks=networks)
        servers[index] = conn.compute.wait_for_server(made, wait=900)

    def remove(index):
        conn.compute.delete_server(servers[index])
        conn.compute.wait_for_delete(servers[index], wait=900)

    print(json.dumps({"active_s": together(count, make), "gone_s": together(count, remove)}))


if sys.argv[1] == "crowd":
    crowd(int(sys.argv[2]), sys.argv[3])
else:
    print(json.dumps({"token": conn.auth_token, "compute": conn.compute.get_endpoint()}))
