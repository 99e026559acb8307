import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crioSeccompNode, parseCrioConfig } from "../../../../src/config/index.ts";
import { lintCrioTables } from "../../../../src/seccomp/lint/index.ts";
import { resolveSeccomp } from "../../../../src/seccomp/resolve.ts";

const ALLOWED = "seccomp-profile.crio.io";

function parse(...texts: string[]): ReturnType<typeof parseCrioConfig> {
  const [main = "", ...dropIns] = texts;
  return parseCrioConfig(
    {
      main: { path: "/etc/crio/crio.conf", text: main },
      dropIns: dropIns.map((text, at) => ({ path: `/etc/crio/crio.conf.d/${at}.conf`, text })),
    },
    { version: "1.36" },
  );
}

function found(...texts: string[]): string[] {
  return lintCrioTables(parse(...texts)).map(
    ({ code, severity, table, name, place }) =>
      `${severity} ${code} ${table}.${name} ${place?.file}:${place?.line}`,
  );
}

describe("lintCrioTables", () => {
  const first = `[crio.runtime.runtimes.kata]\nruntime_path = "/k"\nallowed_annotations = ["${ALLOWED}"]\n`;
  const second = '# tuned\n[crio.runtime.runtimes.kata]\nruntime_path = "/k2"\n';

  test("finds the drop-in that takes the annotations away, and the pod then has another profile", () => {
    assert.deepEqual(found(first, second), [
      "error allowed-annotations-lost runtimes.kata /etc/crio/crio.conf.d/0.conf:2",
    ]);
    const profileUnder = (...texts: string[]): string => {
      const choice = resolveSeccomp({
        pod: { metadata: { annotations: { [`${ALLOWED}/POD`]: "r.example/p:v1" } }, spec: {} },
        container: { name: "c" },
        imageAnnotations: {},
        runtime: crioSeccompNode(parse(...texts), "kata"),
      });
      return choice.kind;
    };
    assert.deepEqual([profileUnder(first), profileUnder(first, second)], ["artifact", "none"]);
  });

  test("finds what else decides on profiles", () => {
    const handler = `[crio.runtime.runtimes.kata]\nseccomp_profile = "/p"\ndefault_annotations = { "${ALLOWED}/POD" = "r.example/p" }\n`;
    assert.deepEqual(found(handler, second).sort(), [
      "error default-annotations-lost runtimes.kata /etc/crio/crio.conf.d/0.conf:2",
      "error seccomp-profile-lost runtimes.kata /etc/crio/crio.conf.d/0.conf:2",
    ]);
    const workload = `[crio.runtime.workloads.w]\nactivation_annotation = "a"\nallowed_annotations = ["${ALLOWED}"]\n`;
    const anew = '[crio.runtime.workloads.w]\nactivation_annotation = "a"\n';
    assert.deepEqual(found(workload, anew), [
      "error allowed-annotations-lost workloads.w /etc/crio/crio.conf.d/0.conf:1",
    ]);
  });

  test("warns of the table that is built in", () => {
    const [crun] = lintCrioTables(parse('[crio.runtime.runtimes.crun]\nruntime_path = "/c"\n'));
    assert.deepEqual([crun?.code, crun?.severity], ["allowed-annotations-lost", "warning"]);
    assert.match(crun?.message ?? "", /built-in/);
  });

  test("finds nothing where nothing is lost", () => {
    assert.deepEqual(found(first), []);
    assert.deepEqual(found(first, first), []);
    assert.deepEqual(found("", '[crio.runtime.runtimes.other]\nruntime_path = "/o"\n'), []);
    assert.deepEqual(found(first, `${second}allowed_annotations = []\n`), []);
    const other = { code: "replaced-table", key: "crio.api.x", lost: ["allowed_annotations"] };
    assert.deepEqual(lintCrioTables({ warnings: [other, { code: "unknown-key", key: "x" }] }), []);
  });
});
