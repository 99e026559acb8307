/**
 * The cases on which lading and skopeo are compared: policies, signatures, references and identities, combined.
 *
 * `HOST` stands for the registry, which both have to reach under one name.
 */
import { loadOpenPgp } from "../../src/policy/openpgp/library.ts";
import { createGpgKey, createGpgRing, type GpgKey } from "../../src/testing/index.ts";

/** One decision that both make. */
export interface PolicyCase {
  readonly name: string;
  /** The policy, as JSON. */
  readonly policy: unknown;
  /** Name of a set of signatures in the lookaside. */
  readonly signatures: string;
  readonly reference: string;
  /** Why the two are known to differ here; see `DIFFERENCES`. */
  readonly difference?: Difference | undefined;
}

/** Why skopeo 1.9.3 with GnuPG 2.2 differs from lading in a case. */
export type Difference =
  | "subkey of a primary key"
  | "SHA-1"
  | "short RSA key"
  | "text after the message"
  | "detached"
  | "armored message"
  | "clear-text message"
  | "private key as keyring"
  | "payload that is no JSON"
  | "format of a signature file"
  | "digest that is none"
  | "missing key file";

/** What the two say where they differ, and why that is known and right. */
export interface KnownDifference {
  readonly why: string;
  readonly skopeo: RegExp;
  readonly lading: RegExp;
}

/** Every difference that is known. */
export const DIFFERENCES: Readonly<Record<Difference, KnownDifference>> = {
  "subkey of a primary key": {
    why: "newer containers/image counts a subkey's signature for its primary key",
    skopeo: /^Source image rejected: Signature by key [0-9A-F]{40} is not accepted$/,
    lading: /^allowed$/,
  },
  "SHA-1": {
    why: "GnuPG 2.2 still takes signatures over data with SHA-1, which prove nothing any more",
    skopeo: /^allowed$/,
    lading: /^Source image rejected: Invalid GPG signature: .*HashAlgo:2\}$/,
  },
  "short RSA key": {
    why: "GnuPG 2.2 takes RSA keys of any length; 1024 bits prove nothing any more",
    skopeo: /^allowed$/,
    lading: /^Source image rejected: Invalid GPG signature: /,
  },
  "text after the message": {
    why: "GnuPG ignores what follows compressed data; no tool writes anything there",
    skopeo: /^allowed$/,
    lading: /^Source image rejected: Invalid GPG signature: something stands beside compressed data$/,
  },
  detached: {
    why: "GnuPG verifies a signature without data against no data; lading says what is missing",
    skopeo: /^Source image rejected: Invalid GPG signature: gpgme\.Signature\{Summary:4, .*err:0x7000008\}/,
    lading: /^Source image rejected: Invalid GPG signature: it is detached from its data$/,
  },
  "armored message": {
    why: "GnuPG reads armor anywhere; signatures of images are binary",
    skopeo: /^allowed$/,
    lading: /^Source image rejected: No data$/,
  },
  "clear-text message": {
    why: "GnuPG takes them, other backends do not, and the format's description forbids them",
    skopeo: /^allowed$/,
    lading: /^Source image rejected: No data$/,
  },
  "private key as keyring": {
    why: "GnuPG imports a private key, whose place is not a policy; lading takes public keys only",
    skopeo: /^allowed$/,
    lading: /^Source image rejected: No public keys imported$/,
  },
  "payload that is no JSON": {
    why: "the text of Go's JSON reader for what is wrong with a payload; the verdict is the same",
    skopeo: /^Source image rejected: invalid character/,
    lading: /^Source image rejected: expected a value at line 1, column 1$/,
  },
  "format of a signature file": {
    why: "signatures that cannot be read are no reason to reject but leave it open: lading gives no verdict",
    skopeo: /^Source image rejected: parsing signature .*: unrecognized signature format, .* 0x67$/,
    lading: /^ERR_POLICY_SIGNATURES: reading signature from .*: unrecognized signature format, .* 0x67$/,
  },
  "digest that is none": {
    why: "newer containers/image checks the form of a signed digest; before, it only matched nothing",
    skopeo: /^Source image rejected: Signature for digest sha256:0 does not match$/,
    lading: /^Source image rejected: invalid docker-manifest-digest value "sha256:0": /,
  },
  "missing key file": {
    why: "what the operating system calls a missing file",
    skopeo: /^Source image rejected: open .*: no such file or directory$/,
    lading: /^Source image rejected: .*(?:ENOENT|no such file)/,
  },
};

/** Texts that were worded differently when skopeo 1.9.3 was made, and what they were. */
const OLD_WORDS: readonly (readonly [now: RegExp, then: string])[] = [
  [/Signature for identity "([^"]*)" is not accepted/g, "Signature for identity $1 is not accepted"],
];

/** What lading says, in the words of skopeo 1.9.3. */
export function inOldWords(text: string): string {
  return OLD_WORDS.reduce((words, [now, then]) => words.replace(now, then), text);
}

/** Signatures of one image in the lookaside, in order. */
export type SignatureSets = ReadonlyMap<string, readonly Uint8Array[]>;

/** Keyring files that policies name as `KEYS/NAME`. */
export type KeyFiles = ReadonlyMap<string, Uint8Array | string>;

/** What the cases need to be there. */
export interface CaseMaterial {
  readonly sets: SignatureSets;
  readonly keyFiles: KeyFiles;
  readonly cases: readonly PolicyCase[];
}

/** Where an image is, and what a signature of it says. */
export interface CaseImage {
  /** `HOST/team/app`. */
  readonly name: string;
  readonly host: string;
  readonly digest: string;
  /** The payload of a signature for the image under a name. */
  payload(dockerReference: string, digest?: string, type?: string): Uint8Array;
}

const MIRROR = "mirror.example/team";

/** Makes keys, signatures and cases for an image. */
export async function makeCases(image: CaseImage): Promise<CaseMaterial> {
  const keys = await makeKeys();
  const sets = await makeSets(image, keys);
  const cases = [
    ...identityCases(image),
    ...signatureCases(image, sets),
    ...keyCases(image),
    ...scopeCases(image),
    ...listCases(image),
  ];
  return { sets, keyFiles: keyFilesOf(keys), cases };
}

interface Keys {
  readonly good: GpgKey;
  readonly other: GpgKey;
  readonly rsa: GpgKey;
  readonly short: GpgKey;
  readonly states: readonly GpgKey[];
}

const STATES = [
  "expired",
  "revoked",
  "subkey",
  "expired-subkey",
  "revoked-subkey",
  "unbound-subkey",
  "certify-only",
  "uncertified",
] as const;

async function makeKeys(): Promise<Keys> {
  return {
    good: await createGpgKey(),
    other: await createGpgKey({ algorithm: "p256" }),
    rsa: await createGpgKey({ algorithm: "rsa" }),
    short: await createGpgKey({ algorithm: "rsa", rsaBits: 1024 }),
    states: await Promise.all(STATES.map((state) => createGpgKey({ state }))),
  };
}

function keyFilesOf({ good, other, rsa, short, states }: Keys): KeyFiles {
  const files = new Map<string, Uint8Array | string>([
    ["good", good.publicKey],
    ["good.asc", good.armoredPublicKey],
    ["other", other.publicKey],
    ["other.asc", other.armoredPublicKey],
    ["rsa", rsa.publicKey],
    ["short", short.publicKey],
    ["private", good.armoredPrivateKey],
    ["ring", createGpgRing([other, rsa, good])],
    ["ring.asc", other.armoredPublicKey + good.armoredPublicKey],
    ["empty", ""],
    ["garbage", "garbage"],
    ["good-and-garbage", Buffer.concat([good.publicKey, Buffer.from("garbage")])],
    ["rings-and-garbage", Buffer.concat([good.publicKey, other.publicKey, Buffer.from("garbage")])],
    ["truncated", good.publicKey.subarray(0, -1)],
    [
      "everything",
      createGpgRing([good, other, rsa, short, ...states.filter(({ state }) => state !== "uncertified")]),
    ],
  ]);
  for (const key of states) files.set(key.state, key.publicKey);
  return files;
}

async function makeSets({ name, digest, payload }: CaseImage, keys: Keys): Promise<SignatureSets> {
  const { good, other, rsa, short, states } = keys;
  const right = payload(`${name}:1`);
  const sign = (text: string, wanted?: string) => good.sign(payload(text, wanted));
  const byGood = await good.sign(right);
  const flipped = Buffer.from(await good.sign(right, { compression: "none" }));
  flipped[120] = (flipped[120] ?? 0) ^ 1;
  const day = 24 * 3600;
  const sets: [string, (Uint8Array | Promise<Uint8Array>)[]][] = [
    ["none", []],
    ["tag", [byGood]],
    ["digest", [sign(`${name}@${digest}`)]],
    ["name", [sign(name)]],
    ["other-tag", [sign(`${name}:2`)]],
    ["other-name", [sign(`${name}2:1`)]],
    ["mirror", [sign(`${MIRROR}/app:1`)]],
    ["mirror-digest", [sign(`${MIRROR}/app@${digest}`)]],
    ["short-name", [sign("app:1")]],
    ["empty-name", [sign("")]],
    ["upper-case", [sign(`${name.replace("team", "TEAM")}:1`)]],
    ["other-digest", [sign(`${name}:1`, `sha256:${"0".repeat(64)}`)]],
    ["bad-digest", [sign(`${name}:1`, "sha256:0")]],
    ["cosign-type", [good.sign(payload(`${name}:1`, digest, "cosign container image signature"))]],
    ["no-json", [good.sign("This is no JSON")]],
    ["by-other", [other.sign(right)]],
    ["by-rsa", [rsa.sign(right)]],
    ["version-3", [rsa.sign(right, { version: 3 })]],
    ["version-3-sha256", [rsa.sign(right, { version: 3, hashAlgorithm: 8, compression: "zlib" })]],
    ["by-short", [short.sign(right)]],
    ["sha1", [rsa.sign(right, { hashAlgorithm: 2 })]],
    ["md5", [rsa.sign(right, { hashAlgorithm: 1 })]],
    ["sha256", [good.sign(right, { hashAlgorithm: 8 })]],
    ["flipped", [flipped]],
    ["flipped-good", [flipped, byGood]],
    ["good-flipped", [byGood, flipped]],
    ["other-good", [other.sign(right), byGood]],
    ["two-bad", [flipped, sign(`${name}:2`)]],
    ["two-others", [other.sign(right), rsa.sign(right)]],
    ["expired-signature", [good.sign(right, { lifetime: day })]],
    ["long-signature", [good.sign(right, { lifetime: 1000 * day })]],
    ["future-signature", [good.sign(right, { at: Date.now() + day * 1000 })]],
    ["early-signature", [good.sign(right, { at: Date.now() - 60 * day * 1000 })]],
    ["uncompressed", [good.sign(right, { compression: "none" })]],
    ["signature-first", [good.sign(right, { order: "signature-first" })]],
    ["detached", [good.sign(right, { order: "detached", compression: "none" })]],
    ["followed", [Buffer.concat([byGood, Buffer.from("text")])]],
    ["framed", [framed(byGood)]],
    ["framed-armored", [framed(await armored(byGood))]],
    ["framed-clear-text", [framed(await clearText(good, right))]],
    ["garbage", [Buffer.from("garbage")]],
    ["good-garbage", [byGood, Buffer.from("garbage")]],
  ];
  for (const key of states) sets.push([`by-${key.state}`, [key.sign(right)]]);
  return new Map(
    await Promise.all(sets.map(async ([each, list]) => [each, await Promise.all(list)] as const)),
  );
}

/** A signature as newer stores have it, with the name of its format before it. */
function framed(content: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from("\0simple-signing\n"), content]);
}

/** A message as text, with its checksum: without padding or checksum GnuPG does not find the end of the text. */
async function armored(message: Uint8Array): Promise<Uint8Array> {
  const { armor, enums } = await loadOpenPgp();
  return Buffer.from(armor(enums.armor.message, message, undefined, undefined, undefined, true));
}

async function clearText({ armoredPrivateKey }: GpgKey, content: Uint8Array): Promise<Uint8Array> {
  const library = await loadOpenPgp();
  const signed = await library.sign({
    message: await library.createCleartextMessage({ text: String(content) }),
    signingKeys: await library.readPrivateKey({ armoredKey: armoredPrivateKey }),
  });
  return Buffer.from(signed);
}

const ANY = { type: "insecureAcceptAnything" };
const REJECT = { type: "reject" };

function signedBy(keyPath: string, signedIdentity?: unknown): Record<string, unknown> {
  return {
    type: "signedBy",
    keyType: "GPGKeys",
    keyPath: `KEYS/${keyPath}`,
    ...(signedIdentity ? { signedIdentity } : {}),
  };
}

/** Every identity against every name that a signature may claim and every way to name the image. */
function identityCases({ name, digest, host }: CaseImage): PolicyCase[] {
  const identities: Record<string, unknown> = {
    default: undefined,
    matchExact: { type: "matchExact" },
    matchRepoDigestOrExact: { type: "matchRepoDigestOrExact" },
    matchRepository: { type: "matchRepository" },
    "exactReference tag": { type: "exactReference", dockerReference: `${name}:1` },
    "exactReference digest": { type: "exactReference", dockerReference: `${name}@${digest}` },
    exactRepository: { type: "exactRepository", dockerRepository: name },
    remapIdentity: { type: "remapIdentity", prefix: `${host}/team`, signedPrefix: MIRROR },
    "remapIdentity of the host": { type: "remapIdentity", prefix: host, signedPrefix: "mirror.example" },
  };
  const signatures = ["tag", "digest", "name", "other-name", "mirror"];
  const references = [`${name}:1`, `${name}@${digest}`, name];
  const cases: PolicyCase[] = [];
  for (const [identity, signedIdentity] of Object.entries(identities)) {
    for (const set of signatures) {
      for (const reference of references) {
        cases.push({
          name: `${identity}, signed ${set}, ${reference.slice(name.length, name.length + 8)}`,
          policy: { default: [signedBy("good", signedIdentity)] },
          signatures: set,
          reference,
        });
      }
    }
  }
  return cases;
}

/** Every set of signatures against a ring with all keys. */
function signatureCases({ name }: CaseImage, sets: SignatureSets): PolicyCase[] {
  const differences: Partial<Record<string, Difference>> = {
    "by-subkey": "subkey of a primary key",
    sha1: "SHA-1",
    "by-short": "short RSA key",
    followed: "text after the message",
    detached: "detached",
    "no-json": "payload that is no JSON",
    "bad-digest": "digest that is none",
    "framed-armored": "armored message",
    "framed-clear-text": "clear-text message",
    garbage: "format of a signature file",
    "good-garbage": "format of a signature file",
  };
  return [...sets.keys()].map((set) => ({
    name: `signatures ${set}`,
    policy: { default: [signedBy("everything")] },
    signatures: set,
    reference: `${name}:1`,
    difference: differences[set],
  }));
}

/** Every keyring file, alone and beside others. */
function keyCases({ name }: CaseImage): PolicyCase[] {
  const lists: [string[], Difference?][] = [
    ...["good", "good.asc", "other", "ring", "ring.asc", "empty", "garbage", "truncated"].map(
      (file): [string[]] => [[file]],
    ),
    ...STATES.map((state): [string[]] => [[state]]),
    [["good-and-garbage"]],
    [["rings-and-garbage"]],
    [["private"], "private key as keyring"],
    [["missing"], "missing key file"],
    [["good", "missing"], "missing key file"],
    [["other", "good"]],
    [["other", "rsa"]],
    [["garbage", "good"]],
    [["empty", "good.asc"]],
    [["good", "good"]],
    [[]],
  ];
  return lists.map(([files, difference]) => ({
    name: `keys ${files.join(" ") || "none"}`,
    policy: {
      default: [{ type: "signedBy", keyType: "GPGKeys", keyPaths: files.map((file) => `KEYS/${file}`) }],
    },
    signatures: "tag",
    reference: `${name}:1`,
    difference,
  }));
}

/** Which of a policy's lists is the one for an image. */
function scopeCases({ name, host, digest }: CaseImage): PolicyCase[] {
  const good = [signedBy("good", { type: "matchRepository" })];
  const [address, port] = host.split(":");
  const keys = [
    `${name}:1`,
    `${name}@${digest}`,
    name,
    `${host}/team`,
    host,
    "",
    `${host}/tea`,
    `${host}/team/ap`,
    address ?? "",
    `*.${address?.split(".").slice(1).join(".")}`,
    `*.${address?.split(".").slice(1).join(".")}:${port}`,
    `${name}/`,
    `${name}:2`,
  ];
  const cases: PolicyCase[] = [];
  for (const reference of [`${name}:1`, `${name}@${digest}`]) {
    for (const [index, scope] of keys.entries()) {
      const at = `${scope} for ${reference.slice(name.length, name.length + 8)}`;
      const common = { signatures: "tag", reference };
      cases.push({
        ...common,
        name: `scope ${at} accepts`,
        policy: { default: [REJECT], transports: { docker: { [scope]: good } } },
      });
      cases.push({
        ...common,
        name: `scope ${at} rejects`,
        policy: { default: good, transports: { docker: { [scope]: [REJECT] } } },
      });
      const next = keys[index + 1];
      if (next === undefined) continue;
      cases.push({
        ...common,
        name: `scope ${at} before ${next}`,
        policy: { default: [REJECT], transports: { docker: { [next]: [ANY], [scope]: [REJECT] } } },
      });
    }
    cases.push({
      name: `scope of another transport for ${reference.slice(name.length, name.length + 8)}`,
      policy: { default: [REJECT], transports: { dir: { "": [ANY] }, atomic: { [name]: [ANY] } } },
      signatures: "tag",
      reference,
    });
  }
  return cases;
}

/** Lists of several requirements. */
function listCases({ name }: CaseImage): PolicyCase[] {
  const [good, other] = [signedBy("good"), signedBy("other")];
  const lists: Record<string, unknown[]> = {
    anything: [ANY],
    reject: [REJECT],
    "anything, reject": [ANY, REJECT],
    "reject, anything": [REJECT, ANY],
    "good, other": [good, other],
    "other, good": [other, good],
    "good, anything": [good, ANY],
    "anything, good": [ANY, good],
    "good, reject": [good, REJECT],
    "good, base layer": [good, { type: "signedBaseLayer", baseLayerIdentity: { type: "matchExact" } }],
    "base layer, good": [{ type: "signedBaseLayer", baseLayerIdentity: { type: "matchExact" } }, good],
    "X.509": [{ ...good, keyType: "X509Certificates" }],
    "signed by GPG": [{ ...good, keyType: "signedByGPGKeys" }],
  };
  return Object.entries(lists).flatMap(([list, requirements]) =>
    ["none", "tag", "other-good"].map((signatures) => ({
      name: `list ${list}; ${signatures}`,
      policy: { default: requirements },
      signatures,
      reference: `${name}:1`,
    })),
  );
}
