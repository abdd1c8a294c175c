"""Ansible module: a bare-metal machine in Ironic, reached by Redfish."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule, env_fallback
from ansible_collections.bastide.nodes.plugins.module_utils.ironic import Ironic, IronicError, authenticate

DOCUMENTATION = """
module: ironic_node
short_description: Enrol a bare-metal machine in Ironic
description:
  - Makes or corrects the node, its traits and its ports, then moves it towards O(state), step by step.
  - A run that was broken off is taken up where it stands. Changes nothing where all is as it should be.
options:
  endpoint:
    description: Address of the Bare Metal API; left out, it comes from the catalogue of O(auth).
    type: str
  token:
    description: A token of Keystone. Without it and without O(auth), the API is asked without authentication.
    type: str
  auth:
    description: How to get a token from Keystone v3, by password or by application credential.
    type: dict
    suboptions:
      auth_url: {description: Address of Keystone., type: str, required: true}
      username: {description: User., type: str}
      password: {description: "Its password, else OS_PASSWORD.", type: str}
      user_domain_name: {description: Domain of the user., type: str}
      project_name: {description: Project; left out, the token is for the whole system., type: str}
      project_domain_name: {description: Domain of the project., type: str}
      application_credential_id: {description: In place of user and password., type: str}
      application_credential_secret: {description: "Else OS_APPLICATION_CREDENTIAL_SECRET.", type: str}
      region: {description: Region of the endpoint., type: str}
  ca: {description: File of authorities that the API's certificate is checked with., type: path}
  timeout: {description: Seconds for one request., type: int, default: 30}
  name: {description: Name of the node., type: str, required: true}
  driver: {description: Driver of Ironic., type: str, default: redfish}
  driver_info:
    description: What the driver is told, such as C(redfish_address) and C(redfish_username).
    type: dict
    default: {}
  password: {description: Becomes C(redfish_password); never told., type: str}
  renew:
    description: The API tells no password, so it is sent only when the node is made, or where this is true.
    type: bool
    default: false
  properties: {description: Properties of the node; others are left alone., type: dict, default: {}}
  resource_class: {description: By this flavors select machines., type: str}
  traits: {description: All traits of the node., type: list, elements: str, default: []}
  ports: {description: Addresses (MAC) of its network interfaces., type: list, elements: str, default: []}
  inspect: {description: Whether a machine is inspected on its way to available., type: bool, default: false}
  state:
    description: How far the node is taken. One that is further along is not taken back.
    type: str
    choices: [enroll, manageable, available, absent]
    default: available
  wait: {description: Seconds for one change of state., type: int, default: 1800}
"""
EXAMPLES = """
- name: Enrol a machine
  bastide.nodes.ironic_node:
    endpoint: https://baremetal.example:6385
    name: gpu-0
    driver_info: {redfish_address: "https://10.0.0.5", redfish_username: ironic}
    password: "{{ lookup('ansible.builtin.env', 'BMC_PASSWORD') }}"
    ports: ["52:54:00:aa:bb:01"]
    resource_class: baremetal.h100
    traits: [CUSTOM_HOPPER]
"""
RETURN = """
node: {description: Name and provision state of the node., returned: success, type: dict}
done: {description: "What was changed, step by step.", returned: success, type: list}
"""
SENT = ("driver", "driver_info", "properties", "resource_class")


def desired(given):
    """The fields of the node as the API names them; the password is not among them."""
    return {field: given[field] for field in SENT if given[field] not in (None, {})}


def patch(node, wanted):
    """The JSON patch that makes the node as wanted; keys that nobody named are left alone."""
    steps = []
    for field, value in wanted.items():
        if not isinstance(value, dict):
            if node.get(field) != value:
                steps.append({"op": "add", "path": f"/{field}", "value": value})
            continue
        for key, part in value.items():
            if (node.get(field) or {}).get(key) != part:
                steps.append({"op": "add", "path": f"/{field}/{key}", "value": part})
    return steps


class Enrolment:
    """One machine on its way; `done` tells what was changed, or would be in check mode."""

    def __init__(self, api, given, check):
        self.api, self.given, self.check, self.done = api, given, check, []

    def step(self, told, *call):
        """Remembers a change and, unless in check mode, makes it."""
        self.done.append(told)
        return None if self.check else self.api.call(*call)

    def run(self):
        """The node as it is in the end."""
        node = self.api.node(self.given["name"])
        if self.given["state"] == "absent":
            if node:
                self.step("deleted", "DELETE", f"/nodes/{node['uuid']}")
            return {}
        node = self.corrected(node) if node else self.made()
        if node is None:
            return {"provision_state": self.given["state"]}
        self.traits(node)
        self.ports(node)
        return self.moved(node)

    def made(self):
        body = {"name": self.given["name"], **desired(self.given)}
        if self.given["password"]:
            body["driver_info"] = {**body.get("driver_info", {}), "redfish_password": self.given["password"]}
        return self.step("made", "POST", "/nodes", body)

    def corrected(self, node):
        steps = patch(node, desired(self.given))
        if self.given["password"] and self.given["renew"]:
            value = self.given["password"]
            steps.append({"op": "add", "path": "/driver_info/redfish_password", "value": value})
        if not steps:
            return node
        told = ", ".join(step["path"].lstrip("/") for step in steps)
        path = f"/nodes/{node['uuid']}"
        if any(step["path"] == "/driver" for step in steps):
            path += "?reset_interfaces=true"  # else those of the old driver stay
        return self.step(f"corrected {told}", "PATCH", path, steps) or node

    def traits(self, node):
        if sorted(node.get("traits") or []) != sorted(self.given["traits"]):
            path = f"/nodes/{node['uuid']}/traits"
            self.step("traits", "PUT", path, {"traits": sorted(self.given["traits"])})

    def ports(self, node):
        known = {port["address"].lower(): port for port in self.api.ports(node["uuid"])}
        for address in self.given["ports"]:
            if address.lower() not in known:
                body = {"node_uuid": node["uuid"], "address": address.lower()}
                self.step(f"port {address}", "POST", "/ports", body)
        for address in sorted(set(known) - {each.lower() for each in self.given["ports"]}):
            self.step(f"port {address} deleted", "DELETE", f"/ports/{known[address]['uuid']}")

    def moved(self, node):
        """Takes the node on from where it stands; states beyond what is wanted are left alone."""
        for target, before, after in self.way():
            if node["provision_state"] in before:
                self.done.append(f"{target}: {node['provision_state']} -> {after}")
                if self.check:
                    node = {**node, "provision_state": after}
                else:
                    node = self.api.move(node["uuid"], target, after, self.given["wait"])
        return node

    def way(self):
        """(verb, states from which it is said, state that follows), in order."""
        steps = []
        if self.given["state"] in {"manageable", "available"}:
            steps.append(("manage", {"enroll", "inspect failed", "clean failed"}, "manageable"))
        if self.given["state"] == "available":
            if self.given["inspect"]:
                steps.append(("inspect", {"manageable"}, "manageable"))
            steps.append(("provide", {"manageable"}, "available"))
        return steps


def client(given):
    """The API as the caller that was named. Raises `IronicError`."""
    token, endpoint = given["token"] or "", given["endpoint"]
    if given["auth"]:
        token, found = authenticate(given["auth"], given["ca"] or "", given["timeout"])
        endpoint = endpoint or found
    return Ironic(endpoint, token, given["ca"] or "", given["timeout"])


AUTH = {
    **{
        key: {"type": "str"}
        for key in ("username", "user_domain_name", "project_name", "project_domain_name")
    },
    **{
        key: {"type": "str", "no_log": True, "fallback": (env_fallback, [f"OS_{key.upper()}"])}
        for key in ("password", "application_credential_secret")
    },
    "auth_url": {"type": "str", "required": True},
    "application_credential_id": {"type": "str"},
    "region": {"type": "str"},
}
SPEC = {
    "endpoint": {"type": "str"},
    "token": {"type": "str", "no_log": True},
    "auth": {
        "type": "dict",
        "options": AUTH,
        "required_one_of": [("password", "application_credential_secret")],
    },
    "ca": {"type": "path"},
    "timeout": {"type": "int", "default": 30},
    "name": {"type": "str", "required": True},
    "driver": {"type": "str", "default": "redfish"},
    "driver_info": {"type": "dict", "default": {}},
    "password": {"type": "str", "no_log": True},
    "renew": {"type": "bool", "default": False},
    "properties": {"type": "dict", "default": {}},
    "resource_class": {"type": "str"},
    "traits": {"type": "list", "elements": "str", "default": []},
    "ports": {"type": "list", "elements": "str", "default": []},
    "inspect": {"type": "bool", "default": False},
    "state": {
        "type": "str",
        "choices": ["enroll", "manageable", "available", "absent"],
        "default": "available",
    },
    "wait": {"type": "int", "default": 1800},
}


def main():
    module = AnsibleModule(
        argument_spec=SPEC,
        required_one_of=[("endpoint", "auth")],
        mutually_exclusive=[("token", "auth")],
        supports_check_mode=True,
    )
    enrolment = None
    try:
        enrolment = Enrolment(client(module.params), module.params, module.check_mode)
        node = enrolment.run()
    except IronicError as error:
        done = enrolment.done if enrolment else []
        module.fail_json(msg=f"{module.params['name']}: {error}", done=done, changed=bool(done))
    told = {"name": module.params["name"], "provision_state": node.get("provision_state")}
    module.exit_json(changed=bool(enrolment.done), node=told, done=enrolment.done)


if __name__ == "__main__":
    main()
