/** Two webhooks that share verdicts over a redis-server with TLS and a password; and somebody else who can write to it. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { createRegistry, packImage, pushImage, type Registry } from "../../src/oci/index.ts";
import {
  attachSignatures,
  mintKey,
  publicKeyPem,
  signImage,
  startRegistry,
  type TestRegistry,
} from "../../src/testing/index.ts";
import { podSpec, review } from "../unit/admission/samples.ts";
import { needs } from "./parts.ts";
import { type Daemon, freePort, startDaemon, waitFor, waitUntil, whyNoPrograms } from "./process.ts";
import {
  keyPem,
  minted,
  type RunningWebhook,
  startWebhook,
  type WebhookFolder,
  webhookFolder,
} from "./webhook.ts";

const options = { ...needs(whyNoPrograms("redis-server")), timeout: 60_000 };
const password = randomBytes(16).toString("hex");
const key = mintKey();
let folder: WebhookFolder;
let redis: Daemon | undefined;
let port = 0;
let server: TestRegistry;
let client: Registry;

before(async () => {
  if (options.skip !== false) return;
  folder = await webhookFolder();
  port = await freePort();
  const put = (name: string, content: string | Uint8Array) => writeFile(join(folder.path, name), content);
  const own = minted("redis", folder.authority);
  await put("redis.pem", own.pem);
  await put("redis.key", keyPem(own));
  await put("password", `${password}\n`);
  await put("secret", randomBytes(32));
  await put("other-secret", randomBytes(32));
  const hash = createHash("sha256").update(password).digest("hex");
  const lines = [
    "bind 127.0.0.1",
    "port 0",
    `tls-port ${port}`,
    "tls-auth-clients no",
    `tls-cert-file ${folder.path}/redis.pem`,
    `tls-key-file ${folder.path}/redis.key`,
    `tls-ca-cert-file ${folder.path}/ca.pem`,
    'save ""',
    "appendonly no",
    `dir ${folder.path}`,
    "user default off",
    // What the webhook needs on the keys of the verdicts, and nothing else; and somebody who can do more.
    `user lading on #${hash} ~verdicts::* +get +set +del +unlink +hello +auth +client +ping`,
    `user evil on #${hash} ~* +@all`,
  ];
  await put("redis.conf", lines.join("\n"));
  redis = startDaemon("redis-server", [join(folder.path, "redis.conf")], join(folder.path, "redis-log"));
  await waitFor(redis, () => ask("PING"));
  await folder.putTls();
  await put("cosign.pub", publicKeyPem(key));
  await folder.putPolicy({ default: [{ type: "sigstoreSigned", keyPath: join(folder.path, "cosign.pub") }] });
  server = await startRegistry();
  client = createRegistry();
});

after(async () => {
  await redis?.stop();
  await client?.close();
  await server?.close();
  await folder?.remove();
});

/** Answers to inline commands of the one who can do everything. */
function ask(...commands: string[]): Promise<string> {
  return new Promise((done, fail) => {
    let answer = "";
    const all = [`AUTH evil ${password}`, ...commands];
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      socket.end(all.map((command) => `${command}\r\n`).join(""));
    });
    socket.setEncoding("utf8").on("data", (text: string) => {
      answer += text;
    });
    socket.on("error", fail).on("close", () => done(answer));
  });
}

async function push(name: string, isSigned: boolean): Promise<string> {
  const reference = `${server.host}/team/${name}:1`;
  const repository = client.repository(`${server.host}/team/${name}`);
  const image = packImage({
    platform: { os: "linux", architecture: "amd64" },
    layers: [],
    config: { Labels: { name } },
  });
  const { digest } = await pushImage(repository, image, "1");
  if (isSigned) await attachSignatures(repository, digest, [signImage({ reference, digest, signer: key })]);
  return `${server.host}/team/${name}@${digest}`;
}

function start(more: readonly string[] = []): Promise<RunningWebhook> {
  const file = (name: string) => join(folder.path, name);
  const url = `rediss://lading@localhost:${port}`;
  const flags = ["--redis", url, "--redis-password-file", file("password"), "--redis-ca", file("ca.pem")];
  return startWebhook(folder, [...flags, ...(more.length > 0 ? more : ["--cache-secret", file("secret")])]);
}

async function allows(
  webhook: RunningWebhook,
  image: string,
): Promise<{ allowed: boolean; requests: number }> {
  const from = server.requests.length;
  const { allowed } = await webhook.review(review({ spec: podSpec(image) }));
  return { allowed, requests: server.requests.length - from };
}

const keys = async (): Promise<string[]> =>
  [...(await ask("KEYS *")).matchAll(/verdicts::[^\r\n]+/g)].map(([each]) => each);

/** The keys that are new, once no more come: they are written behind the answer to a review. */
function keysBeside(known: readonly string[]): Promise<string[]> {
  const look = async () => (await keys()).filter((each) => !known.includes(each)).sort();
  return waitFor(redis as Daemon, async () => {
    const found = await look();
    assert.ok(found.length > 0, "nothing was kept");
    await sleep(100);
    assert.deepEqual(await look(), found);
    return found;
  });
}

test("what one replica decided, another one need not decide anew", options, async (t) => {
  const image = await push("shared", true);
  const first = await start();
  t.after(() => first.stop());
  const decided = await allows(first, image);
  assert.equal(decided.allowed, true);
  assert.ok(decided.requests > 0);
  await keysBeside([]);
  const second = await start();
  t.after(() => second.stop());
  assert.deepEqual(await allows(second, image), { allowed: true, requests: 0 });
  assert.match((await second.get("/metrics")).text, /^lading_webhook_cache_total\{kind="hit"\} 1$/m);
});

test("an entry that somebody else wrote is refused, told, and decided anew", options, async (t) => {
  await ask("FLUSHALL");
  const good = await push("good", true);
  const bad = await push("bad", false);
  const first = await start();
  t.after(() => first.stop());
  assert.equal((await allows(first, bad)).allowed, false);
  const badKeys = await keysBeside([]);
  assert.equal((await allows(first, good)).allowed, true);
  const [goodKey = ""] = await keysBeside(badKeys);
  const sealed = /\r\n\$[0-9]+\r\n(.*)\r\n$/s.exec(await ask(`GET ${goodKey}`))?.[1] ?? "";
  assert.notEqual(sealed, "");
  // The good image's own entry, and one made up, in the place of the refusal.
  for (const entry of [sealed, JSON.stringify({ value: `${"A".repeat(43)}.{"kind":"verdict"}` })]) {
    for (const each of badKeys) {
      const quoted = JSON.stringify(entry);
      assert.match(await ask(`SET ${each} ${quoted}`), /\+OK\r\n\+OK\r\n$/);
    }
    const fresh = await start();
    t.after(() => fresh.stop());
    const { allowed, requests } = await allows(fresh, bad);
    assert.equal(allowed, false);
    assert.ok(requests > 0);
    await fresh.logged(/^an entry of the shared cache was forged/);
    assert.match((await fresh.get("/metrics")).text, /^lading_webhook_cache_total\{kind="refused"\} [1-9]/m);
  }
});

test("a replica with another secret believes nothing of the others", options, async (t) => {
  const image = await push("secret", true);
  const first = await start();
  t.after(() => first.stop());
  assert.equal((await allows(first, image)).allowed, true);
  const other = await start(["--cache-secret", join(folder.path, "other-secret")]);
  t.after(() => other.stop());
  const { allowed, requests } = await allows(other, image);
  assert.equal(allowed, true);
  assert.ok(requests > 0);
});

test("without the store decisions take longer, and are the same", options, async (t) => {
  const good = await push("alone", true);
  const bad = await push("alone-bad", false);
  const webhook = await start();
  t.after(() => webhook.stop());
  await redis?.stop();
  assert.equal((await allows(webhook, good)).allowed, true);
  assert.equal((await allows(webhook, bad)).allowed, false);
  await waitUntil(() => assert.ok(webhook.log().some(({ message }) => /shared cache failed/.test(message))));
});

test("no TLS, no password or no secret: it does not start", options, async (t) => {
  const file = (name: string) => join(folder.path, name);
  for (const flags of [
    ["--redis", `redis://lading:${password}@localhost:${port}`, "--cache-secret", file("secret")],
    ["--redis", `rediss://localhost:${port}`, "--cache-secret", file("secret")],
    ["--redis", `rediss://lading:${password}@localhost:${port}`],
  ]) {
    const webhook = await startWebhook(folder, flags, { listens: false });
    t.after(() => webhook.stop());
    await waitUntil(() => assert.ok(webhook.ended()), 15_000);
  }
});
