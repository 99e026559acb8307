import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { PolicyError } from "../../../../src/policy/errors.ts";
import { type LintPolicyOptions, lintPolicy } from "../../../../src/policy/lint/lint-policy.ts";
import { loadPolicyFiles } from "../../../../src/policy/load.ts";
import { parsePolicy } from "../../../../src/policy/parse.ts";
import { parseRegistriesD } from "../../../../src/policy/sources/registries-d.ts";
import { mintCertificate, mintKey, publicKeyPem } from "../../../../src/testing/certificates.ts";

const NOW = Date.UTC(2026, 5, 1);
const DAY = 24 * 3600 * 1000;
const key = mintKey();
const PEM = publicKeyPem(key);
const PRIVATE_PEM = key.export({ format: "pem", type: "pkcs8" }).toString();
const base64 = (text: string | Uint8Array) => Buffer.from(text).toString("base64");

const reject = [{ type: "reject" }];
const accept = [{ type: "insecureAcceptAnything" }];
const matchRepository = { type: "matchRepository" };
const signed = { type: "sigstoreSigned", keyData: base64(PEM), signedIdentity: matchRepository };

interface Given {
  default?: unknown;
  transports?: Record<string, Record<string, unknown>>;
}

async function lint(given: Given, options: LintPolicyOptions = {}) {
  const policy = parsePolicy(JSON.stringify({ default: reject, ...given }));
  return lintPolicy(policy, { now: () => NOW, ...options });
}
const docker = (scopes: Record<string, unknown>) => ({ transports: { docker: scopes } });
async function codes(given: Given, options: LintPolicyOptions = {}): Promise<string[]> {
  return (await lint(given, options)).map(({ code }) => code);
}

function certificate(options: { from?: number; to?: number; isCa?: boolean }): string {
  const { from = -365, to = 365, isCa = true } = options;
  return mintCertificate({ subject: "ca", notBefore: NOW + from * DAY, notAfter: NOW + to * DAY, isCa }).pem;
}

test("a sound policy has no findings", async () => {
  const pki = { caRootsData: base64(certificate({})), subjectHostname: "h.example" };
  const sound = {
    "quay.io": [signed],
    "docker.io/library/busybox:latest": accept,
    "*.example.com": [{ type: "sigstoreSigned", pki, signedIdentity: matchRepository }],
    "localhost:5000/a": [
      { ...signed, signedIdentity: { type: "exactRepository", dockerRepository: "a.example/b" } },
    ],
  };
  const transports = { docker: sound, "docker-daemon": { "": accept }, dir: { "/a": accept } };
  assert.deepEqual(await lint({ transports }), []);
});

test("a default that accepts anything is found, also where it is a scope for everything", async () => {
  assert.deepEqual(await codes({ default: accept }), ["default-accepts-anything"]);
  const [first, second] = await lint({ ...docker({ "": accept }) });
  assert.equal(first?.code, "default-accepts-anything");
  assert.equal(first?.path, "$['transports']['docker']['']");
  assert.equal(first?.scope, "");
  assert.equal(second?.code, "default-shadowed");
  assert.deepEqual(await codes({ default: accept, ...docker({ "": reject }) }), ["default-shadowed"]);
});

test("transports that nobody has are found, with the one that may be meant", async () => {
  const [finding] = await lint({ transports: { dokcer: { "quay.io": [signed] } } });
  assert.equal(finding?.code, "transport-unknown");
  assert.equal(finding?.severity, "error");
  assert.match(finding?.message ?? "", /did you mean "docker"/);
  assert.equal(finding?.path, "$['transports']['dokcer']");
});

test("scopes that no image has are found, and why", async () => {
  const digest = `sha256:${"a".repeat(64)}`;
  const unreachable: [scope: string, reason: RegExp][] = [
    ["busybox", /in full: "docker.io\/library\/busybox"/],
    ["busybox:latest", /in full/],
    ["library/busybox", /in full: "docker.io\/library\/busybox"/],
    ["docker.io/busybox:latest", /in full/],
    ["index.docker.io/library/busybox", /"docker.io" in full/],
    ["index.docker.io", /"docker.io" in full/],
    ["quay.io/Org/app", /lower-case/],
    ["quay.io/org/app:v1@".concat(digest), /both a tag and a digest/],
    ["*", /wildcard/],
    ["*example.com", /wildcard/],
    ["*.example.com/app", /wildcard/],
    ["*.example.com:5000", /wildcard/],
    ["quay.io/*", /wildcard/],
    ["quay.*.io", /wildcard/],
    ["quay.io/", /no host/],
    ["https://quay.io", /no host/],
    ["quay.io/a b", /no host/],
    ["quay.io/a@sha256:00", /no host/],
  ];
  for (const [scope, reason] of unreachable) {
    const [finding, ...others] = await lint(docker({ [scope]: reject }));
    assert.equal(finding?.code, "scope-unreachable", scope);
    assert.equal(finding?.severity, "error");
    assert.match(finding?.message ?? "", reason, scope);
    assert.deepEqual(others, []);
  }
  for (const scope of [
    "quay.io",
    "quay.io:443",
    "localhost",
    "localhost:5000",
    "registry:5000",
    "192.0.2.1/x",
    "[::1]:5000/x",
    "quay.io/org",
    "quay.io/org/app",
    "quay.io/org/app:v1",
    `quay.io/org/app@${digest}`,
    "*.com",
    "docker.io/library",
    "docker.io/library/busybox",
    "docker.io",
  ]) {
    assert.deepEqual(await codes(docker({ [scope]: reject })), [], scope);
  }
  assert.deepEqual(await codes(docker({ "Quay.io/org": reject })), ["scope-unlikely"]);
  assert.deepEqual(await codes(docker({ "docker.io/busybox": reject })), ["scope-unlikely"]);
});

test("scopes of other transports are looked up by their own rules", async () => {
  const unreachable: [transport: string, scope: string][] = [
    ["docker-daemon", "busybox:latest"],
    ["atomic", "example.com/ns/Stream"],
    ["containers-storage", "[overlay@/var/lib/containers]busybox:latest"],
    ["containers-storage", "[/var/lib/containers]quay.io/a"],
    ["containers-storage", "[overlay@/var/lib/containers]*.example.com"],
  ];
  for (const [transport, scope] of unreachable) {
    assert.deepEqual(
      await codes({ transports: { [transport]: { [scope]: reject } } }),
      ["scope-unreachable"],
      scope,
    );
  }
  const id = "a".repeat(64);
  const reachable: [transport: string, scope: string][] = [
    ["atomic", "example.com"],
    ["atomic", "example.com/ns"],
    ["atomic", "example.com/ns/stream:tag"],
    ["atomic", "*.example.com"],
    ["docker-daemon", "quay.io/a:b"],
    ["containers-storage", "[/var/lib/containers]"],
    ["containers-storage", "[overlay@/var/lib/containers]"],
    ["containers-storage", `[overlay@/var/lib/containers]@${id}`],
    ["containers-storage", "[overlay@/var/lib/containers]quay.io"],
    ["containers-storage", "[overlay@/var/lib/containers]quay.io/a:b"],
    ["containers-storage", `[overlay@/var/lib/containers]quay.io/a:b@${id}`],
    ["dir", "/a"],
    ["oci", "/a/b"],
  ];
  for (const [transport, scope] of reachable) {
    assert.deepEqual(await codes({ transports: { [transport]: { [scope]: reject } } }), [], scope);
  }
});

test("a narrower scope that accepts unsigned images is found where signatures are asked for around it", async () => {
  const [finding] = await lint(docker({ "quay.io": [signed], "quay.io/a/b": accept }));
  assert.equal(finding?.code, "scope-weakens");
  assert.equal(finding?.scope, "quay.io/a/b");
  assert.match(finding?.message ?? "", /"quay.io" around it/);
  assert.deepEqual(await codes({ default: [signed], ...docker({ "quay.io/a": accept }) }), ["scope-weakens"]);
  assert.deepEqual(await codes(docker({ "quay.io": accept, "quay.io/a": accept })), []);
  assert.deepEqual(await codes(docker({ "*.example.com": [signed], "a.example.com:80/x": accept })), [
    "scope-weakens",
  ]);
  assert.deepEqual(await codes(docker({ "quay.io": [signed], "quay.io.example": accept })), []);
  const between = { "quay.io": [signed], "quay.io/a": accept, "quay.io/a/b": accept };
  assert.deepEqual(await codes(docker(between)), ["scope-weakens"]);
});

test("requirements that have no effect, or that nothing meets, are found", async () => {
  const list = (...requirements: unknown[]) => codes(docker({ "quay.io": requirements }));
  assert.deepEqual(await list(signed, ...accept), ["accepts-anything-beside-others"]);
  assert.deepEqual(await list(...accept, ...accept), ["duplicate-requirement"]);
  assert.deepEqual(await list(signed, signed), ["duplicate-requirement"]);
  assert.deepEqual(await list(signed, ...reject), ["rejects-beside-others"]);
  assert.deepEqual(await list({ type: "signedBaseLayer", baseLayerIdentity: matchRepository }), [
    "never-met",
  ]);
  for (const keyType of ["signedByGPGKeys", "X509Certificates", "signedByX509CAs"]) {
    const requirement = { type: "signedBy", keyType, keyPaths: [], signedIdentity: matchRepository };
    assert.deepEqual(await list(requirement), ["never-met", "key-empty"]);
  }
});

test("identities that a plain cosign signature, or any, cannot meet are found", async () => {
  const withIdentity = (signedIdentity: unknown) => docker({ "quay.io": [{ ...signed, signedIdentity }] });
  for (const identity of [
    undefined,
    { type: "matchRepoDigestOrExact" },
    { type: "matchExact" },
    { type: "remapIdentity", prefix: "quay.io/a", signedPrefix: "b.example/c" },
  ]) {
    assert.deepEqual(await codes(withIdentity(identity)), ["identity-needs-tag"]);
  }
  const exactReference = { type: "exactReference", dockerReference: "quay.io/a:1" };
  assert.deepEqual(await codes(withIdentity(exactReference)), ["exact-reference-tag", "identity-needs-tag"]);
  const byDigest = { type: "exactReference", dockerReference: `quay.io/a@sha256:${"0".repeat(64)}` };
  assert.deepEqual(await codes(withIdentity(byDigest)), ["identity-needs-tag"]);
  const dir = (signedIdentity: unknown) => ({
    transports: { dir: { "/a": [{ ...signed, signedIdentity }] } },
  });
  assert.deepEqual(await codes(dir(undefined)), ["identity-needs-name"]);
  assert.deepEqual(await codes(dir(matchRepository)), ["identity-needs-name"]);
  assert.deepEqual(await codes(dir({ type: "exactRepository", dockerRepository: "a.example/b" })), []);
  for (const transport of ["docker-daemon", "docker-archive", "tarball"]) {
    assert.deepEqual(await codes({ transports: { [transport]: { "": [signed] } } }), [
      "transport-without-signatures",
    ]);
  }
});

test("prefixes that no image begins with, or that lead to no name in full, are found", async () => {
  const remap = (scopes: readonly string[], prefix: string, signedPrefix = "b.example/c") => {
    const requirement = { ...signed, signedIdentity: { type: "remapIdentity", prefix, signedPrefix } };
    return codes(
      docker(Object.fromEntries(scopes.map((scope, index) => [scope, index === 0 ? [requirement] : reject]))),
    );
  };
  const unused = ["remap-prefix-unused", "identity-needs-tag"];
  assert.deepEqual(await remap(["quay.io/a"], "mirror.example"), unused);
  assert.deepEqual(await remap(["quay.io/a"], "quay.io/ab"), unused);
  assert.deepEqual(await remap(["quay.io"], "quay.io:5000"), unused);
  assert.deepEqual(await remap(["quay.io"], "busybox"), unused);
  assert.deepEqual(await remap(["quay.io", "quay.io/a"], "quay.io/a/b"), unused);
  const used = ["identity-needs-tag"];
  assert.deepEqual(await remap(["quay.io/a"], "quay.io"), used);
  assert.deepEqual(await remap(["quay.io/a"], "quay.io/a"), used);
  assert.deepEqual(await remap(["quay.io/a"], "quay.io/a/b"), used);
  assert.deepEqual(await remap(["*.example.com"], "x.example.com:5000"), used);
  assert.deepEqual(await remap(["quay.io", "quay.io/a/b"], "quay.io/a"), used);
  assert.deepEqual(await remap(["quay.io"], "quay.io/a", "busybox"), [
    "remap-signed-prefix",
    "identity-needs-tag",
  ]);
});

test("subjects that are no e-mail address are found", async () => {
  const fulcio = (subjectEmail: string) => ({
    ...signed,
    keyData: undefined,
    rekorPublicKeyData: base64(PEM),
    fulcio: { caData: base64(certificate({})), oidcIssuer: "https://i.example", subjectEmail },
  });
  assert.deepEqual(await codes(docker({ "quay.io": [fulcio("a@b.example")] })), []);
  for (const subject of ["https://github.com/a/b/.github/workflows/c@refs/heads/main", "a", "a b@c"]) {
    const [finding] = await lint(docker({ "quay.io": [fulcio(subject)] }));
    assert.equal(finding?.code, "subject-no-email");
    assert.match(finding?.path ?? "", /\['fulcio'\]\['subjectEmail'\]$/);
  }
});

test("attachments that registries.d does not let nodes look for are found", async () => {
  const settings = async (text: string) => ({
    registriesD: await parseRegistriesD([{ path: "/d.yaml", text }]),
  });
  const on = (scope: string) => `docker:\n  "${scope}":\n    use-sigstore-attachments: true\n`;
  const disabled = ["attachments-disabled"];
  const policy = docker({ "quay.io/a": [signed] });
  assert.deepEqual(await codes(policy, await settings("")), disabled);
  assert.deepEqual(await codes(policy, await settings(on("quay.io/a"))), []);
  assert.deepEqual(await codes(policy, await settings(on("quay.io"))), []);
  assert.deepEqual(await codes(policy, await settings(on("*.io"))), []);
  assert.deepEqual(
    await codes(policy, await settings("default-docker:\n  use-sigstore-attachments: true\n")),
    [],
  );
  assert.deepEqual(await codes(policy, await settings(on("quay.io/a/b"))), disabled);
  assert.deepEqual(await codes(policy, await settings(on("quay.io/ab"))), disabled);
  const off = (scope: string) => `${on("quay.io")}  "${scope}":\n    use-sigstore-attachments: false\n`;
  assert.deepEqual(await codes(policy, await settings(off("quay.io/a"))), disabled);
  const [below] = await lint(policy, await settings(off("quay.io/a/b")));
  assert.match(below?.message ?? "", /"quay.io\/a\/b"/);
  const other = docker({ "quay.io/a": [signed], "quay.io/a/b": reject });
  assert.deepEqual(await codes(other, await settings(off("quay.io/a/b"))), []);
  assert.deepEqual(await codes({ default: [signed] }, await settings(on("quay.io"))), disabled);
  const simple = { type: "signedBy", keyType: "GPGKeys", keyPath: "/k" };
  assert.deepEqual(await codes(docker({ "quay.io": [simple] }), await settings("")), ["key-unchecked"]);
});

test("keys are opened, each file once, and what is wrong with them is found", async () => {
  const files: Record<string, string> = {
    "/good": PEM,
    "/empty": "",
    "/blank": " \n\t",
    "/two": PEM + PEM,
    "/private": PRIVATE_PEM,
    "/garbage": "not a key",
    "/pgp-private":
      "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nYWJj\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----\n",
  };
  const read: string[] = [];
  const readFile = async (path: string) => {
    read.push(path);
    const content = files[path];
    if (content === undefined) throw Object.assign(new Error("no such file"), { code: "ENOENT" });
    return Buffer.from(content);
  };
  const byPath = (keyPath: string) => docker({ "quay.io": [{ ...signed, keyData: undefined, keyPath }] });
  const found = (keyPath: string) => codes(byPath(keyPath), { readFile });
  assert.deepEqual(await found("/good"), []);
  assert.deepEqual(await found("/empty"), ["key-empty"]);
  assert.deepEqual(await found("/blank"), ["key-empty"]);
  assert.deepEqual(await found("/two"), ["keys-ignored"]);
  assert.deepEqual(await found("/private"), ["private-key", "key-invalid"]);
  assert.deepEqual(await found("/garbage"), ["key-invalid"]);
  assert.deepEqual(await found("/missing"), ["key-unreadable"]);
  assert.deepEqual(await found("good"), ["path-relative", "key-unreadable"]);
  assert.deepEqual(await codes(byPath("/good")), ["key-unchecked"]);
  const gpg = (keyPath: string) => docker({ "quay.io": [{ type: "signedBy", keyType: "GPGKeys", keyPath }] });
  assert.deepEqual(await codes(gpg("/garbage"), { readFile }), ["key-invalid"]);
  assert.deepEqual(await codes(gpg("/pgp-private"), { readFile }), ["private-key", "key-invalid"]);
  read.length = 0;
  const twice = { ...signed, keyData: undefined, keyPaths: ["/good", "/good"], rekorPublicKeyPath: "/two" };
  const [finding] = await lint(docker({ "quay.io": [twice] }), { readFile });
  assert.deepEqual(read, ["/good", "/two"]);
  assert.equal(finding?.code, "keys-ignored");
  assert.equal(finding?.file, "/two");
  assert.equal(finding?.path, "$['transports']['docker']['quay.io'][0]['rekorPublicKeyPath']");
  const rsaPem = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({
    format: "pem",
    type: "spki",
  });
  const rsa = {
    ...signed,
    keyData: base64(rsaPem.toString()),
    rekorPublicKeyData: base64(rsaPem.toString()),
  };
  const [log, ...others] = await lint(docker({ "quay.io": [rsa] }));
  assert.equal(log?.code, "key-invalid");
  assert.match(log?.message ?? "", /ECDSA, not rsa/);
  assert.deepEqual(others, []);
});

test("certificates are read, and their time is looked at", async () => {
  const pki = (pem: string, more: object = {}) => {
    const trust = { caRootsData: base64(pem), subjectHostname: "h.example", ...more };
    return codes(
      docker({ "quay.io": [{ type: "sigstoreSigned", pki: trust, signedIdentity: matchRepository }] }),
    );
  };
  assert.deepEqual(await pki(certificate({})), []);
  assert.deepEqual(await pki(certificate({ to: -1 })), ["certificate-expired"]);
  assert.deepEqual(await pki(certificate({ to: 29 })), ["certificate-expires"]);
  assert.deepEqual(await pki(certificate({ to: 31 })), []);
  assert.deepEqual(await pki(certificate({ from: 1 })), ["certificate-not-yet-valid"]);
  assert.deepEqual(await pki(certificate({ isCa: false })), ["certificate-no-authority"]);
  assert.deepEqual(await pki(certificate({}) + PEM), ["certificates-ignored"]);
  assert.deepEqual(await pki(PEM), ["key-invalid"]);
  const intermediates = (pem: string) => pki(certificate({}), { caIntermediatesData: base64(pem) });
  assert.deepEqual(await intermediates(certificate({})), []);
  assert.deepEqual(await intermediates(certificate({ to: -1 })), ["certificate-expired"]);
  assert.deepEqual(await intermediates(`${certificate({})}rest`), ["key-invalid"]);
  const fulcio = {
    ...signed,
    keyData: undefined,
    rekorPublicKeyData: base64(PEM),
    fulcio: {
      caData: base64(certificate({ to: -1 })),
      oidcIssuer: "https://i.example",
      subjectEmail: "a@b.example",
    },
  };
  const [expired] = await lint(docker({ "quay.io": [fulcio] }));
  assert.equal(expired?.code, "certificate-expired");
  assert.equal(expired?.severity, "warning");
  const soon = docker({
    "quay.io": [{ ...fulcio, fulcio: { ...fulcio.fulcio, caData: base64(certificate({ to: 5 })) } }],
  });
  assert.deepEqual(await codes(soon, { expiresWithinMs: 4 * DAY }), []);
  assert.deepEqual(await codes(soon, { expiresWithinMs: 6 * DAY }), ["certificate-expires"]);
  await assert.rejects(lint({}, { expiresWithinMs: -1 }), RangeError);
  await assert.rejects(lint({}, { expiresWithinMs: Number.NaN }), RangeError);
});

test("key files that anyone may write or replace are found", async () => {
  const folder = await mkdtemp(join(tmpdir(), "lading-lint-"));
  try {
    const open = join(folder, "open");
    await mkdir(open);
    for (const path of [join(folder, "key"), join(folder, "loose"), join(open, "key")])
      await writeFile(path, PEM);
    await chmod(folder, 0o755);
    await chmod(join(folder, "loose"), 0o666);
    await chmod(open, 0o777);
    const found = (path: string) =>
      lint(docker({ "quay.io": [{ ...signed, keyData: undefined, keyPath: join(folder, path) }] }), {
        readFile: loadPolicyFiles(),
        stat,
      });
    assert.deepEqual(await found("key"), []);
    const [loose] = await found("loose");
    assert.equal(loose?.code, "key-writable");
    assert.equal(loose?.file, join(folder, "loose"));
    assert.equal((await found("open/key"))[0]?.code, "key-writable");
    await chmod(open, 0o1777);
    assert.deepEqual(await found("open/key"), []);
    assert.deepEqual(
      (await found("missing")).map(({ code }) => code),
      ["key-unreadable"],
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("findings come in the order of the policy, and say line and column where the text is given", async () => {
  const text = `{
  "default": [{"type": "insecureAcceptAnything"}],
  "transports": {
    "docker": {
      "busybox": [{"type": "reject"}],
      "quay.io": [
        {"type": "sigstoreSigned", "keyPath": "relative"}
      ]
    }
  }
}`;
  const findings = await lintPolicy(parsePolicy(text), { text, now: () => NOW });
  assert.deepEqual(
    findings.map(({ code, position }) => [code, position?.line, position?.column]),
    [
      ["default-accepts-anything", 2, 14],
      ["scope-unreachable", 5, 18],
      ["identity-needs-tag", 7, 9],
      ["path-relative", 7, 47],
      ["key-unchecked", 7, 47],
    ],
  );
  await assert.rejects(lintPolicy(parsePolicy(text), { text: "{" }), PolicyError);
});

test("an abort ends the check, and a policy that no node would read is refused", async () => {
  const policy = parsePolicy(JSON.stringify({ default: [{ ...signed, keyData: undefined, keyPath: "/k" }] }));
  const reason = new Error("enough");
  await assert.rejects(
    lintPolicy(policy, { signal: AbortSignal.abort(reason) }),
    (error) => error === reason,
  );
  const controller = new AbortController();
  const readFile = () => new Promise<never>(() => controller.abort(reason));
  await assert.rejects(
    lintPolicy(policy, { readFile, signal: controller.signal }),
    (error) => error === reason,
  );
  await assert.rejects(lintPolicy({ default: [], transports: new Map() }), PolicyError);
});
