import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CrioSeccompNode } from "../../../src/seccomp/resolve-crio.ts";
import {
  type ResolveSandboxSeccompInput,
  resolveSandboxSeccomp,
} from "../../../src/seccomp/resolve-sandbox.ts";

const KEY = "seccomp-profile.crio.io";
const CRIO: CrioSeccompNode = { kind: "cri-o" };

function chosen(runtime: ResolveSandboxSeccompInput["runtime"], more: object = {}): string {
  const { trace: _, runtime: __, ...choice } = resolveSandboxSeccomp({ privileged: false, runtime, ...more });
  return Object.values(choice)
    .map((value) => (typeof value === "string" ? value : JSON.stringify(value)))
    .join(" ");
}

describe("resolveSandboxSeccomp", () => {
  test("gives the runtime's own profile", () => {
    const builtIn = '{"kind":"built-in"}';
    assert.equal(chosen(CRIO), `runtime-default ${builtIn} RuntimeDefault`);
    assert.equal(
      chosen({ ...CRIO, seccompProfile: "/n.json" }),
      'runtime-default {"kind":"file","path":"/n.json","of":"node"} RuntimeDefault',
    );
    const handler = { ...CRIO, seccompProfile: "/n.json", handlerSeccompProfile: "/h.json" };
    assert.match(chosen(handler), /"path":"\/h.json","of":"runtime-handler"/);
    assert.match(chosen({ ...handler, version: "1.33" }), /"path":"\/n.json","of":"node"/);
    assert.match(chosen({ kind: "containerd" }), /^runtime-default/);
    assert.match(chosen({ kind: "containerd", unsetSeccompProfile: "unconfined" }), /^runtime-default/);
  });

  test("gives none, or the node's file, to a privileged one", () => {
    const privileged = { privileged: true };
    assert.equal(chosen(CRIO, privileged), "none privileged Unconfined");
    const file = { ...CRIO, privilegedSeccompProfile: "/p.json" };
    assert.equal(chosen(file, privileged), "localhost /p.json privileged_seccomp_profile /p.json");
    assert.match(chosen({ kind: "containerd" }, privileged), /^none privileged/);
  });

  test("takes no annotation, not even one that the node itself sets", () => {
    const runtime: CrioSeccompNode = {
      ...CRIO,
      allowedAnnotations: [KEY],
      defaultAnnotations: {
        [`${KEY}/POD`]: "r.example/p:v1",
        [KEY]: "r.example/p:v1",
        [`${KEY}/`]: "r.example/p",
      },
      workloads: [{ activationAnnotation: "a", allowedAnnotations: [KEY] }],
    };
    for (const request of [undefined, null, { type: "Unconfined" } as const]) {
      const { kind, trace } = resolveSandboxSeccomp({ privileged: false, runtime, request });
      assert.equal(kind, request === undefined ? "runtime-default" : "none");
      assert.ok(trace.length > 0 && trace.every((candidate) => candidate.kind === "node"));
    }
    assert.equal(chosen(CRIO, { request: null }), "none not-requested ");
  });

  test("follows another request, and what keeps a node from starting", () => {
    const request = { type: "Localhost", localhostRef: "/x.json" };
    assert.equal(chosen(CRIO, { request }), "localhost /x.json request /x.json");
    assert.equal(chosen({ ...CRIO, seccompEnabled: false }), "none seccomp-disabled Unconfined");
    const code = "ERR_SECCOMP_ALLOWED_ANNOTATION";
    assert.throws(() => chosen({ ...CRIO, allowedAnnotations: [`${KEY}/POD`] }), { code });
    const workload = { activationAnnotation: "a", allowedAnnotations: ["x"] };
    assert.throws(() => chosen({ ...CRIO, workloads: [workload] }), { code });
    assert.throws(() => chosen({ kind: "containerd", seccompEnabled: false }), {
      code: "ERR_SECCOMP_DISABLED",
    });
    assert.throws(() => chosen(CRIO, { request: { type: "OCI" } }), { code: "ERR_SECCOMP_PROFILE_REQUEST" });
    assert.throws(() => chosen(CRIO, { privileged: undefined }), TypeError);
    assert.throws(() => chosen({ kind: "docker" } as unknown as CrioSeccompNode), TypeError);
  });
});
