import assert from "node:assert/strict";
import { test } from "node:test";
import { parseCrioConfig } from "../../../src/config/crio/parse.ts";
import { ConfigError } from "../../../src/config/errors.ts";

function read(body: string): void {
  parseCrioConfig({ main: { path: "/etc/crio/crio.conf", text: `[crio.runtime]\n${body}\n` } });
}

function refusal(body: string): string {
  try {
    read(body);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    assert.equal(error.code, "ERR_CONFIG_INVALID", body);
    assert.equal(error.origin?.line, body.includes("\n") ? 4 : 2, body);
    return `${error.key}: ${error.message}`;
  }
  assert.fail(`not refused: ${body}`);
}

test("limits are a known name and one or two numbers, the soft one not above the hard one", () => {
  for (const limit of [
    "nofile=1024:2048",
    "nofile=5",
    "nofile=5:-1",
    "nofile=-1",
    "nofile=-1:-1",
    "core=0:0",
    "stack=+1",
  ]) {
    read(`default_ulimits = ["${limit}"]`);
  }
  for (const limit of [
    "",
    "nofile",
    "files=1",
    "NOFILE=1",
    "nofile=",
    "nofile=1:",
    "nofile=2:1",
    "nofile=-1:5",
    "nofile=1:2:3",
    "nofile=1.5",
    "nofile=9223372036854775808",
    "as=1",
  ]) {
    assert.match(
      refusal(`default_ulimits = ["nofile=1", "${limit}"]`),
      /^crio\.runtime\.default_ulimits: unrecognized ulimit /,
    );
  }
  assert.match(refusal('default_ulimits = ["x=1"]'), /unrecognized ulimit x=1: invalid ulimit type: x$/);
});

test("capabilities are known to Linux, in any letter case and without their prefix", () => {
  read('default_capabilities = ["CHOWN", "net_bind_service", "Checkpoint_Restore"]');
  read("default_capabilities = []");
  for (const name of ["CAP_CHOWN", "ALL", "", "CHOWN ", "NO_SUCH"]) {
    assert.match(
      refusal(`default_capabilities = ["${name}"]`),
      /^crio\.runtime\.default_capabilities: invalid capabilities: validating capabilities: /,
    );
  }
});

test("sysctls are a key and a value without spaces around them", () => {
  read('default_sysctls = ["net.ipv4.ping_group_range=0 2147483647", "", "a=b=c", "kernel.sem="]');
  for (const [sysctl, text] of [
    ["net.core.somaxconn", '"net.core.somaxconn" is not in key=value format'],
    ["a = b", "'a = b' is invalid, extra spaces found: format should be key=value"],
    [" a=b", "' a=b' is invalid, extra spaces found: format should be key=value"],
    ["a=b ", "'a=b ' is invalid, extra spaces found: format should be key=value"],
  ] as const) {
    const told = refusal(`default_sysctls = ["${sysctl}"]`);
    assert.equal(told, `crio.runtime.default_sysctls: invalid default_sysctls: ${text}`);
  }
});

test("devices have a target below /dev and a mode of r, w and m", () => {
  for (const device of [
    "/dev/fuse",
    "/dev/a:/dev/b",
    "/dev/a:rw",
    "/dev/a:/dev/b:mrw",
    "/x:/dev/b",
    "",
    "/dev/a::r",
  ]) {
    read(`additional_devices = ["${device}"]`);
  }
  for (const device of [
    "fuse",
    "/x",
    "/dev/a:/b",
    "/dev/a:b",
    "/dev/a:rr",
    "/dev/a:/dev/b:x",
    "/dev/a:/dev/b:",
    "a:b:c:d",
  ]) {
    assert.match(
      refusal(`additional_devices = ["${device}"]`),
      /^crio\.runtime\.additional_devices: invalid device (?:mode|specification): /,
    );
  }
});

test("levels of the log, time zones and sets of processors have their forms", () => {
  for (const body of [
    'log_level = "WARNING"',
    'log_level = "trace"',
    'timezone = "Local"',
    'timezone = "Europe/Zurich"',
    'infra_ctr_cpuset = "0-3,7"',
    'shared_cpuset = ""',
    '[crio.runtime.workloads.a]\nactivation_annotation = "x"\n[crio.runtime.workloads.a.resources]\ncpuset = "0-1"',
  ]) {
    read(body);
  }
  for (const [body, told] of [
    ['log_level = "loud"', /^crio\.runtime\.log_level: not a valid logrus Level: "loud"$/],
    ['timezone = "../etc"', /^crio\.runtime\.timezone: invalid timezone: /],
    ['timezone = "/etc/x"', /^crio\.runtime\.timezone: /],
    ['infra_ctr_cpuset = "3-1"', /^crio\.runtime\.infra_ctr_cpuset: invalid infra_ctr_cpuset: /],
    ['infra_ctr_cpuset = "a"', /^crio\.runtime\.infra_ctr_cpuset: /],
    ['infra_ctr_cpuset = "1-2-3"', /^crio\.runtime\.infra_ctr_cpuset: /],
    ['shared_cpuset = ","', /^crio\.runtime\.shared_cpuset: /],
    [
      '[crio.runtime.workloads.a]\nactivation_annotation = "x"\nresources.cpuset = "x"',
      /^crio\.runtime\.workloads\.a\.resources\.cpuset: unable to parse cpuset "x": /,
    ],
  ] as const) {
    assert.match(refusal(body), told);
  }
});
