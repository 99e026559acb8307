/**
 * CVE-2026-48815. Every field of every requirement: a valid policy accepts a valid image, and each single change of one field
 * makes it refuse. A field that were ignored would show here.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import { isLadingError } from "../../src/core/errors.ts";
import { createAuthorities, DEFAULT_OIDC_ISSUER } from "../../src/testing/authorities.ts";
import { mintKey, publicKeyPem } from "../../src/testing/certificates.ts";
import { signImage } from "../../src/testing/signatures.ts";
import { base64, type Decision, decide } from "../unit/policy/decide.ts";
import { imageManifest } from "../unit/policy/images.ts";

const NAME = "quay.example/team/app";
const EMAIL = "dev.one+ci@example.com";
const HOST = "signer.example.com";
const authorities = createAuthorities();
const strangers = createAuthorities();
const key = mintKey();
const other = mintKey();
const manifest = imageManifest();
const digest = digestOf(manifest);
const certified = authorities.issue(EMAIL, { hosts: [HOST] });

const byKey: Decision = {
  requirement: {
    type: "sigstoreSigned",
    keyPath: "/key.pem",
    rekorPublicKeyPath: "/log.pem",
    signedIdentity: { type: "matchExact" },
  },
  signature: signImage({ reference: `${NAME}:1`, digest, signer: key, authorities }),
  manifest,
  reference: `${NAME}:1`,
  files: {
    "/key.pem": publicKeyPem(key),
    "/other.pem": publicKeyPem(other),
    "/log.pem": authorities.logPublicKeyPem,
    "/other-log.pem": strangers.logPublicKeyPem,
    "/ca.pem": authorities.rootPem,
    "/other-ca.pem": strangers.rootPem,
    "/intermediate.pem": authorities.issuer.pem,
    "/broken.pem": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    "/empty.pem": "",
  },
};

const byFulcio: Decision = {
  ...byKey,
  requirement: {
    type: "sigstoreSigned",
    fulcio: { caPath: "/ca.pem", oidcIssuer: DEFAULT_OIDC_ISSUER, subjectEmail: EMAIL },
    rekorPublicKeyPath: "/log.pem",
    signedIdentity: { type: "matchExact" },
  },
  signature: signImage({ reference: `${NAME}:1`, digest, signer: certified, authorities }),
};

const byPki: Decision = {
  ...byKey,
  requirement: {
    type: "sigstoreSigned",
    pki: {
      caRootsPath: "/ca.pem",
      caIntermediatesPath: "/intermediate.pem",
      subjectEmail: EMAIL,
      subjectHostname: HOST,
    },
    signedIdentity: { type: "matchExact" },
  },
  signature: signImage({
    reference: `${NAME}:1`,
    digest,
    signer: { ...certified, chainPem: "" },
  }),
};

test("CVE-2026-48815: the unchanged policies accept, for what follows", async () => {
  for (const decision of [byKey, byFulcio, byPki]) assert.equal((await decide(decision)).kind, "allowed");
});

/** A policy that is not even read refuses too. */
async function refuses(decision: Decision, members: Record<string, unknown>, label: string): Promise<void> {
  const requirement: Record<string, unknown> = { ...decision.requirement, ...members };
  for (const [name, value] of Object.entries(requirement)) if (value === undefined) delete requirement[name];
  try {
    assert.equal((await decide({ ...decision, requirement })).kind, "rejected", label);
  } catch (error) {
    if (!isLadingError(error)) throw error;
  }
}

async function accepts(decision: Decision, members: Record<string, unknown>): Promise<void> {
  const requirement: Record<string, unknown> = { ...decision.requirement, ...members };
  for (const [name, value] of Object.entries(requirement)) if (value === undefined) delete requirement[name];
  const { kind, ...rest } = await decide({ ...decision, requirement });
  assert.equal(
    kind,
    "allowed",
    JSON.stringify(rest, (_, value) => (typeof value === "bigint" ? `${value}` : value)),
  );
}

const KEY_SOURCES: [name: string, path: (path: string) => unknown][] = [
  ["Path", (path) => path],
  ["Paths", (path) => [path]],
  ["Data", (path) => base64(String(byKey.files?.[path]))],
  ["Datas", (path) => [base64(String(byKey.files?.[path]))]],
];

test("keyPath, keyPaths, keyData and keyDatas each decide which key counts", async () => {
  for (const [suffix, source] of KEY_SOURCES) {
    const only = (value: unknown) => ({ keyPath: undefined, [`key${suffix}`]: value });
    await accepts(byKey, only(source("/key.pem")));
    for (const path of ["/other.pem", "/log.pem", "/broken.pem", "/empty.pem", "/ca.pem"]) {
      await refuses(byKey, only(source(path)), `key${suffix} ${path}`);
    }
  }
  await accepts(byKey, { keyPath: undefined, keyPaths: ["/other.pem", "/key.pem"] });
  await refuses(
    byKey,
    { keyPath: undefined, keyPaths: ["/key.pem", "/missing.pem"] },
    "a missing key beside a good one",
  );
  await refuses(
    byKey,
    { keyPath: undefined, keyPaths: ["/key.pem", "/broken.pem"] },
    "a broken key beside a good one",
  );
  await refuses(byKey, { keyPath: undefined, keyPaths: [] }, "no keys");
  await refuses(byKey, { keyPath: "/missing.pem" }, "missing");
  await refuses(byKey, { keyPath: undefined }, "no key source");
  await refuses(byKey, { keyPaths: ["/key.pem"] }, "two key sources");
});

test("each form of rekorPublicKey decides which log counts", async () => {
  for (const decision of [byKey, byFulcio]) {
    for (const [suffix, source] of KEY_SOURCES) {
      const only = (value: unknown) => ({
        rekorPublicKeyPath: undefined,
        [`rekorPublicKey${suffix}`]: value,
      });
      await accepts(decision, only(source("/log.pem")));
      for (const path of ["/other-log.pem", "/key.pem", "/broken.pem", "/empty.pem"]) {
        await refuses(decision, only(source(path)), `rekorPublicKey${suffix} ${path}`);
      }
    }
    await accepts(decision, {
      rekorPublicKeyPath: undefined,
      rekorPublicKeyPaths: ["/other-log.pem", "/log.pem"],
    });
    await refuses(
      decision,
      { rekorPublicKeyPath: undefined, rekorPublicKeyPaths: ["/log.pem", "/missing"] },
      "missing",
    );
    await refuses(decision, { rekorPublicKeyPaths: ["/log.pem"] }, "two log sources");
  }
  await refuses(byFulcio, { rekorPublicKeyPath: undefined }, "fulcio without a log");
  await refuses(byPki, { rekorPublicKeyPath: "/log.pem" }, "pki with a log");
});

test("a log that is required must have the signature", async () => {
  const unlogged = signImage({ reference: `${NAME}:1`, digest, signer: key });
  await refuses({ ...byKey, signature: unlogged }, {}, "not logged");
  await accepts({ ...byKey, signature: unlogged }, { rekorPublicKeyPath: undefined });
});

/** Texts that a careless comparison takes for the wanted one. */
function lookalikes(wanted: string): string[] {
  return [
    wanted.toUpperCase(),
    wanted.replace("e", "E"),
    `${wanted} `,
    ` ${wanted}`,
    `x${wanted}`,
    `${wanted}x`,
    wanted.slice(0, -1),
    wanted.slice(1),
    wanted.replace(".", "x"),
    wanted.replaceAll(".", "."),
    wanted.replace("o", "\u043e"),
    wanted.replace("e", "e\u0301"),
    `${wanted}\0`,
    `${wanted}\0.evil.example`,
    wanted.replace("example", "ex\u00adample"),
    wanted.normalize("NFD").replace("a", "\uff41"),
    ".*",
    `.*${wanted}`,
    `^${wanted}$`,
    `${wanted}|.*`,
    wanted.replace(/[.+]/g, "\\$&"),
    wanted.replace(/[a-z]+/, "[a-z]+"),
    "*",
    "%",
  ].filter((text) => text !== wanted);
}

test("subjectEmail and oidcIssuer of fulcio are compared exactly", async () => {
  const { fulcio } = byFulcio.requirement as { fulcio: object };
  for (const subjectEmail of [...lookalikes(EMAIL), "", EMAIL.replace("+ci", "")]) {
    await refuses(byFulcio, { fulcio: { ...fulcio, subjectEmail } }, JSON.stringify(subjectEmail));
  }
  for (const oidcIssuer of [
    ...lookalikes(DEFAULT_OIDC_ISSUER),
    "",
    `${DEFAULT_OIDC_ISSUER}/`,
    DEFAULT_OIDC_ISSUER.replace("https", "http"),
  ]) {
    await refuses(byFulcio, { fulcio: { ...fulcio, oidcIssuer } }, JSON.stringify(oidcIssuer));
  }
});

test("the certificate's names are compared exactly too, whichever side is odd", async () => {
  const ascii = /^[\0-\x7f]*$/;
  for (const email of lookalikes(EMAIL).filter((text) => ascii.test(text))) {
    const signer = authorities.issue(email);
    const signature = signImage({ reference: `${NAME}:1`, digest, signer, authorities });
    await refuses({ ...byFulcio, signature }, {}, JSON.stringify(email));
  }
  for (const oidcIssuer of lookalikes(DEFAULT_OIDC_ISSUER)) {
    const signer = authorities.issue(EMAIL, { oidcIssuer });
    const signature = signImage({ reference: `${NAME}:1`, digest, signer, authorities });
    await refuses({ ...byFulcio, signature }, {}, JSON.stringify(oidcIssuer));
  }
});

test("caPath and caData of fulcio decide which authority counts", async () => {
  const { caPath, ...fulcio } = byFulcio.requirement["fulcio"] as { caPath: string };
  const data = (path: string) => base64(String(byKey.files?.[path]));
  await accepts(byFulcio, { fulcio: { ...fulcio, caData: data("/ca.pem") } });
  assert.equal(caPath, "/ca.pem");
  for (const path of ["/other-ca.pem", "/key.pem", "/empty.pem"]) {
    await refuses(byFulcio, { fulcio: { ...fulcio, caPath: path } }, `caPath ${path}`);
    await refuses(byFulcio, { fulcio: { ...fulcio, caData: data(path) } }, `caData ${path}`);
  }
  await refuses(byFulcio, { fulcio }, "no authority");
  await refuses(byFulcio, { fulcio: { ...fulcio, caPath: "/missing.pem" } }, "missing");
  await refuses(byFulcio, { fulcio: { ...fulcio, caPath, caData: data("/ca.pem") } }, "both");
});

test("each member of pki decides", async () => {
  const pki = byPki.requirement["pki"] as Record<string, unknown>;
  const data = (path: string) => base64(String(byKey.files?.[path]));
  const { caRootsPath: _, ...withoutRoots } = pki;
  const { caIntermediatesPath: __, ...withoutIntermediates } = pki;
  await accepts(byPki, { pki: { ...withoutRoots, caRootsData: data("/ca.pem") } });
  await accepts(byPki, { pki: { ...withoutIntermediates, caIntermediatesData: data("/intermediate.pem") } });
  for (const path of ["/other-ca.pem", "/key.pem", "/empty.pem", "/missing.pem"]) {
    await refuses(byPki, { pki: { ...pki, caRootsPath: path } }, `caRootsPath ${path}`);
  }
  await refuses(byPki, { pki: { ...withoutRoots, caRootsData: data("/other-ca.pem") } }, "caRootsData");
  for (const path of ["/other-ca.pem", "/key.pem", "/empty.pem", "/missing.pem"]) {
    await refuses(byPki, { pki: { ...pki, caIntermediatesPath: path } }, `caIntermediatesPath ${path}`);
  }
  const data2 = { ...withoutIntermediates, caIntermediatesData: data("/other-ca.pem") };
  await refuses(byPki, { pki: data2 }, "caIntermediatesData");
  await refuses(byPki, { pki: withoutIntermediates }, "no intermediates anywhere");
  await refuses(byPki, { pki: withoutRoots }, "no roots");
  for (const subjectEmail of lookalikes(EMAIL)) {
    await refuses(byPki, { pki: { ...pki, subjectEmail } }, JSON.stringify(subjectEmail));
  }
  // Host names compare without regard to ASCII case, and a final dot says nothing; all else counts.
  for (const subjectHostname of lookalikes(HOST).filter((host) => host.toLowerCase() !== HOST)) {
    await refuses(byPki, { pki: { ...pki, subjectHostname } }, JSON.stringify(subjectHostname));
  }
  await accepts(byPki, { pki: { ...pki, subjectHostname: HOST.toUpperCase() } });
});

test("each type of signedIdentity refuses what it does not name", async () => {
  const identities: [identity: Record<string, string>, accepted: string[], refused: string[]][] = [
    [
      { type: "matchExact" },
      [`${NAME}:1`],
      [NAME, `${NAME}:2`, `${NAME}x:1`, `x${NAME}:1`, "other.example/team/app:1"],
    ],
    [{ type: "matchRepoDigestOrExact" }, [`${NAME}:1`], [NAME, `${NAME}:2`, `${NAME}/x:1`, "app:1"]],
    [
      { type: "matchRepository" },
      [`${NAME}:1`, NAME, `${NAME}:2`],
      [`${NAME}x`, "quay.example/team", "team/app"],
    ],
    [
      { type: "exactReference", dockerReference: "signed.example/app:9" },
      ["signed.example/app:9"],
      ["signed.example/app:8", "signed.example/app", `${NAME}:1`],
    ],
    [
      { type: "exactRepository", dockerRepository: "signed.example/app" },
      ["signed.example/app:9", "signed.example/app"],
      ["signed.example/app2:9", "signed.example/app/x", `${NAME}:1`],
    ],
    [
      { type: "remapIdentity", prefix: "quay.example/team", signedPrefix: "vendor.example/their" },
      ["vendor.example/their/app:1"],
      [`${NAME}:1`, "vendor.example/their/app:2", "vendor.example/theirs/app:1", "vendor.example/their:1"],
    ],
    [
      { type: "remapIdentity", prefix: "quay.example/tea", signedPrefix: "vendor.example/their" },
      [`${NAME}:1`],
      ["vendor.example/their/app:1", "vendor.example/theirm/app:1"],
    ],
  ];
  for (const [signedIdentity, accepted, refused] of identities) {
    for (const [list, kind] of [
      [accepted, "allowed"],
      [[...refused, "", "not a reference", `${NAME.toUpperCase()}:1`, `${NAME}:1\0`], "rejected"],
    ] as const) {
      for (const reference of list) {
        const signature = signImage({ reference, digest, signer: key, authorities });
        const requirement = { ...byKey.requirement, signedIdentity };
        const evaluation = await decide({ ...byKey, signature, requirement });
        assert.equal(evaluation.kind, kind, `${JSON.stringify(signedIdentity)} ${JSON.stringify(reference)}`);
      }
    }
  }
});

test("the default identity refuses a signature without a tag, and is the same as none given", async () => {
  const bare = signImage({ reference: NAME, digest, signer: key, authorities });
  await refuses({ ...byKey, signature: bare }, { signedIdentity: undefined }, "name only");
  await accepts(byKey, { signedIdentity: undefined });
});

test("unknown, repeated and misspelt members are refused", async () => {
  for (const extra of ["KeyPath", "keypath", "subjectRegExp", "keyType", "unknown"]) {
    await refuses(byKey, { [extra]: "x" }, extra);
  }
  const fulcio = byFulcio.requirement["fulcio"] as object;
  for (const extra of ["subjectURI", "subjectEmails", "SubjectEmail", "oidcissuer"]) {
    await refuses(byFulcio, { fulcio: { ...fulcio, [extra]: "x" } }, extra);
  }
  const pki = byPki.requirement["pki"] as object;
  for (const extra of ["subjectURI", "oidcIssuer", "caPath"])
    await refuses(byPki, { pki: { ...pki, [extra]: "x" } }, extra);
  await refuses(
    byKey,
    { signedIdentity: { type: "matchRepository", dockerRepository: NAME } },
    "member of another type",
  );
});

test("requirements that no signature meets", async () => {
  await refuses(
    byKey,
    { type: "reject", keyPath: undefined, rekorPublicKeyPath: undefined, signedIdentity: undefined },
    "",
  );
  await refuses(
    { ...byKey, requirement: { type: "signedBaseLayer", baseLayerIdentity: { type: "matchExact" } } },
    {},
    "signedBaseLayer",
  );
});
