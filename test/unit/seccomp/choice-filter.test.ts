import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DefiniteSeccompChoice } from "../../../src/seccomp/choice.ts";
import { type FilterOfChoiceOptions, filterOfChoice } from "../../../src/seccomp/choice-filter.ts";
import { defaultSeccomp } from "../../../src/seccomp/defaults/index.ts";
import { type ResolveSeccompInput, resolveSeccomp } from "../../../src/seccomp/resolve.ts";

const NODE: FilterOfChoiceOptions = { arch: "amd64", capabilities: ["CAP_CHOWN"], kernel: "6.1.0" };
const DENY = { defaultAction: "SCMP_ACT_ERRNO" };

function choose(
  runtime: ResolveSeccompInput["runtime"],
  securityContext: object = {},
  imageAnnotations: Record<string, string> = {},
): DefiniteSeccompChoice {
  const container = { name: "app", securityContext };
  const pod = { spec: { containers: [container] } };
  const choice = resolveSeccomp({ pod, container, imageAnnotations, runtime } as ResolveSeccompInput);
  assert.ok(choice.kind !== "ambiguous");
  return choice;
}

function seccomp(type: string, localhostProfile?: string): object {
  return { seccompProfile: { type, ...(localhostProfile === undefined ? {} : { localhostProfile }) } };
}

function files(content: Record<string, unknown>): FilterOfChoiceOptions {
  const readFile = async (path: string): Promise<Uint8Array | null> =>
    Object.hasOwn(content, path) ? Buffer.from(JSON.stringify(content[path])) : null;
  return { ...NODE, readFile };
}

const DEFAULT = seccomp("RuntimeDefault");
const LOCAL = seccomp("Localhost", "p.json");
const LOCAL_PATH = "/var/lib/kubelet/seccomp/p.json";

describe("filterOfChoice", () => {
  test("gives RuntimeDefault the profile that the runtime has built in", async () => {
    for (const kind of ["cri-o", "containerd"] as const) {
      const found = await filterOfChoice(choose({ kind }, DEFAULT), NODE);
      assert.ok(found.kind === "filter");
      assert.deepEqual(found.spec, defaultSeccomp(kind, NODE));
      assert.equal(found.from, "built-in");
      assert.equal(found.confinement, "filtered");
    }
  });

  test("says why there is no filter", async () => {
    const of = async (choice: DefiniteSeccompChoice): Promise<unknown> => filterOfChoice(choice, NODE);
    const none = (reason: string): object => ({ kind: "unconfined", reason });
    assert.deepEqual(await of(choose({ kind: "cri-o" }, seccomp("Unconfined"))), none("unconfined"));
    assert.deepEqual(
      await of(choose({ kind: "cri-o" }, { ...DEFAULT, privileged: true })),
      none("privileged"),
    );
    const off = choose({ kind: "cri-o", seccompEnabled: false }, DEFAULT);
    assert.deepEqual(await of(off), none("seccomp-disabled"));
  });

  test("reads a file as the runtime does", async () => {
    const gated = { names: ["mount"], action: "SCMP_ACT_ALLOW", includes: { caps: ["CAP_SYS_ADMIN"] } };
    const options = files({ [LOCAL_PATH]: { ...DENY, syscalls: [gated] } });
    const common = await filterOfChoice(choose({ kind: "cri-o" }, LOCAL), options);
    assert.ok(common.kind === "filter" && common.from === "file");
    assert.deepEqual(common.spec, DENY, "the rule is for a capability");
    const containerd = await filterOfChoice(choose({ kind: "containerd" }, LOCAL), options);
    assert.ok(containerd.kind === "filter");
    assert.equal(containerd.spec.syscalls?.length, 1, "containerd does not know such conditions");
  });

  test("says loudly that a profile is no filter", async () => {
    for (const kind of ["cri-o", "containerd"] as const) {
      for (const profile of [{}, null, { default_action: "SCMP_ACT_ERRNO" }]) {
        const found = await filterOfChoice(choose({ kind }, LOCAL), files({ [LOCAL_PATH]: profile }));
        assert.deepEqual(found, { kind: "unconfined", reason: "empty-profile" });
      }
    }
    const open = files({ [LOCAL_PATH]: { defaultAction: "SCMP_ACT_ALLOW" } });
    const found = await filterOfChoice(choose({ kind: "cri-o" }, LOCAL), open);
    assert.ok(found.kind === "filter" && found.confinement === "stops-nothing");
  });

  test("never takes a missing file for no filter", async () => {
    const none = files({});
    for (const [kind, text] of [
      ["cri-o", /^unable to load local profile "/],
      ["containerd", /^cannot load seccomp profile "/],
    ] as const) {
      const expected = { code: "ERR_SECCOMP_PROFILE_REQUEST", message: text };
      await assert.rejects(filterOfChoice(choose({ kind }, LOCAL), none), expected);
    }
    const privileged = choose({ kind: "cri-o", privilegedSeccompProfile: "/p" }, { privileged: true });
    await assert.rejects(filterOfChoice(privileged, none), { code: "ERR_SECCOMP_PROFILE_REQUEST" });
    const readFile = async (): Promise<null> => undefined as unknown as null;
    await assert.rejects(filterOfChoice(choose({ kind: "cri-o" }, LOCAL), { ...NODE, readFile }), TypeError);
  });

  test("falls back to the built-in profile for the node's own file, not for a handler's", async () => {
    const node = await filterOfChoice(
      choose({ kind: "cri-o", seccompProfile: "/n.json" }, DEFAULT),
      files({}),
    );
    assert.ok(node.kind === "filter" && node.from === "built-in");
    const there = files({ "/n.json": DENY });
    const found = await filterOfChoice(choose({ kind: "cri-o", seccompProfile: "/n.json" }, DEFAULT), there);
    assert.ok(found.kind === "filter" && found.from === "file");
    assert.deepEqual(found.spec, DENY);
    const handler = choose(
      { kind: "cri-o", seccompProfile: "/n.json", handlerSeccompProfile: "/h.json" },
      DEFAULT,
    );
    await assert.rejects(filterOfChoice(handler, there), { code: "ERR_SECCOMP_PROFILE_REQUEST" });
  });

  test("fetches the artifact that an annotation names", async () => {
    const key = "seccomp-profile.crio.io";
    const reference = "quay.io/crio/seccomp:v2";
    const choice = choose({ kind: "cri-o", allowedAnnotations: [key] }, {}, { [key]: reference });
    assert.equal(choice.kind, "artifact");
    await assert.rejects(filterOfChoice(choice, NODE), { code: "ERR_SECCOMP_PROFILE_REQUEST" });
    const asked: string[] = [];
    const fetchArtifact = async (name: string): Promise<Uint8Array> => {
      asked.push(name);
      return Buffer.from(JSON.stringify(DENY));
    };
    const found = await filterOfChoice(choice, { ...NODE, fetchArtifact });
    assert.deepEqual(found, { kind: "filter", spec: DENY, confinement: "filtered", from: "artifact" });
    assert.deepEqual(asked, [reference]);
    const failure = new Error("no registry");
    const failing = async (): Promise<Uint8Array> => Promise.reject(failure);
    await assert.rejects(filterOfChoice(choice, { ...NODE, fetchArtifact: failing }), failure);
  });

  test("stops waiting when it is told to", async () => {
    const stop = new AbortController();
    const readFile = (): Promise<null> => new Promise(() => {});
    const waiting = filterOfChoice(choose({ kind: "cri-o" }, LOCAL), {
      ...NODE,
      readFile,
      signal: stop.signal,
    });
    const reason = new Error("enough");
    stop.abort(reason);
    await assert.rejects(waiting, reason);
  });

  test("refuses a choice that is not one", async () => {
    const choice = { kind: "ambiguous", alternatives: [] } as unknown as DefiniteSeccompChoice;
    await assert.rejects(filterOfChoice(choice, NODE), TypeError);
  });
});
