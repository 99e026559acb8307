import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isLadingError } from "../../../src/core/errors.ts";
import type { DefiniteSeccompChoice, SeccompChoice } from "../../../src/seccomp/choice.ts";
import { kubeletSeccompRequest, type PodSeccompProfile } from "../../../src/seccomp/pod.ts";
import { type ResolveSeccompInput, resolveSeccomp } from "../../../src/seccomp/resolve.ts";
import { resolveContainerdSeccomp } from "../../../src/seccomp/resolve-containerd.ts";
import { type CrioSeccompNode, resolveCrioSeccomp } from "../../../src/seccomp/resolve-crio.ts";

const V2 = "seccomp-profile.crio.io";
const V1 = "seccomp-profile.kubernetes.cri-o.io";

function definite(choice: SeccompChoice): DefiniteSeccompChoice {
  assert.notEqual(choice.kind, "ambiguous");
  return choice as DefiniteSeccompChoice;
}

function resolve(
  change: Partial<ResolveSeccompInput> = {},
  node: Partial<CrioSeccompNode> = {},
): SeccompChoice {
  return resolveSeccomp({
    pod: {},
    container: { name: "ctr" },
    imageAnnotations: {},
    runtime: { kind: "cri-o", allowedAnnotations: [V2, V1], ...node },
    ...change,
  });
}

function request(profile: unknown, kubelet = {}): unknown {
  const container = { name: "c", securityContext: { seccompProfile: profile as PodSeccompProfile } };
  return kubeletSeccompRequest({}, container, kubelet).request;
}

describe("kubeletSeccompRequest", () => {
  test("takes the container's field, else the Pod's, else seccompDefault", () => {
    const pod = { spec: { securityContext: { seccompProfile: { type: "RuntimeDefault" } } } };
    const own = { name: "c", securityContext: { seccompProfile: { type: "Unconfined" } } };
    assert.deepEqual(kubeletSeccompRequest(pod, own).request, { type: "Unconfined" });
    assert.deepEqual(kubeletSeccompRequest(pod, { name: "c" }).request, { type: "RuntimeDefault" });
    assert.deepEqual(kubeletSeccompRequest({}, { name: "c" }).request, { type: "Unconfined" });
    const { request, trace } = kubeletSeccompRequest({}, { name: "c" }, { seccompDefault: true });
    assert.deepEqual(request, { type: "RuntimeDefault" });
    assert.deepEqual(
      trace.map(({ outcome }) => outcome),
      ["absent", "absent", "chosen"],
    );
    assert.deepEqual(
      kubeletSeccompRequest(pod, own).trace.map(({ outcome }) => outcome),
      ["chosen", "outranked", "outranked"],
    );
  });

  test("joins a Localhost path below its folder, cleaned", () => {
    const path = (localhostProfile: string, kubelet = {}): unknown =>
      request({ type: "Localhost", localhostProfile }, kubelet);
    const localhostRef = "/var/lib/kubelet/seccomp/a/b.json";
    assert.deepEqual(path("a/b.json"), { type: "Localhost", localhostRef });
    assert.deepEqual(path("./a//b.json/"), { type: "Localhost", localhostRef });
    assert.deepEqual(path("x", { seccompRoot: "/k/seccomp/" }), {
      type: "Localhost",
      localhostRef: "/k/seccomp/x",
    });
    assert.deepEqual(path("..a"), { type: "Localhost", localhostRef: "/var/lib/kubelet/seccomp/..a" });
  });

  test("refuses what the API server refuses, in the field that loses too", () => {
    const bad: unknown[] = [
      { type: "Localhost" },
      { type: "Localhost", localhostProfile: "" },
      { type: "Localhost", localhostProfile: "/etc/x.json" },
      { type: "Localhost", localhostProfile: "../x.json" },
      { type: "Localhost", localhostProfile: "a/../../x.json" },
      { type: "Localhost", localhostProfile: "a\0b" },
      { type: "Localhost", localhostProfile: 1 },
      { type: "RuntimeDefault", localhostProfile: "x" },
      { type: "Unconfined", localhostProfile: "" },
      { type: "OCI" },
      { type: "unconfined" },
      { type: "toString" },
      {},
    ];
    for (const profile of bad) {
      assert.throws(() => request(profile), { code: "ERR_SECCOMP_PROFILE_REQUEST" }, JSON.stringify(profile));
      const pod = { spec: { securityContext: { seccompProfile: profile as PodSeccompProfile } } };
      const container = { name: "c", securityContext: { seccompProfile: { type: "RuntimeDefault" } } };
      assert.throws(() => kubeletSeccompRequest(pod, container), { code: "ERR_SECCOMP_PROFILE_REQUEST" });
    }
    const privileged = { name: "c", securityContext: { privileged: "true" as unknown as boolean } };
    assert.throws(() => kubeletSeccompRequest({}, privileged), { code: "ERR_SECCOMP_PROFILE_REQUEST" });
  });
});

describe("resolveSeccomp on CRI-O", () => {
  test("takes an image's annotation for a Pod that says nothing, and traces every key", () => {
    const choice = definite(resolve({ imageAnnotations: { [V2]: "quay.io/crio/seccomp:v2" } }));
    assert.equal(choice.kind, "artifact");
    assert.ok(choice.kind === "artifact");
    assert.equal(choice.reference, "quay.io/crio/seccomp:v2");
    assert.equal(choice.slot, "image");
    assert.equal(choice.recordedRef, "");
    const annotations = choice.trace.filter(({ kind }) => kind === "annotation");
    assert.equal(annotations.length, 10);
    assert.deepEqual(
      annotations.map(({ outcome }) => outcome).filter((outcome) => outcome !== "absent"),
      ["chosen"],
    );
    assert.equal(choice.trace[0]?.kind, "field");
  });

  test("does not look at annotations when a profile is requested, and says so", () => {
    for (const type of ["RuntimeDefault", "Localhost"]) {
      const seccompProfile = type === "Localhost" ? { type, localhostProfile: "p.json" } : { type };
      const choice = definite(
        resolve({
          container: { name: "ctr", securityContext: { seccompProfile } },
          pod: { metadata: { annotations: { [`${V2}/ctr`]: "r.example/a:1" } } },
          imageAnnotations: { [V2]: "r.example/b:1" },
        }),
      );
      assert.equal(choice.kind, type === "Localhost" ? "localhost" : "runtime-default");
      const annotations = choice.trace.filter(({ kind }) => kind === "annotation");
      assert.ok(annotations.every(({ outcome }) => outcome === "not-evaluated"));
      assert.ok(annotations.some((entry) => entry.kind === "annotation" && entry.value === "r.example/a:1"));
    }
  });

  test("walks the slots in order, the newer name first in each", () => {
    const podKeys = [`${V2}/ctr`, `${V1}/ctr`, `${V2}/POD`, `${V1}/POD`];
    const imageKeys = [V2, V1, `${V2}/ctr`, `${V1}/ctr`, `${V2}/POD`, `${V1}/POD`];
    const pod = Object.fromEntries(podKeys.map((key) => [key, `pod.example/${key.length}:1`]));
    const image = Object.fromEntries(imageKeys.map((key) => [key, `image.example/${key.length}:1`]));
    for (const key of podKeys) {
      const choice = definite(resolve({ pod: { metadata: { annotations: pod } }, imageAnnotations: image }));
      assert.ok(choice.kind === "artifact" && choice.key === key && choice.reference.startsWith("pod."));
      delete pod[key];
    }
    for (const key of imageKeys) {
      const choice = definite(resolve({ pod: { metadata: { annotations: pod } }, imageAnnotations: image }));
      assert.ok(choice.kind === "artifact" && choice.key === key && choice.reference.startsWith("image."));
      delete image[key];
    }
    assert.equal(definite(resolve({ imageAnnotations: image })).kind, "none");
  });

  test("never reads the plain key of a Pod, nor a key for another container", () => {
    for (const key of [V2, V1, `${V2}/other`, `${V2}/CTR`, `${V2}/ctr2`, `${V2}/`, `x${V2}/ctr`]) {
      const choice = definite(resolve({ pod: { metadata: { annotations: { [key]: "r.example/a:1" } } } }));
      assert.equal(choice.kind, "none", key);
    }
  });

  test("ends the search at an empty value", () => {
    const annotations = { [`${V2}/ctr`]: "", [`${V2}/POD`]: "r.example/a:1" };
    const choice = definite(resolve({ pod: { metadata: { annotations } } }));
    assert.equal(choice.kind, "none");
    const outcomes = choice.trace.filter(({ kind }) => kind === "annotation").map(({ outcome }) => outcome);
    assert.deepEqual(outcomes.slice(0, 3), ["empty", "absent", "outranked"]);
  });

  test("drops annotations the node does not allow, by prefix", () => {
    const annotations = { [`${V2}/ctr`]: "r.example/a:1" };
    const choice = definite(resolve({ pod: { metadata: { annotations } } }, { allowedAnnotations: [V1] }));
    assert.equal(choice.kind, "none");
    assert.ok(choice.trace.some((entry) => entry.kind === "annotation" && entry.outcome === "not-allowed"));
    assert.throws(() => resolve({}, { allowedAnnotations: [`${V2}/POD`] }), {
      code: "ERR_SECCOMP_ALLOWED_ANNOTATION",
      message: `invalid allowed_annotation: ${V2}/POD`,
    });
    const workloads = [{ activationAnnotation: "x", allowedAnnotations: ["nope"] }];
    assert.throws(() => resolve({}, { workloads }), { code: "ERR_SECCOMP_ALLOWED_ANNOTATION" });
  });

  test("lets a handler's default annotation stand for one that was dropped, not for one that is allowed", () => {
    const pod = { metadata: { annotations: { [`${V2}/POD`]: "r.example/own:1" } } };
    const defaultAnnotations = { [`${V2}/POD`]: "r.example/handler:1" };
    const dropped = definite(resolve({ pod }, { allowedAnnotations: [], defaultAnnotations }));
    assert.ok(dropped.kind === "artifact" && dropped.reference === "r.example/handler:1");
    const allowed = definite(resolve({ pod }, { defaultAnnotations }));
    assert.ok(allowed.kind === "artifact" && allowed.reference === "r.example/own:1");
  });

  test("reports that two active workloads may decide differently", () => {
    const workloads = [
      { activationAnnotation: "wl/a", allowedAnnotations: [V2] },
      { activationAnnotation: "wl/b", allowedAnnotations: [] },
    ];
    const annotations = { "wl/a": "", "wl/b": "", [`${V2}/ctr`]: "r.example/a:1" };
    const both = resolve({ pod: { metadata: { annotations } } }, { allowedAnnotations: [], workloads });
    assert.ok(both.kind === "ambiguous");
    assert.deepEqual(both.alternatives.map(({ kind }) => kind).sort(), ["artifact", "none"]);
    const plain = resolve({ pod: { metadata: { annotations: { "wl/a": "", "wl/b": "" } } } }, { workloads });
    assert.equal(plain.kind, "none");
  });

  test("gives a privileged container no filter, or the node's file for it", () => {
    const container = {
      name: "ctr",
      securityContext: { privileged: true, seccompProfile: { type: "RuntimeDefault" } },
    };
    const imageAnnotations = { [V2]: "r.example/a:1" };
    const plain = definite(resolve({ container, imageAnnotations }));
    assert.ok(plain.kind === "none" && plain.reason === "privileged" && plain.recordedRef === "Unconfined");
    const file = definite(
      resolve({ container, imageAnnotations }, { privilegedSeccompProfile: "/etc/crio/p.json" }),
    );
    assert.ok(file.kind === "localhost" && file.path === "/etc/crio/p.json");
    assert.equal(file.from, "privileged_seccomp_profile");
  });

  test("looks at nothing when seccomp is off", () => {
    const choice = definite(
      resolve({ imageAnnotations: { [V2]: "r.example/a:1" } }, { seccompEnabled: false }),
    );
    assert.ok(choice.kind === "none" && choice.reason === "seccomp-disabled");
    assert.equal(choice.recordedRef, "Unconfined");
  });

  test("takes the handler's profile for RuntimeDefault, since 1.34", () => {
    const container = { name: "ctr", securityContext: { seccompProfile: { type: "RuntimeDefault" } } };
    const profiles = { seccompProfile: "/n.json", handlerSeccompProfile: "/h.json" };
    const at = (version: string, node = {}): unknown => {
      const choice = definite(resolve({ container }, { allowedAnnotations: [], version, ...node }));
      return choice.kind === "runtime-default" ? choice.profile : choice;
    };
    assert.deepEqual(at("1.34", profiles), { kind: "file", path: "/h.json", of: "runtime-handler" });
    assert.deepEqual(at("1.33", profiles), { kind: "file", path: "/n.json", of: "node" });
    assert.deepEqual(at("1.34", { ...profiles, handlerSeccompProfile: "" }), {
      kind: "file",
      path: "/n.json",
      of: "node",
    });
    assert.deepEqual(at("1.34"), { kind: "built-in" });
  });

  test("knows the newer names since 1.35 only", () => {
    const pod = { metadata: { annotations: { [`${V2}/ctr`]: "r.example/a:1" } } };
    assert.equal(definite(resolve({ pod }, { version: "1.35.0" })).kind, "artifact");
    assert.equal(definite(resolve({ pod }, { version: "1.34.9", allowedAnnotations: [V1] })).kind, "none");
    assert.throws(() => resolve({ pod }, { version: "1.34.9" }), { code: "ERR_SECCOMP_ALLOWED_ANNOTATION" });
    for (const version of ["1.29", "2.30", "", "latest", "1.x"]) {
      assert.throws(() => resolve({}, { version, allowedAnnotations: [] }), {
        code: "ERR_SECCOMP_UNSUPPORTED",
      });
    }
  });

  test("finds nothing in inherited properties", () => {
    for (const name of ["constructor", "__proto__"]) {
      const choice = definite(resolve({ container: { name } }));
      assert.equal(choice.kind, "none");
    }
    const inherited = Object.create({ [V2]: "r.example/a:1" }) as Record<string, string>;
    assert.equal(definite(resolve({ imageAnnotations: inherited })).kind, "none");
  });

  test("refuses a type it does not know, a Localhost without path, and a forgotten map", () => {
    const input = {
      privileged: false,
      containerName: "c",
      podAnnotations: {},
      imageAnnotations: {},
      request: { type: "OCI" as "Localhost" },
    };
    assert.throws(() => resolveCrioSeccomp(input, { kind: "cri-o" }), {
      code: "ERR_SECCOMP_PROFILE_REQUEST",
    });
    const pathless = { ...input, request: { type: "Localhost" as const } };
    assert.throws(() => resolveCrioSeccomp(pathless, { kind: "cri-o" }), {
      code: "ERR_SECCOMP_PROFILE_REQUEST",
    });
    const forgotten = undefined as unknown as Record<string, string>;
    assert.throws(() => resolve({ imageAnnotations: forgotten }), TypeError);
    const other = { kind: "podman" } as unknown as CrioSeccompNode;
    assert.throws(() => resolve({ runtime: other }), TypeError);
  });
});

describe("resolveContainerdSeccomp", () => {
  const none = { request: null, privileged: false };

  test("takes the request, else the old path, else unset_seccomp_profile, else nothing", () => {
    const node = { kind: "containerd", unsetSeccompProfile: "runtime/default" } as const;
    const path = { ...none, seccompProfilePath: "localhost//p.json" };
    const unconfined = { ...path, request: { type: "Unconfined" } as const };
    assert.equal(resolveContainerdSeccomp(unconfined, node).kind, "none");
    const byPath = resolveContainerdSeccomp(path, node);
    assert.ok(byPath.kind === "localhost" && byPath.path === "/p.json" && byPath.recordedRef === null);
    assert.equal(resolveContainerdSeccomp(none, node).kind, "runtime-default");
    const nothing = resolveContainerdSeccomp(none, { kind: "containerd" });
    assert.ok(nothing.kind === "none" && nothing.reason === "not-requested");
  });

  test("reads each value of the old settings, and refuses others", () => {
    const kindOf = (unsetSeccompProfile: string): string =>
      resolveContainerdSeccomp(none, { kind: "containerd", unsetSeccompProfile }).kind;
    assert.equal(kindOf("docker/default"), "runtime-default");
    assert.equal(kindOf("unconfined"), "none");
    assert.equal(kindOf("localhost//x"), "localhost");
    for (const value of ["Unconfined", "default", "localhost", "/x", "runtime/default "]) {
      assert.throws(() => kindOf(value), {
        code: "ERR_SECCOMP_PROFILE_REQUEST",
        message: `invalid profile ${JSON.stringify(value)}`,
      });
    }
    assert.throws(() => kindOf("localhost/"), { code: "ERR_SECCOMP_PROFILE_REQUEST" });
  });

  test("strips localhost/ from a requested path", () => {
    const request = { type: "Localhost", localhostRef: "localhost//p.json" } as const;
    const choice = resolveContainerdSeccomp({ ...none, request }, { kind: "containerd" });
    assert.ok(choice.kind === "localhost" && choice.path === "/p.json");
  });

  test("never filters a privileged container, and fails rather than dropping a filter it cannot apply", () => {
    const request = { type: "RuntimeDefault" } as const;
    const privileged = resolveContainerdSeccomp({ request, privileged: true }, { kind: "containerd" });
    assert.ok(privileged.kind === "none" && privileged.reason === "privileged");
    const off = { kind: "containerd", seccompEnabled: false } as const;
    assert.throws(() => resolveContainerdSeccomp({ request, privileged: false }, off), {
      code: "ERR_SECCOMP_DISABLED",
    });
    assert.equal(resolveContainerdSeccomp(none, off).kind, "none");
  });

  test("a path with another type than Localhost fails, unless nothing is looked at", () => {
    for (const type of ["RuntimeDefault", "Unconfined"] as const) {
      const request = { type, localhostRef: "/p.json" };
      assert.throws(
        () => resolveContainerdSeccomp({ request, privileged: false }, { kind: "containerd" }),
        (error) =>
          isLadingError(error) &&
          error.code === "ERR_SECCOMP_PROFILE_REQUEST" &&
          error.message ===
            "seccomp config invalid LocalhostRef must only be set if ProfileType is Localhost",
      );
      const privileged = resolveContainerdSeccomp({ request, privileged: true }, { kind: "containerd" });
      assert.equal(privileged.kind, "none");
    }
  });

  test("ignores annotations", () => {
    const choice = definite(
      resolve({ runtime: { kind: "containerd" }, imageAnnotations: { [V2]: "r.example/a:1" } }),
    );
    assert.ok(choice.kind === "none" && choice.reason === "unconfined");
    let code: unknown;
    try {
      resolve({ runtime: { kind: "containerd", unsetSeccompProfile: "x" } });
    } catch (error) {
      code = isLadingError(error) ? error.code : error;
    }
    // A kubelet always sends a profile, so the setting is not even read.
    assert.equal(code, undefined);
  });
});
