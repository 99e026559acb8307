import assert from "node:assert/strict";
import { test } from "node:test";
import { isLadingError } from "../../../../src/core/errors.ts";
import { parseBundle } from "../../../../src/policy/extended/bundle.ts";
import {
  acceptedStatements,
  countDistinct,
  type ExtendedResult,
  evaluateBundles,
} from "../../../../src/policy/extended/evaluate-bundles.ts";
import {
  type ExtendedRequirement,
  parseTrustedRoot,
  type SignedRequirement,
  type SignerRequirement,
} from "../../../../src/policy/extended/index.ts";
import { openRequirement } from "../../../../src/policy/extended/requirement.ts";
import { loadSigstore } from "../../../../src/policy/extended/trust-material.ts";
import {
  createBundleAuthorities,
  mintKey,
  publicKeyPem,
  signStatement,
} from "../../../../src/testing/index.ts";
import { CONTENT, DIGEST, made, NOW, SIGNER, signed, trustedRoot } from "./bundles.ts";

const PROVENANCE = "https://slsa.dev/provenance/v1";

function by(email: string): SignedRequirement {
  const signer: SignerRequirement = { ...SIGNER, subject: { kind: "email", exact: email } };
  return { kind: "signed", name: email, signer, content: CONTENT };
}

function matching(pattern: string): SignedRequirement {
  const signer: SignerRequirement = { ...SIGNER, subject: { kind: "email", pattern } };
  return { kind: "signed", signer, content: CONTENT };
}

const ANN = signed({ signer: made.certify("ann@example.com") });
const ANN_AGAIN = signed({ signer: made.certify("ann@example.com") });
const BEN = signed({ signer: made.certify("ben@example.com") });
const EVE = signed({ signer: made.certify("eve@example.com") });

async function evaluate(
  requirement: ExtendedRequirement,
  bundles: readonly string[],
): Promise<ExtendedResult> {
  const opened = await openRequirement(requirement);
  const found = bundles.map((text) => {
    const content = parseBundle(text);
    return { subject: DIGEST, manifest: content.digest, content, artifact: { digest: DIGEST } };
  });
  return evaluateBundles(await loadSigstore(), opened, found);
}

async function kindOf(requirement: ExtendedRequirement, ...bundles: string[]): Promise<string> {
  return (await evaluate(requirement, bundles)).kind;
}

const ANN_OR_BEN: ExtendedRequirement = {
  kind: "anyOf",
  requirements: [by("ann@example.com"), by("ben@example.com")],
};
const ANN_AND_BEN: ExtendedRequirement = { ...ANN_OR_BEN, kind: "allOf" };
const TWO_OF_THREE: ExtendedRequirement = {
  kind: "atLeast",
  count: 2,
  requirements: [by("ann@example.com"), by("ben@example.com"), by("cat@example.com")],
};

test("one signature is met by one bundle, whatever others there are", async () => {
  assert.equal(await kindOf(by("ann@example.com"), EVE, ANN), "met");
  assert.equal(await kindOf(by("ann@example.com"), EVE, BEN), "failed");
  assert.equal(await kindOf(by("ann@example.com")), "failed");
});

test("anyOf needs one, allOf each", async () => {
  assert.equal(await kindOf(ANN_OR_BEN, ANN), "met");
  assert.equal(await kindOf(ANN_OR_BEN, BEN), "met");
  assert.equal(await kindOf(ANN_OR_BEN, EVE), "failed");
  assert.equal(await kindOf(ANN_OR_BEN), "failed");
  assert.equal(await kindOf(ANN_AND_BEN, ANN, BEN), "met");
  assert.equal(await kindOf(ANN_AND_BEN, ANN), "failed");
  assert.equal(await kindOf(ANN_AND_BEN, ANN, ANN_AGAIN), "failed");
  assert.equal(await kindOf(ANN_AND_BEN), "failed");
});

test("requirements nest", async () => {
  const nested: ExtendedRequirement = {
    kind: "allOf",
    requirements: [ANN_OR_BEN, { kind: "anyOf", requirements: [TWO_OF_THREE, by("eve@example.com")] }],
  };
  assert.equal(await kindOf(nested, ANN), "failed");
  assert.equal(await kindOf(nested, ANN, EVE), "met");
  assert.equal(await kindOf(nested, ANN, BEN), "met");
  assert.equal(await kindOf(nested, EVE), "failed");
});

test("atLeast counts signers, not bundles and not requirements", async () => {
  assert.equal(await kindOf(TWO_OF_THREE, ANN, BEN), "met");
  assert.equal(await kindOf(TWO_OF_THREE, ANN), "failed");
  assert.equal(await kindOf(TWO_OF_THREE, ANN, ANN_AGAIN), "failed");
  assert.equal(await kindOf(TWO_OF_THREE, ANN, ANN), "failed");
  assert.equal(await kindOf(TWO_OF_THREE, ANN, EVE), "failed");
  const [ann] = TWO_OF_THREE.requirements;
  assert.ok(ann);
  // The same requirement twice is met by one person once.
  assert.equal(
    await kindOf({ kind: "atLeast", count: 2, requirements: [ann, ann] }, ANN, ANN_AGAIN),
    "failed",
  );
  // A pattern stands for one signer, whoever matches it.
  const anybody = matching(".*@example\\.com");
  const two: ExtendedRequirement = { kind: "atLeast", count: 2, requirements: [ann, anybody] };
  assert.equal(await kindOf(two, ANN, BEN), "met");
  assert.equal(await kindOf(two, ANN, ANN_AGAIN), "failed");
  assert.equal(await kindOf(two, BEN, EVE), "failed");
  const both: ExtendedRequirement = { kind: "atLeast", count: 2, requirements: [anybody, anybody] };
  assert.equal(await kindOf(both, BEN, EVE), "met");
  const result = await evaluate(two, [ANN, ANN_AGAIN]);
  assert.ok(result.type === "atLeast");
  assert.equal(result.distinct, 1);
  assert.deepEqual(
    result.results.map(({ kind }) => kind),
    ["met", "met"],
  );
});

test("a key and an identity are two signers; one key is one, however it is written", async () => {
  const key = mintKey();
  const pem = publicKeyPem(key);
  const byKey = (publicKey: string): SignedRequirement => ({
    kind: "signed",
    signer: { kind: "key", publicKey, trustedRoot },
    content: CONTENT,
  });
  const keyed = signed({ signer: key });
  const mixed: ExtendedRequirement = {
    kind: "atLeast",
    count: 2,
    requirements: [by("ann@example.com"), byKey(pem)],
  };
  assert.equal(await kindOf(mixed, ANN, keyed), "met");
  assert.equal(await kindOf(mixed, ANN, ANN_AGAIN), "failed");
  assert.equal(await kindOf(mixed, keyed, signed({ signer: key })), "failed");
  const twice: ExtendedRequirement = {
    kind: "atLeast",
    count: 2,
    requirements: [byKey(pem), byKey(pem.replace(/\n(?=-----END)/, "\r\n"))],
  };
  assert.equal(await kindOf(twice, keyed, signed({ signer: key })), "failed");
});

test("one name by two issuers, or in two forms, is two signers", async () => {
  const elsewhere = "https://other.example";
  const anyForm = (kind: "email" | "uri", issuer: string): SignedRequirement => ({
    kind: "signed",
    signer: { ...SIGNER, issuer, subject: { kind, exact: "urn:ann@example.com" } },
    content: CONTENT,
  });
  const mail = signed({ signer: made.certify("urn:ann@example.com") });
  const uri = signed({ signer: made.certify("", { emails: [], uris: ["urn:ann@example.com"] }) });
  const other = signed({ signer: made.certify("urn:ann@example.com", { oidcIssuer: elsewhere }) });
  const forms = [anyForm("email", SIGNER.issuer), anyForm("uri", SIGNER.issuer)];
  assert.equal(await kindOf({ kind: "atLeast", count: 2, requirements: forms }, mail, uri), "met");
  const issuers = [anyForm("email", SIGNER.issuer), anyForm("email", elsewhere)];
  assert.equal(await kindOf({ kind: "atLeast", count: 2, requirements: issuers }, mail, other), "met");
  assert.equal(await kindOf({ kind: "atLeast", count: 2, requirements: issuers }, mail, uri), "failed");
});

test("the largest number of different signers is found, whatever the order", () => {
  const sets = (...lists: string[]) => lists.map((list) => new Set(list));
  assert.equal(countDistinct(sets("ab", "a")), 2);
  assert.equal(countDistinct(sets("a", "ab")), 2);
  assert.equal(countDistinct(sets("a", "a", "a")), 1);
  assert.equal(countDistinct(sets("ab", "bc", "a", "c")), 3);
  assert.equal(countDistinct(sets("abc", "abc", "abc", "")), 3);
  assert.equal(countDistinct(sets("ab", "ac", "b")), 3);
  assert.equal(countDistinct([]), 0);
});

test("every bundle is in the result, with what became of it", async () => {
  const broken = signed({ signer: made.certify("ann@example.com") }, ({ verificationMaterial }) => {
    verificationMaterial.tlogEntries = [];
  });
  const result = await evaluate(by("ann@example.com"), [broken, EVE, ANN]);
  assert.ok(result.type === "signed");
  assert.equal(result.name, "ann@example.com");
  assert.deepEqual(
    result.bundles.map((bundle) => (bundle.kind === "rejected" ? bundle.errorClass : bundle.kind)),
    ["invalid-signature", "policy-requirement", "accepted"],
  );
  const [, eve] = result.bundles;
  assert.match(eve?.kind === "rejected" ? eve.reason : "", /"eve@example\.com"/);
});

test("statements of accepted bundles are handed out, each once, and no others", async () => {
  const provenance = (email: string) =>
    signed({
      signer: made.certify(email),
      content: { statement: signStatement(DIGEST, { predicateType: PROVENANCE, predicate: { by: email } }) },
    });
  const [ann, eve] = [provenance("ann@example.com"), provenance("eve@example.com")];
  const attested: ExtendedRequirement = {
    ...by("ann@example.com"),
    content: { predicateTypes: [PROVENANCE] },
  };
  const result = await evaluate({ kind: "allOf", requirements: [attested, attested] }, [eve, ann, ANN]);
  assert.equal(result.kind, "met");
  const statements = acceptedStatements(result);
  assert.deepEqual(
    statements.map(({ predicate }) => predicate),
    [{ by: "ann@example.com" }],
  );
  assert.deepEqual(
    statements.map(({ predicateType }) => predicateType),
    [PROVENANCE],
  );
});

test("evidence that one signer needs is not waived for another of the same root", async () => {
  const unlogged = signed({
    signer: made.certify("ann@example.com"),
    logs: [],
    timestampAuthorities: [made.timestampAuthority],
  });
  const ann = by("ann@example.com");
  const lenient: SignedRequirement = {
    ...ann,
    signer: { ...(ann.signer as typeof SIGNER), evidence: { transparencyLogs: 0 } },
  };
  assert.equal(await kindOf(lenient, unlogged), "met");
  assert.equal(await kindOf({ kind: "allOf", requirements: [lenient, ann] }, unlogged), "failed");
  assert.equal(await kindOf({ kind: "allOf", requirements: [ann, lenient] }, unlogged), "failed");
});

test("each signer is checked against the authorities of its own root", async () => {
  const elsewhere = createBundleAuthorities({ now: () => NOW });
  const root = parseTrustedRoot(JSON.stringify(elsewhere.trustedRoot()));
  const ann = by("ann@example.com");
  const there: SignedRequirement = {
    ...ann,
    signer: { ...(ann.signer as typeof SIGNER), trustedRoot: root },
  };
  const statement = signStatement(DIGEST);
  const foreign = JSON.stringify(
    elsewhere.sign({ signer: elsewhere.certify("ann@example.com"), content: { statement } }),
  );
  assert.equal(await kindOf(there, foreign), "met");
  assert.equal(await kindOf(there, ANN), "failed");
  assert.equal(await kindOf(ann, foreign), "failed");
  assert.equal(await kindOf({ kind: "anyOf", requirements: [ann, there] }, foreign), "met");
  assert.equal(await kindOf({ kind: "allOf", requirements: [ann, there] }, foreign, ANN), "met");
  // The same name of two roots is one signer.
  assert.equal(
    await kindOf({ kind: "atLeast", count: 2, requirements: [ann, there] }, foreign, ANN),
    "failed",
  );
});

test("an abort between bundles ends the work, and other work has its turn", async () => {
  const opened = await openRequirement(by("ann@example.com"));
  const content = parseBundle(ANN);
  const bundle = () => ({ subject: DIGEST, manifest: content.digest, content, artifact: { digest: DIGEST } });
  const bundles = Array.from({ length: 50 }, bundle);
  const controller = new AbortController();
  const library = await loadSigstore();
  const working = evaluateBundles(library, opened, bundles, { signal: controller.signal });
  let turns = 0;
  const timer = setInterval(() => {
    if (++turns === 2) controller.abort("enough");
  }, 1);
  try {
    await assert.rejects(working, (reason) => reason === "enough");
  } finally {
    clearInterval(timer);
  }
});

test("requirements that nothing or everything would meet are mistakes", async () => {
  const ann = by("ann@example.com");
  const deep = Array.from({ length: 8 }).reduce<ExtendedRequirement>(
    (inner) => ({ kind: "allOf", requirements: [inner] }),
    ann,
  );
  const wrong: unknown[] = [
    undefined,
    null,
    {},
    { kind: "none" },
    { kind: "allOf", requirements: [] },
    { kind: "anyOf", requirements: [] },
    { kind: "anyOf" },
    { kind: "atLeast", count: 1, requirements: [] },
    { kind: "atLeast", count: 0, requirements: [ann] },
    { kind: "atLeast", count: 2, requirements: [ann] },
    { kind: "atLeast", count: 0.5, requirements: [ann] },
    { kind: "atLeast", requirements: [ann] },
    { kind: "atLeast", count: 1, requirements: [ANN_OR_BEN] },
    { kind: "allOf", requirements: [ann], count: 1 },
    { kind: "allOf", requirements: [undefined] },
    { ...ann, content: {} },
    { ...ann, content: undefined },
    { ...ann, predicateType: PROVENANCE },
    { ...ann, name: 1 },
    deep,
    { kind: "anyOf", requirements: Array.from({ length: 65 }, () => ann) },
  ];
  for (const each of wrong) {
    await assert.rejects(
      openRequirement(each as ExtendedRequirement),
      (error) => !isLadingError(error) && (error instanceof TypeError || error instanceof RangeError),
    );
  }
});
