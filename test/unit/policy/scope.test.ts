import assert from "node:assert/strict";
import { test } from "node:test";
import { parseImageReference } from "../../../src/policy/reference.ts";
import {
  dockerDaemonLookup,
  dockerLookup,
  pathLookup,
  type ScopeLookup,
  selectRequirements,
  storageLookup,
  unknownDigestLookup,
} from "../../../src/policy/scope.ts";
import { validateScope } from "../../../src/policy/scope-validate.ts";
import type { Policy } from "../../../src/policy/types.ts";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;

function policyWith(transport: string, scopes: readonly string[]): Policy {
  const reject = [{ type: "reject" as const }];
  return {
    default: [{ type: "insecureAcceptAnything" }],
    transports: new Map([[transport, new Map(scopes.map((scope) => [scope, reject]))]]),
  };
}

/** Takes the winning scope out of the policy again and again, and lists the winners. */
function precedence(lookup: ScopeLookup, scopes: readonly string[]): string[] {
  const left = new Set(scopes);
  const winners: string[] = [];
  for (;;) {
    const { scope } = selectRequirements(policyWith(lookup.transport, [...left]), lookup);
    if (scope.kind === "default") return winners;
    winners.push(scope.scope);
    left.delete(scope.scope);
  }
}

test("docker: identity, name, parents, host with port, wildcards without port, the whole transport", () => {
  const lookup = dockerLookup(parseImageReference("a.b.example.com:5000/n1/n2/repo:tag"));
  const expected = [
    "a.b.example.com:5000/n1/n2/repo:tag",
    "a.b.example.com:5000/n1/n2/repo",
    "a.b.example.com:5000/n1/n2",
    "a.b.example.com:5000/n1",
    "a.b.example.com:5000",
    "*.b.example.com",
    "*.example.com",
    "*.com",
    "",
  ];
  const misses = [
    "a.b.example.com",
    "*.a.b.example.com",
    "b.example.com",
    "*",
    "*.",
    "*.example.com:5000",
    "*.example.com/n1",
    "a.b.example.com:5000/n",
    "a.b.example.com:5000/",
    "a.b.example.com:5000/n1/n2/repo:",
    "n1/n2/repo",
  ];
  assert.deepEqual(precedence(lookup, [...misses, ...expected.toReversed()]), expected);
});

test("docker: short names are completed, and a scope must be", () => {
  const lookup = dockerLookup(parseImageReference("busybox"));
  assert.equal(lookup.identity, "docker.io/library/busybox:latest");
  assert.deepEqual(precedence(lookup, ["busybox", "library/busybox", "docker.io/library"]), [
    "docker.io/library",
  ]);
  assert.deepEqual(dockerLookup(parseImageReference(`quay.io/a@${DIGEST}`)).identity, `quay.io/a@${DIGEST}`);
});

test("docker: hosts that have no wildcards, and some that have", () => {
  const wildcards = (text: string) =>
    dockerLookup(parseImageReference(text)).namespaces.filter((scope) => scope.startsWith("*"));
  assert.deepEqual(wildcards("localhost:5000/a"), []);
  assert.deepEqual(wildcards("localhost/a"), []);
  assert.deepEqual(wildcards("[::1]:5000/a"), []);
  assert.deepEqual(wildcards("[2001:db8::1]/a"), []);
  assert.deepEqual(wildcards("192.168.64.2:5000/a"), ["*.168.64.2", "*.64.2", "*.2"]);
  assert.deepEqual(wildcards("Example.COM/a"), ["*.COM"]);
});

test("docker: both a tag and a digest are refused", () => {
  assert.throws(() => dockerLookup(parseImageReference(`quay.io/a:1@${DIGEST}`)), {
    code: "ERR_POLICY_REFERENCE",
  });
});

test("a scope of another transport, case or spelling does not count", () => {
  const lookup = dockerLookup(parseImageReference("quay.io/a:1"));
  assert.equal(selectRequirements(policyWith("atomic", ["quay.io"]), lookup).scope.kind, "default");
  assert.equal(selectRequirements(policyWith("Docker", [""]), lookup).scope.kind, "default");
  assert.equal(
    selectRequirements(policyWith("docker", ["Quay.io", "quay.io/", "quay.io:443"]), lookup).scope.kind,
    "default",
  );
});

test("the losers and the candidates are told", () => {
  const lookup = dockerLookup(parseImageReference("quay.io/a:1"));
  const selected = selectRequirements(policyWith("docker", ["", "quay.io", "other.io", "*.io"]), lookup);
  assert.deepEqual(selected.overridden, ["*.io", ""]);
  assert.deepEqual(selected.candidates, ["quay.io/a:1", "quay.io/a", "quay.io", "*.io", ""]);
  assert.deepEqual(selected.requirements, [{ type: "reject" }]);
});

test("other transports", () => {
  assert.deepEqual(pathLookup("dir", "/a/b/c").namespaces, ["/a/b", "/a"]);
  assert.deepEqual(pathLookup("oci", "/a/b").namespaces, ["/a/b", "/a"]);
  assert.deepEqual(pathLookup("sif", "/").namespaces, []);
  assert.deepEqual(pathLookup("oci-archive", "/").namespaces, []);
  assert.deepEqual(dockerDaemonLookup(DIGEST, parseImageReference), {
    transport: "docker-daemon",
    identity: "",
    namespaces: [],
  });
  assert.equal(
    dockerDaemonLookup("busybox", parseImageReference).identity,
    "docker.io/library/busybox:latest",
  );
  assert.equal(unknownDigestLookup(parseImageReference("quay.io/a")).identity, "quay.io/a");
  const imageId = "f".repeat(64);
  const reference = parseImageReference(`quay.io/a:1@${DIGEST}`);
  assert.deepEqual(storageLookup({ driver: "overlay", root: "/s", reference, imageId }), {
    transport: "containers-storage",
    identity: `[overlay@/s]quay.io/a:1@${DIGEST}@${imageId}`,
    namespaces: [
      `[overlay@/s]quay.io/a:1@${DIGEST}`,
      "[overlay@/s]quay.io/a:1",
      "[overlay@/s]quay.io/a",
      "[overlay@/s]quay.io",
      "[overlay@/s]",
      "[/s]",
    ],
  });
});

test("scopes that a transport refuses", () => {
  const cases: [transport: string, good: string[], bad: string[]][] = [
    ["docker", ["a", "*.x", "/", "a b", "\0"], []],
    ["unknown", ["/", "x"], []],
    ["atomic", ["a", "a/b", "a/b/c", "a/b/c:d"], ["a/b:c", "a/b/c/d", "a/b/c:d:e"]],
    ["docker-daemon", ["a", "sha256:00"], [DIGEST]],
    ["dir", ["/a", "/a/..."], ["/", "a", "//", "/a/", "/a/../b", "/a//b", "/./a"]],
    ["oci-archive", ["/a:b"], [".", "/.."]],
    ["docker-archive", [], ["a"]],
    ["containers-storage", ["[/a]", "[o@/a]b"], ["a", "[]", "[a]", "[@/a]", "[/a]b@c", "[o@]"]],
  ];
  for (const [transport, good, bad] of cases) {
    for (const scope of ["", ...good])
      assert.equal(validateScope(transport, scope), undefined, `${transport} ${scope}`);
    for (const scope of bad)
      assert.equal(typeof validateScope(transport, scope), "string", `${transport} ${scope}`);
  }
  const hostile = `${"a/".repeat(100_000)}`;
  assert.equal(typeof validateScope("atomic", hostile), "string");
});
