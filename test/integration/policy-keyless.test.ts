/** Signing without a key: certificates and log entries over HTTP, from lading's clients and from sigstore's. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { FulcioSigner, MessageSignatureBundleBuilder, RekorWitness } from "@sigstore/sign";
import { memoryStore } from "../../src/oci/memory-store.ts";
import type { Store } from "../../src/oci/store.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import { createFulcioClient } from "../../src/policy/signing/fulcio-client.ts";
import { createKeylessSigner, type KeylessSignerOptions } from "../../src/policy/signing/keyless.ts";
import { createRekorClient, type RekorClientOptions } from "../../src/policy/signing/rekor-client.ts";
import type { SigningServiceOptions } from "../../src/policy/signing/service-request.ts";
import { signImage } from "../../src/policy/signing/sign-image.ts";
import { signPayload } from "../../src/policy/signing/sign-payload.ts";
import { createKeySigner } from "../../src/policy/signing/signer.ts";
import { sigstoreAttachments } from "../../src/policy/sources/index.ts";
import { createVerifier } from "../../src/policy/verifier.ts";
import { type Authorities, createAuthorities, DEFAULT_OIDC_ISSUER } from "../../src/testing/authorities.ts";
import { createCertificateLog } from "../../src/testing/certificate-log.ts";
import { mintCertificate, mintKey } from "../../src/testing/certificates.ts";
import {
  type SigningServices,
  type SigningServicesOptions,
  startSigningServices,
} from "../../src/testing/signing/index.ts";
import { pushImage } from "../unit/policy/images.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const EMAIL = "dev@example.com";
const NAME = "quay.example/team/app";
const PAYLOAD = Buffer.from("payload");
const authorities = createAuthorities();

/** Runs with services of its own, and looks that nothing of them is left. */
async function withServices(
  options: SigningServicesOptions,
  run: (services: SigningServices) => Promise<void>,
  by: Authorities = authorities,
): Promise<void> {
  const before = countResources();
  const services = await startSigningServices(by, options);
  try {
    await run(services);
  } finally {
    await services.close();
  }
  await assertNothingLeft(before);
}

interface SignerOverrides extends Partial<KeylessSignerOptions> {
  fulcio?: Partial<SigningServiceOptions>;
  rekor?: Partial<RekorClientOptions>;
}

function signerOf(services: SigningServices, { fulcio, rekor, ...rest }: SignerOverrides = {}) {
  return createKeylessSigner({
    identityToken: services.identityProvider.token(EMAIL),
    authority: createFulcioClient({ url: services.fulcioUrl, retries: 0, ...fulcio }),
    log: createRekorClient({
      url: services.rekorUrl,
      publicKey: authorities.logPublicKeyPem,
      retries: 0,
      ...rekor,
    }),
    ...rest,
  });
}

async function verdictOf(store: Store, email = EMAIL, oidcIssuer = DEFAULT_OIDC_ISSUER): Promise<string> {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const requirement = {
    type: "sigstoreSigned",
    fulcio: { caData: base64(authorities.rootPem), oidcIssuer, subjectEmail: email },
    rekorPublicKeyData: base64(authorities.logPublicKeyPem),
    signedIdentity: { type: "matchRepository" },
  };
  const verifier = createVerifier(parsePolicy(JSON.stringify({ default: [requirement] })), {
    source: { repository: () => store },
    signatureSources: [sigstoreAttachments()],
  });
  const verdict = await verifier.evaluate(`${NAME}:1`);
  return verdict.kind === "allowed" ? "allowed" : verdict.reason;
}

test("an image that is signed without a key is accepted under the name in the token, and under no other", () =>
  withServices({}, async (services) => {
    const store = memoryStore();
    await pushImage(store, "1");
    const { signed } = await signImage(store, `${NAME}:1`, signerOf(services));
    const { annotations } = signed[0]?.signature ?? assert.fail();
    assert.deepEqual([...annotations.keys()].sort(), [
      "dev.cosignproject.cosign/signature",
      "dev.sigstore.cosign/bundle",
      "dev.sigstore.cosign/certificate",
      "dev.sigstore.cosign/chain",
    ]);
    assert.equal(annotations.get("dev.sigstore.cosign/chain"), authorities.issuer.pem + authorities.rootPem);
    assert.equal(await verdictOf(store), "allowed");
    assert.match(await verdictOf(store, "Dev@example.com"), /^Required email "Dev@example.com" not found/);
    assert.match(await verdictOf(store, EMAIL, "https://other.example"), /^Unexpected Fulcio OIDC issuer/);
    assert.equal(services.requests.fulcio.length, 1);
    assert.equal(services.requests.rekor.length, 1);
  }));

test("each signature has a key, a certificate and a token of its own", () =>
  withServices({}, async (services) => {
    let tokens = 0;
    const identityToken = {
      getToken: async () => {
        tokens++;
        return services.identityProvider.token(EMAIL);
      },
    };
    const signer = signerOf(services, { identityToken });
    const [a, b] = [await signer.sign(PAYLOAD), await signer.sign(PAYLOAD)];
    assert.equal(tokens, 2);
    const [first, second] = [a, b].map(({ certificatePem }) => new X509Certificate(certificatePem));
    assert.notDeepEqual(
      first?.publicKey.export({ format: "jwk" }),
      second?.publicKey.export({ format: "jwk" }),
    );
  }));

test("a signature with a key is recorded, and recorded once", () =>
  withServices({}, async (services) => {
    const signer = await createKeySigner(mintKey());
    const log = createRekorClient({ url: services.rekorUrl, publicKey: authorities.logPublicKeyPem });
    const signatureBase64 = Buffer.from(await signer.sign(PAYLOAD)).toString("base64");
    const entry = { payload: PAYLOAD, signatureBase64, keyOrCertificatePem: signer.publicKey };
    const first = await log.record(entry, {});
    assert.equal(await log.record(entry, {}), first);
    assert.deepEqual(
      services.requests.rekor.map(({ method }) => method),
      ["POST", "POST", "GET"],
    );
    const { annotations } = await signPayload(PAYLOAD, signer, { log });
    assert.ok(annotations.has("dev.sigstore.cosign/bundle"));
  }));

test("what the log answers must be what it was asked, and its promise must hold", async () => {
  const other = createAuthorities();
  const edit =
    (change: (body: { spec: { data: { hash: { value: string } } } }) => void) => (text: string) => {
      const body = JSON.parse(Buffer.from(text, "base64").toString());
      change(body);
      return Buffer.from(JSON.stringify(body)).toString("base64");
    };
  const otherHash = edit(({ spec }) => {
    spec.data.hash.value = "0".repeat(64);
  });
  const changes: Record<string, NonNullable<SigningServicesOptions["changeEntry"]>> = {
    "another entry": (entry) => ({ ...entry, body: otherHash(entry.body) }),
    "another time": (entry) => ({ ...entry, integratedTime: entry.integratedTime + 1 }),
    "another log": (entry) => ({ ...other.logEntry({}, entry.integratedTime), body: entry.body }),
  };
  for (const [name, changeEntry] of Object.entries(changes)) {
    await withServices({ changeEntry }, async (services) => {
      await assert.rejects(signerOf(services).sign(PAYLOAD), { code: "ERR_POLICY_SIGNER" }, name);
    });
  }
  // Without the log's key the entry alone can be compared.
  await withServices({ changeEntry: changes["another entry"] }, async (services) => {
    const signer = signerOf(services, { rekor: { publicKey: undefined } });
    await assert.rejects(signer.sign(PAYLOAD), { code: "ERR_POLICY_SIGNER" });
  });
  await withServices({ changeEntry: changes["another time"] }, async (services) => {
    await signerOf(services, { rekor: { publicKey: undefined } }).sign(PAYLOAD);
  });
});

test("a certificate for another key, or none at all, signs and logs nothing", async () => {
  const foreign = mintCertificate({ subject: "x", notBefore: Date.now(), notAfter: Date.now() + 1000 });
  const { chainPem } = authorities.issue(EMAIL);
  const cases: [SigningServicesOptions["changeChain"], code: string][] = [
    [() => [foreign.pem], "ERR_POLICY_SIGNER"],
    [() => [], "ERR_POLICY_SIGNING_SERVICE"],
    [() => ["no certificate"], "ERR_POLICY_SIGNING_SERVICE"],
    [([leaf = ""]) => [leaf + chainPem], "ERR_POLICY_SIGNING_SERVICE"],
    [([leaf = ""]) => [leaf, "junk"], "ERR_POLICY_SIGNING_SERVICE"],
    [([leaf = ""]) => Array.from({ length: 11 }, () => leaf), "ERR_POLICY_SIGNING_SERVICE"],
  ];
  for (const [changeChain, code] of cases) {
    await withServices({ changeChain }, async (services) => {
      await assert.rejects(signerOf(services).sign(PAYLOAD), { code });
      assert.equal(services.requests.rekor.length, 0);
    });
  }
});

test("a token that cannot be used is refused without being named", () =>
  withServices({}, async (services) => {
    const token = services.identityProvider.token;
    const unusable = [
      "",
      "s3cret",
      "s3cret.s3cret.s3cret",
      `e30.${Buffer.from('["s3cret"]').toString("base64url")}.e30`,
      `e30.${Buffer.from('{"sub":"s3cret","sub":"b"}').toString("base64url")}.e30`,
      `${token(EMAIL)}.s3cret`,
      token(EMAIL, { email_verified: false }),
      token(EMAIL, { email_verified: undefined }),
      token(EMAIL, { email: 7 }),
      token(EMAIL, { email: undefined, sub: "" }),
      "a".repeat(70_000),
    ];
    for (const identityToken of unusable) {
      const error: Error = await signerOf(services, { identityToken })
        .sign(PAYLOAD)
        .then(
          () => assert.fail("it must not sign"),
          (reason) => reason,
        );
      assert.equal((error as { code?: string }).code, "ERR_POLICY_SIGNER");
      assert.doesNotMatch(`${error.stack} ${String(error.cause)}`, /s3cret/);
    }
    assert.equal(services.requests.fulcio.length, 0);
  }));

test("the subject stands for those without an address", () =>
  withServices({}, async (services) => {
    const sub = "https://ci.example/workflow@refs/heads/main";
    const identityToken = services.identityProvider.token("", { email: undefined, sub });
    const { certificatePem } = await signerOf(services, { identityToken }).sign(PAYLOAD);
    assert.match(new X509Certificate(certificatePem).subjectAltName ?? "", /ci\.example/);
  }));

test("a token of another provider, or one that ended, gets the authority's refusal", async () => {
  const provider = (await import("../../src/testing/signing/identity-provider.ts")).createIdentityProvider;
  await withServices({}, async (services) => {
    for (const identityToken of [
      provider().token(EMAIL),
      services.identityProvider.token(EMAIL, { exp: 1 }),
      services.identityProvider.token(EMAIL, { aud: "else" }),
    ]) {
      await assert.rejects(signerOf(services, { identityToken }).sign(PAYLOAD), (error: Error) => {
        assert.equal((error as { code?: string }).code, "ERR_POLICY_SIGNING_SERVICE");
        assert.match(error.message, /status 401: "There was an error processing the identity token"$/);
        assert.ok(!error.message.includes(identityToken));
        return true;
      });
    }
  });
});

test("garbage, refusals, redirects and long answers are failures of the service", async () => {
  const replies: Record<string, { status: number; headers?: Record<string, string>; body?: unknown }> = {
    "no JSON": { status: 200, body: "<html>" },
    "another JSON": { status: 200, body: "[]" },
    null: { status: 200, body: "null" },
    "a refusal": { status: 403, body: { message: "no" } },
    "a redirect": { status: 307, headers: { Location: "http://127.0.0.1:1/" } },
    "2 MiB": { status: 200, body: `{"a":"${"x".repeat(2 * 1024 * 1024)}"}` },
    "members twice": { status: 200, body: '{"a":1,"a":1}' },
    "deep nesting": { status: 200, body: "[".repeat(100_000) },
  };
  for (const [name, reply] of Object.entries(replies)) {
    for (const which of ["interceptFulcio", "interceptRekor"] as const) {
      const rekorReply =
        reply.status === 200 && which === "interceptRekor" ? { ...reply, status: 201 } : reply;
      await withServices({ [which]: () => rekorReply }, async (services) => {
        const failure = { code: "ERR_POLICY_SIGNING_SERVICE" };
        await assert.rejects(signerOf(services).sign(PAYLOAD), failure, `${which}: ${name}`);
      });
    }
  }
});

test("an entry that is there already must be named by the log, at its own address", async () => {
  for (const location of [undefined, "", "/api/v1/log/entries/x", "http://evil.example/?"]) {
    const headers: Record<string, string> = location === undefined ? {} : { Location: location };
    const interceptRekor = () => ({ status: 409, headers });
    await withServices({ interceptRekor }, async (services) => {
      await assert.rejects(signerOf(services).sign(PAYLOAD), { code: "ERR_POLICY_SIGNING_SERVICE" });
      assert.equal(services.requests.rekor.length, 1);
    });
  }
  const away = `http://evil.example/api/v1/log/entries/${"0".repeat(64)}`;
  let asked = 0;
  const interceptRekor = () => (asked++ === 0 ? { status: 409, headers: { Location: away } } : undefined);
  await withServices({ interceptRekor }, async (services) => {
    await assert.rejects(signerOf(services).sign(PAYLOAD), /status 404/);
    assert.equal(services.requests.rekor[1]?.url, `/api/v1/log/entries/${"0".repeat(64)}`);
  });
});

test("what may pass is tried again, as often as is said", async () => {
  let failures = 0;
  const interceptFulcio = () => (failures++ < 2 ? { status: 503 } : undefined);
  await withServices({ interceptFulcio }, async (services) => {
    await signerOf(services, { fulcio: { retries: 2 } }).sign(PAYLOAD);
    assert.equal(services.requests.fulcio.length, 3);
  });
  failures = 0;
  await withServices({ interceptFulcio }, async (services) => {
    await assert.rejects(signerOf(services, { fulcio: { retries: 1 } }).sign(PAYLOAD), /status 503/);
    assert.equal(services.requests.fulcio.length, 2);
  });
  await withServices({ interceptFulcio: () => ({ status: 400 }) }, async (services) => {
    await assert.rejects(signerOf(services, { fulcio: { retries: 5 } }).sign(PAYLOAD), /status 400/);
    assert.equal(services.requests.fulcio.length, 1);
  });
});

test("requests are made by the fetch that is given", () =>
  withServices({}, async (services) => {
    const seen: string[] = [];
    const counting: typeof fetch = (input, init) => {
      seen.push(String(input));
      return fetch(input, init);
    };
    await signerOf(services, { fulcio: { fetch: counting }, rekor: { fetch: counting } }).sign(PAYLOAD);
    assert.deepEqual(seen, [
      `${services.fulcioUrl}/api/v2/signingCert`,
      `${services.rekorUrl}/api/v1/log/entries`,
    ]);
  }));

test("tokens go over HTTPS, or stay on this machine", () => {
  for (const url of [
    "https://fulcio.example/x/",
    "http://127.0.0.1:1",
    "http://[::1]:1",
    "http://localhost",
  ]) {
    createFulcioClient({ url });
  }
  for (const url of [
    "http://fulcio.example",
    "http://127.0.0.1.example",
    "http://localhost.example",
    "http://10.0.0.1",
    "https://user:password@fulcio.example",
    "ftp://127.0.0.1",
    "nowhere",
  ]) {
    assert.throws(() => createFulcioClient({ url }), TypeError, url);
    assert.throws(() => createRekorClient({ url }), TypeError, url);
  }
  for (const retries of [-1, 1.5, 11]) {
    assert.throws(() => createFulcioClient({ url: "https://fulcio.example", retries }), RangeError);
  }
});

test("a service that is not there is a failure", async () => {
  const services = await startSigningServices(authorities);
  await services.close();
  await assert.rejects(signerOf(services).sign(PAYLOAD), { code: "ERR_POLICY_SIGNING_SERVICE" });
});

test("an abort ends each wait with the caller's reason", async () => {
  const reason = new Error("enough");
  const is = (error: unknown) => error === reason;
  const never = () => new Promise<undefined>(() => {});
  for (const options of [{ interceptFulcio: never }, { interceptRekor: never }]) {
    await withServices(options, async (services) => {
      const controller = new AbortController();
      const pending = signerOf(services).sign(PAYLOAD, { signal: controller.signal });
      setTimeout(() => controller.abort(reason), 50);
      await assert.rejects(pending, is);
    });
  }
  await withServices({ interceptFulcio: () => ({ status: 503 }) }, async (services) => {
    const controller = new AbortController();
    const signer = signerOf(services, { fulcio: { retries: 10 } });
    const pending = signer.sign(PAYLOAD, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 50);
    await assert.rejects(pending, is);
  });
  await withServices({}, async (services) => {
    const waiting = signerOf(services, { identityToken: { getToken: () => new Promise<string>(() => {}) } });
    const controller = new AbortController();
    const pending = waiting.sign(PAYLOAD, { signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(pending, is);
    await assert.rejects(signerOf(services).sign(PAYLOAD, { signal: AbortSignal.abort(reason) }), is);
    assert.equal(services.requests.fulcio.length, 0);
  });
});

test("certificates carry the timestamp of a certificate log where there is one", async () => {
  const certificateLog = createCertificateLog();
  const hasTimestamp = async (options: SigningServicesOptions): Promise<boolean> => {
    let found = false;
    await withServices(options, async (services) => {
      const store = memoryStore();
      await pushImage(store, "1");
      const { signed } = await signImage(store, `${NAME}:1`, signerOf(services));
      assert.equal(await verdictOf(store), "allowed");
      const pem = signed[0]?.signature.annotations.get("dev.sigstore.cosign/certificate") ?? "";
      // The log's identifier stands in the timestamp.
      found = new X509Certificate(pem).raw.includes(certificateLog.keyId);
    });
    return found;
  };
  assert.equal(await hasTimestamp({ certificateLog }), true);
  assert.equal(await hasTimestamp({}), false);
});

test("sigstore's own client works with the services too", async () => {
  const services = await startSigningServices(authorities);
  try {
    const identityProvider = { getToken: async () => services.identityProvider.token(EMAIL) };
    const builder = new MessageSignatureBundleBuilder({
      signer: new FulcioSigner({ fulcioBaseURL: services.fulcioUrl, identityProvider }),
      witnesses: [new RekorWitness({ rekorBaseURL: services.rekorUrl })],
    });
    const { verificationMaterial } = await builder.create({ data: PAYLOAD });
    const [entry] = verificationMaterial.tlogEntries;
    assert.ok(entry?.inclusionPromise);
    assert.equal(entry.kindVersion.kind, "hashedrekord");
  } finally {
    await services.close();
  }
});
