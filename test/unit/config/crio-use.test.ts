import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CrioConfig,
  crioNotifierPath,
  crioPolicyOptions,
  crioSeccompNode,
  isPinnedImage,
  parseCrioConfig,
} from "../../../src/config/crio/index.ts";
import { resolveCrioSeccomp } from "../../../src/seccomp/resolve-crio.ts";

function parse(text: string): CrioConfig {
  return parseCrioConfig({ main: { path: "/c", text } }, { version: "1.36" });
}

test("the choice of a profile follows the configuration", () => {
  const config = parse(`[crio.runtime]
seccomp_profile = "/node.json"
privileged_seccomp_profile = "/privileged.json"
[crio.runtime.runtimes.h]
seccomp_profile = "/handler.json"
allowed_annotations = ["seccomp-profile.crio.io"]
default_annotations = { "seccomp-profile.crio.io/POD" = "r.example/p:1" }
[crio.runtime.workloads.w]
activation_annotation = "on"
allowed_annotations = ["umask.crio.io"]
`);
  const node = crioSeccompNode(config, "h");
  assert.deepEqual(node, {
    kind: "cri-o",
    version: "1.36",
    seccompProfile: "/node.json",
    handlerSeccompProfile: "/handler.json",
    privilegedSeccompProfile: "/privileged.json",
    allowedAnnotations: ["seccomp-profile.crio.io"],
    defaultAnnotations: { "seccomp-profile.crio.io/POD": "r.example/p:1" },
    workloads: [{ activationAnnotation: "on", allowedAnnotations: ["umask.crio.io"] }],
  });
  const input = { privileged: false, containerName: "c", podAnnotations: {}, imageAnnotations: {} };
  const asked = resolveCrioSeccomp({ ...input, request: { type: "RuntimeDefault" } }, node);
  assert.ok(asked.kind === "runtime-default");
  assert.equal(asked.profile.kind === "file" && asked.profile.path, "/handler.json");
  const none = resolveCrioSeccomp({ ...input, request: null }, node);
  assert.ok(none.kind === "artifact");
  assert.equal(none.reference, "r.example/p:1");
});

test("an empty handler is the default one, an unknown one is an error", () => {
  const config = parse("");
  assert.deepEqual(crioSeccompNode(config, ""), crioSeccompNode(config, "crun"));
  assert.throws(() => crioSeccompNode(config, "runc"), RangeError);
});

test("policies and notifiers follow the configuration", () => {
  const config = parse(`[crio.api]
listen = "/run/x/crio.sock"
[crio.image]
signature_policy = "/p"
signature_policy_dir = "/d"
`);
  assert.deepEqual(crioPolicyOptions(config), { signaturePolicy: "/p", signaturePolicyDir: "/d" });
  assert.equal(crioNotifierPath(config), "/run/x/seccomp");
});

const PINNED: [pattern: string, image: string, pinned: boolean][] = [
  ["r.example/a:1", "R.example/a:1", true],
  ["r.example/a:1", "r.example/a:12", false],
  ["r.example/a:1", "x/r.example/a:1", false],
  ["a:*", "r.example/a:1", true],
  ["a:*", "r.example/b:1", false],
  ["*pause*", "r.example/MyPause:1", true],
  ["*pause", "r.example/pause", false],
  ["*", "anything", true],
  ["a.c*", "abc", false],
  ["(*", "(", true],
];

for (const [pattern, image, pinned] of PINNED) {
  test(`${pattern} ${pinned ? "pins" : "does not pin"} ${image}`, () => {
    assert.equal(isPinnedImage(pattern, image), pinned);
  });
}
