/** The webhook of the example as a process with TLS, with images in docker-registry. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { AdmissionResponse } from "../../src/admission/index.ts";
import { createRegistry, packImage, pushImage, type Registry } from "../../src/oci/index.ts";
import {
  attachSignatures,
  mintKey,
  publicKeyPem,
  signImage,
  startRegistry,
} from "../../src/testing/index.ts";
import { KINDS, podSpec, review } from "../unit/admission/samples.ts";
import { needs } from "./parts.ts";
import { type DockerRegistry, startDockerRegistry, whyNoDockerRegistry } from "./registry.ts";
import { minted, type RunningWebhook, startWebhook, type WebhookFolder, webhookFolder } from "./webhook.ts";

const options = { ...needs(whyNoDockerRegistry()), timeout: 120_000 };
const key = mintKey();
const ANY = { default: [{ type: "insecureAcceptAnything" }] };
const REJECT = { default: [{ type: "reject" }] };

let registry: DockerRegistry;
let client: Registry;
let folder: WebhookFolder;
let webhook: RunningWebhook;
let signed = "";
let unsigned = "";
let digest = "";

/** A policy with keys in a file, which must be there. */
const byFile = (path: string): object => ({ default: [{ type: "sigstoreSigned", keyPath: path }] });

async function push(name: string, isSigned: boolean): Promise<string> {
  const repository = client.repository(name);
  const image = packImage({
    platform: { os: "linux", architecture: "amd64" },
    layers: [],
    config: { Labels: { name } },
  });
  const pushed = await pushImage(repository, image, "1");
  if (isSigned) {
    const signature = signImage({ reference: `${name}:1`, digest: pushed.digest, signer: key });
    await attachSignatures(repository, pushed.digest, [signature]);
  }
  return pushed.digest;
}

before(async () => {
  if (options.skip !== false) return;
  registry = await startDockerRegistry();
  client = createRegistry();
  signed = `${registry.host}/team/signed:1`;
  unsigned = `${registry.host}/team/unsigned:1`;
  digest = await push(`${registry.host}/team/signed`, true);
  await push(`${registry.host}/team/unsigned`, false);
  folder = await webhookFolder();
  await writeFile(join(folder.path, "cosign.pub"), publicKeyPem(key));
  await folder.putTls();
  await folder.putPolicy(byFile(join(folder.path, "cosign.pub")));
  await folder.putPolicy(ANY, "sandbox");
  await folder.putPolicy(REJECT, "locked");
  webhook = await startWebhook(folder, ["--warn-namespace", "trial"]);
});

after(async () => {
  await webhook?.stop();
  await folder?.remove();
  await client?.close();
  await registry?.stop();
});

const patchOf = ({ patch = "" }: AdmissionResponse): { path: string; value: string }[] =>
  JSON.parse(Buffer.from(patch, "base64").toString("utf8")) as { path: string; value: string }[];

describe("images in a registry", options, () => {
  for (const { kind } of KINDS) {
    test(`${kind}: the signed image is allowed and pinned, the unsigned one refused`, async () => {
      const allowed = await webhook.review(review({ kind, spec: podSpec(signed) }), {
        path: "/mutate?timeout=10s",
      });
      assert.equal(allowed.allowed, true, allowed.status?.message);
      assert.deepEqual(
        patchOf(allowed).map(({ value }) => value),
        [`${registry.host}/team/signed@${digest}`],
      );
      const validated = await webhook.review(review({ kind, spec: podSpec(signed) }));
      assert.deepEqual([validated.allowed, validated.patch], [true, undefined]);
      const refused = await webhook.review(review({ kind, spec: podSpec(signed, unsigned) }));
      assert.equal(refused.allowed, false);
      assert.match(
        refused.status?.message ?? "",
        /unsigned:1 \(.*containers\[1\]\.image\) refused: SignatureValidationFailed: Source image rejected: A signature was required, but no signature exists$/,
      );
    });
  }

  test("ephemeral containers", async () => {
    const spec = { ...podSpec(signed), ephemeralContainers: [{ name: "debug", image: unsigned }] };
    const sample = { operation: "UPDATE", subResource: "ephemeralcontainers", oldSpec: podSpec(signed) };
    assert.equal((await webhook.review(review({ ...sample, spec }))).allowed, false);
    const good = { ...podSpec(signed), ephemeralContainers: [{ name: "debug", image: signed }] };
    assert.equal((await webhook.review(review({ ...sample, spec: good }))).allowed, true);
  });

  test("an update of an image that is there already asks for nothing", async () => {
    const sample = review({ operation: "UPDATE", spec: podSpec(unsigned), oldSpec: podSpec(unsigned) });
    assert.equal((await webhook.review(sample)).allowed, true);
  });

  test("each namespace has its policy, and its mode", async () => {
    const answers = async (image: string) => {
      const of = async (namespace: string) => webhook.review(review({ spec: podSpec(image), namespace }));
      return {
        sandbox: await of("sandbox"),
        locked: await of("locked"),
        trial: await of("trial"),
        team: await of("team"),
      };
    };
    const { sandbox, locked, trial, team } = await answers(unsigned);
    assert.deepEqual(
      [sandbox.allowed, locked.allowed, trial.allowed, team.allowed],
      [true, false, true, false],
    );
    assert.equal(trial.warnings?.length, 1);
    const good = await answers(signed);
    assert.deepEqual(
      [good.sandbox.allowed, good.locked.allowed, good.trial.allowed, good.team.allowed],
      [true, false, true, true],
    );
    assert.equal(good.trial.warnings, undefined);
  });

  test("what is not there is refused, and not as forbidden", async () => {
    const response = await webhook.review(review({ spec: podSpec(`${registry.host}/team/nothing:1`) }));
    assert.equal(response.allowed, false);
    assert.equal(response.status?.code, 503);
    assert.match(response.status?.message ?? "", /ERR_POLICY_MANIFEST/);
  });
});

describe("calls that are none", options, () => {
  test("the status says why", async () => {
    const good = JSON.stringify(review({ spec: podSpec(signed) }));
    const cases: [status: number, body: string | Uint8Array, more?: Parameters<RunningWebhook["send"]>[1]][] =
      [
        [400, ""],
        [400, "{"],
        [400, "{}"],
        [400, good.replace("admission.k8s.io/v1", "admission.k8s.io/v1beta1")],
        [400, good.replace('"uid":', '"uid":"x","uid":')],
        [413, Buffer.alloc(7 * 1024 * 1024 + 1, 0x20)],
        [413, Buffer.alloc(8 * 1024 * 1024, 0x20), { headers: { "Transfer-Encoding": "chunked" } }],
        [404, good, { path: "/" }],
        [405, "", { method: "GET", path: "/validate" }],
        [415, good, { headers: { "Content-Type": "text/plain" } }],
      ];
    for (const [status, body, more] of cases) {
      const reply = await webhook.send(body, more).catch((error: NodeJS.ErrnoException) => error);
      // A body that is not read to its end may break before the answer is read.
      if (reply instanceof Error && status === 413) assert.match(reply.code ?? "", /EPIPE|ECONNRESET/);
      else assert.equal(reply instanceof Error ? reply : reply.status, status);
    }
    assert.equal((await webhook.send(good)).status, 200);
  });

  test("a client that goes away leaves nothing behind", async () => {
    const body = JSON.stringify(review({ spec: podSpec(signed) }));
    const gone = await webhook
      .send(body, { signal: AbortSignal.timeout(1) })
      .catch((error: Error) => error.name);
    assert.ok(gone === "AbortError" || typeof gone !== "string");
    assert.equal((await webhook.review(review({ spec: podSpec(signed) }))).allowed, true);
    const { text } = await webhook.get("/metrics");
    assert.match(text, /^lading_webhook_held_bytes 0$/m);
  });

  test("10,000 containers", async () => {
    const images = Array.from({ length: 10_000 }, (_, index) => (index === 9999 ? unsigned : signed));
    assert.equal((await webhook.review(review({ spec: podSpec(...images) }))).allowed, false);
    const response = await webhook.review(review({ spec: podSpec(...images.slice(1, -1)) }), {
      path: "/mutate",
    });
    assert.equal(patchOf(response).length, 9998);
  });

  test("metrics are text that Prometheus reads", async () => {
    const { status, text } = await webhook.get("/metrics");
    assert.equal(status, 200);
    for (const line of text.trimEnd().split("\n")) {
      assert.match(
        line,
        /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [-+.0-9eE]+)$/,
      );
    }
    assert.match(text, /^lading_webhook_reviews_total\{outcome="allowed",mode="enforce"\} [1-9]/m);
    assert.match(text, /^lading_webhook_cache_total\{kind="hit"\} [1-9]/m);
  });
});

describe("a registry that stalls", options, () => {
  test("is answered for inside the deadline of the URL", async (t) => {
    const slow = await startRegistry();
    t.after(() => slow.close());
    slow.misbehave({ never: true });
    const began = performance.now();
    const response = await webhook.review(review({ spec: podSpec(`${slow.host}/app:1`) }), {
      path: "/validate?timeout=1s",
    });
    const took = performance.now() - began;
    assert.equal(response.allowed, false);
    assert.equal(response.status?.code, 504);
    assert.ok(took < 1000, `${took}`);
  });
});

describe("files that change", options, () => {
  test("a certificate is replaced; half of one, or another's key, is not taken", async () => {
    const serial = async () => {
      const { Agent } = await import("node:https");
      return (await webhook.send("", { method: "GET", path: "/healthz", agent: new Agent() })).serial;
    };
    const first = await folder.putTls();
    await webhook.logged(/^the certificate was replaced$/);
    assert.equal(await serial(), new X509Certificate(first).serialNumber);
    const next = minted("webhook", folder.authority);
    const { keyPem } = await import("./webhook.ts");
    const halves = [
      { cert: next.pem.slice(0, 300), key: keyPem(next) },
      { cert: next.pem, key: keyPem(next).slice(0, 60) },
      { cert: next.pem, key: keyPem(minted("other")) },
      { cert: "", key: "" },
    ];
    for (const half of halves) {
      const before = webhook.log().length;
      await folder.writeTls(half);
      for (let tries = 0; tries < 200; tries++) {
        const refused = webhook
          .log()
          .slice(before)
          .some(({ message }) => /certificate cannot be used/.test(message));
        if (refused) break;
        assert.ok(tries < 199, "nothing was logged");
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.equal(await serial(), new X509Certificate(first).serialNumber);
    }
    await folder.putTls(next);
    for (let tries = 0; (await serial()) !== new X509Certificate(next.pem).serialNumber; tries++) {
      assert.ok(tries < 100);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  test("a policy that cannot be read leaves the old one in force, and says so", async () => {
    for (const wrong of ["{", '{"default":[]}', byFile(join(folder.path, "missing.pub"))]) {
      await folder.putPolicy(wrong);
      await folder.putPolicy(ANY, "locked");
      const before = webhook.log().length;
      for (let tries = 0; ; tries++) {
        const line = webhook
          .log()
          .slice(before)
          .find(({ message }) => /policies cannot be used/.test(message));
        if (line) break;
        assert.ok(tries < 200);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.match((await webhook.get("/metrics")).text, /^lading_webhook_stale 1$/m);
      assert.equal((await webhook.get("/readyz")).status, 200);
      assert.equal((await webhook.review(review({ spec: podSpec(unsigned) }))).allowed, false);
      assert.equal((await webhook.review(review({ spec: podSpec(signed) }))).allowed, true);
      // All or nothing: the namespace's own, which could be read, is not taken either.
      assert.equal(
        (await webhook.review(review({ spec: podSpec(signed), namespace: "locked" }))).allowed,
        false,
      );
    }
    await folder.putPolicy(ANY);
    for (let tries = 0; !(await webhook.review(review({ spec: podSpec(unsigned) }))).allowed; tries++) {
      assert.ok(tries < 100);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.match((await webhook.get("/metrics")).text, /^lading_webhook_stale 0$/m);
    await folder.putPolicy(byFile(join(folder.path, "cosign.pub")));
    for (let tries = 0; (await webhook.review(review({ spec: podSpec(unsigned) }))).allowed; tries++) {
      assert.ok(tries < 100);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
});

describe("a life", options, () => {
  test("without trust roots it is not ready and refuses; with them it is", async (t) => {
    const own = await webhookFolder();
    t.after(() => own.remove());
    await own.putTls();
    await own.putPolicy(byFile(join(own.path, "late.pub")));
    const process = await startWebhook(own);
    t.after(() => process.stop());
    assert.equal((await process.get("/healthz")).status, 200);
    assert.equal((await process.get("/readyz")).status, 503);
    const response = await process.review(review({ spec: podSpec(signed) }));
    assert.equal(response.allowed, false);
    assert.equal(response.status?.code, 503);
    await writeFile(join(own.path, "late.pub.new"), publicKeyPem(key));
    await rename(join(own.path, "late.pub.new"), join(own.path, "late.pub"));
    await process.logged(/^policies were read$/);
    assert.equal((await process.get("/readyz")).status, 200);
    assert.equal((await process.review(review({ spec: podSpec(signed) }))).allowed, true);
  });

  test("without a certificate it waits for one", async (t) => {
    const own = await webhookFolder();
    t.after(() => own.remove());
    await own.putPolicy(ANY);
    const process = await startWebhook(own, [], { listens: false });
    t.after(() => process.stop());
    await process.logged(/^there is no certificate yet$/);
    await own.putTls();
    await process.logged(/^listening$/);
    assert.equal((await process.get("/readyz")).status, 200);
  });

  test("callers without a certificate are let in to probes only, where one is asked for", async (t) => {
    const own = await webhookFolder();
    t.after(() => own.remove());
    await own.putTls();
    await own.putPolicy(ANY);
    const callers = minted("callers");
    await writeFile(join(own.path, "callers.pem"), callers.pem);
    const process = await startWebhook(own, ["--client-ca", join(own.path, "callers.pem")]);
    t.after(() => process.stop());
    const body = JSON.stringify(review({ spec: podSpec(signed) }));
    assert.equal((await process.get("/readyz")).status, 200);
    assert.equal((await process.send(body)).status, 401);
    const stranger = minted("apiserver", minted("strangers"));
    assert.equal((await process.send(body, { client: stranger })).status, 401);
    assert.equal((await process.send(body, { client: minted("apiserver", callers) })).status, 200);
  });

  test("SIGTERM: not ready at once, what is under way is answered, then it ends", async (t) => {
    const own = await webhookFolder();
    t.after(() => own.remove());
    await own.putTls();
    await own.putPolicy(byFile(join(folder.path, "cosign.pub")));
    const process = await startWebhook(own);
    t.after(() => process.stop());
    const slow = await startRegistry();
    t.after(() => slow.close());
    slow.misbehave({ delayMs: 800, status: 404 });
    const waiting = process.review(review({ spec: podSpec(`${slow.host}/app:1`) }));
    for (let tries = 0; slow.requests.length === 0; tries++) {
      assert.ok(tries < 200);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    process.signal("SIGTERM");
    await process.logged(/^leaving$/);
    assert.equal((await process.get("/readyz")).status, 503);
    const during = await process.send(JSON.stringify(review({ spec: podSpec(signed) })));
    assert.deepEqual([during.status, during.headers["connection"]], [200, "close"]);
    assert.equal((await waiting).allowed, false);
    for (let tries = 0; !process.ended(); tries++) {
      assert.ok(tries < 200, "it did not end");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await process.logged(/^left$/).catch((error: Error) => assert.match(error.message, /"left"/));
  });
});
