/** Verdicts on images in a registry that is reached over HTTP. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { PolicyError } from "../../src/policy/errors.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import { sigstoreAttachments } from "../../src/policy/sources/attachments.ts";
import { createVerifier, type VerifyOptions } from "../../src/policy/verifier.ts";
import { createAuthorities, DEFAULT_OIDC_ISSUER } from "../../src/testing/authorities.ts";
import type { StartRegistryOptions } from "../../src/testing/registry.ts";
import type { RegistryReply, RegistryRequest } from "../../src/testing/registry-reply.ts";
import { attachSignatures, signImage } from "../../src/testing/signatures.ts";
import { base64 } from "../unit/policy/decide.ts";
import { pushImage } from "../unit/policy/images.ts";
import { pairFor } from "./registry-setup.ts";

const EMAIL = "dev@example.com";
const authorities = createAuthorities();

/** A registry with a signed image, and what answers requests once `intercept.reply` is set. */
async function setUp(t: TestContext, options: StartRegistryOptions = {}) {
  const intercept: { reply?: (request: RegistryRequest) => RegistryReply | undefined } = {};
  const { server, registry, repository } = await pairFor(t, {
    allowMissing: true,
    intercept: (request) => intercept.reply?.(request),
    ...options,
  });
  const name = `${server.host}/a/b`;
  const { digest } = await pushImage(repository, "v1");
  const signer = authorities.issue(EMAIL);
  await attachSignatures(repository, digest, [signImage({ reference: name, digest, signer, authorities })]);
  const policy = JSON.stringify({
    default: [{ type: "reject" }],
    transports: {
      docker: {
        [server.host]: [
          {
            type: "sigstoreSigned",
            fulcio: {
              caData: base64(authorities.rootPem),
              oidcIssuer: DEFAULT_OIDC_ISSUER,
              subjectEmail: EMAIL,
            },
            rekorPublicKeyData: base64(authorities.logPublicKeyPem),
            signedIdentity: { type: "matchRepository" },
          },
        ],
      },
    },
  });
  const verifier = createVerifier(parsePolicy(policy), {
    source: registry,
    signatureSources: [sigstoreAttachments()],
    cache: false,
  });
  const evaluate = (options?: VerifyOptions) => verifier.evaluate(`${name}:v1`, options);
  return { server, intercept, digest, evaluate };
}

test("a signed image is allowed, with one look at its tag", async (t) => {
  const { server, digest, evaluate } = await setUp(t);
  const before = server.requests.length;
  const verdict = await evaluate();
  assert.equal(verdict.kind, "allowed");
  assert.equal(verdict.digest, digest);
  const looks = server.requests.slice(before).filter(({ url }) => url.endsWith("/manifests/v1"));
  assert.ok(looks.length > 0);
  assert.equal(new Set(looks.map(({ method }) => method)).size, looks.length, "no request is made twice");
});

test("a registry that fails at any request gives no verdict", async (t) => {
  const { server, intercept, evaluate } = await setUp(t);
  const before = server.requests.length;
  await evaluate();
  const count = server.requests.length - before;
  assert.equal(count, 3, "manifest, manifest of signatures, payload");
  const failures: RegistryReply[] = [
    { status: 500, body: "no" },
    { status: 403, body: '{"errors":[{"code":"DENIED"}]}' },
    { status: 404, body: '{"errors":[{"code":"NAME_UNKNOWN"}]}' },
    { status: 200, headers: { "content-type": "text/html" }, body: "<html>" },
  ];
  for (const failure of failures) {
    for (let at = 0; at < count; at++) {
      let seen = 0;
      // From that request on, so that no second try succeeds.
      intercept.reply = () => (seen++ >= at ? failure : undefined);
      await assert.rejects(evaluate(), (error) => {
        assert.ok(error instanceof PolicyError, String(error));
        assert.ok(["ERR_POLICY_MANIFEST", "ERR_POLICY_SIGNATURES"].includes(error.code), error.code);
        assert.equal(error.errorClass, "other");
        return true;
      });
    }
  }
});

test("a registry that has no signatures says so in ways that mean unsigned", async (t) => {
  const { intercept, evaluate } = await setUp(t);
  const answers: RegistryReply[] = [
    { status: 404, body: '{"errors":[{"code":"MANIFEST_UNKNOWN"}]}' },
    { status: 404 },
    { status: 404, body: "<html>" },
  ];
  for (const answer of answers) {
    intercept.reply = ({ path }) => (path.endsWith(".sig") ? answer : undefined);
    const verdict = await evaluate();
    assert.equal(
      verdict.kind === "rejected" && verdict.reason,
      "A signature was required, but no signature exists",
    );
  }
});

test("a manifest that is swapped on the way gives no verdict", async (t) => {
  let isSwapped = false;
  const { evaluate } = await setUp(t, {
    alter: ({ method, path }, reply) =>
      isSwapped && method === "GET" && path.includes("/manifests/")
        ? { ...reply, body: '{"schemaVersion":2}' }
        : reply,
  });
  assert.equal((await evaluate()).kind, "allowed");
  isSwapped = true;
  await assert.rejects(
    evaluate(),
    (error) => error instanceof PolicyError && error.code === "ERR_POLICY_MANIFEST",
  );
});

test("an abort while the registry is silent", async (t) => {
  const { intercept, evaluate } = await setUp(t);
  const reason = new Error("enough");
  const controller = new AbortController();
  intercept.reply = ({ path }) => {
    if (!path.endsWith(".sig")) return undefined;
    setTimeout(() => controller.abort(reason), 5);
    return new Promise<never>(() => {}) as unknown as RegistryReply;
  };
  await assert.rejects(evaluate({ signal: controller.signal }), (error) => error === reason);
});
