/** Verdicts shared through a Redis that asks for TLS and a password, as the example does it. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { connect } from "node:tls";
import { type MintedCertificate, mintCertificate } from "../../src/testing/certificates.ts";
import { needs } from "./parts.ts";
import { type Daemon, freePort, runProgram, startDaemon, waitFor, whyNoPrograms } from "./process.ts";

const EXAMPLE = resolve(import.meta.dirname, "../../examples/policy/shared-cache.ts");
const options = needs(whyNoPrograms("redis-server"));
const password = randomBytes(16).toString("hex");
let folder = "";
let port = 0;
let daemon: Daemon | undefined;

function minted(subject: string, change: { issuer?: MintedCertificate } = {}): MintedCertificate {
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 };
  const isCa = change.issuer === undefined;
  return mintCertificate({
    subject,
    isCa,
    ...(isCa ? {} : { hosts: ["localhost"] }),
    ...validity,
    ...change,
  });
}

before(async () => {
  if (options.skip !== false) return;
  folder = await mkdtemp(join(tmpdir(), "lading-redis-"));
  port = await freePort();
  const authority = minted("authority");
  const server = minted("server", { issuer: authority });
  const file = async (name: string, content: string) => writeFile(join(folder, name), content);
  await file("ca.pem", authority.pem);
  await file("other.pem", minted("other").pem);
  await file("server.pem", server.pem);
  await file("server.key", server.key.export({ format: "pem", type: "pkcs8" }).toString());
  const hash = createHash("sha256").update(password).digest("hex");
  await file(
    "redis.conf",
    [
      "bind 127.0.0.1",
      "port 0",
      `tls-port ${port}`,
      "tls-auth-clients no",
      ...["cert-file server.pem", "key-file server.key", "ca-cert-file ca.pem"].map((line) =>
        `tls-${line}`.replace(/ /, ` ${folder}/`),
      ),
      'save ""',
      "appendonly no",
      `dir ${folder}`,
      "user default off",
      // What keyv needs on the keys of the verdicts, and nothing else.
      `user lading on #${hash} ~verdicts::* +get +set +del +unlink +hello +auth +client +ping`,
    ].join("\n"),
  );
  daemon = startDaemon("redis-server", [join(folder, "redis.conf")], join(folder, "log"));
  await waitFor(daemon, () => ask("PING"));
});

after(async () => {
  await daemon?.stop();
  if (folder !== "") await rm(folder, { recursive: true, force: true });
});

/** The answer to one inline command on a connection of its own. */
function ask(...commands: string[]): Promise<string> {
  return new Promise((done, fail) => {
    let answer = "";
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      socket.write(commands.map((command) => `${command}\r\n`).join(""));
    });
    socket.setEncoding("utf8").on("data", (text: string) => {
      answer += text;
      if (answer.split("\r\n").length > commands.length) socket.end();
    });
    socket.on("error", fail).on("close", () => done(answer));
  });
}

function runExample(redis: string, ca = "ca.pem"): ReturnType<typeof runProgram> {
  const flags = ["--conditions=lading-source", EXAMPLE, "--redis", redis, "--ca", join(folder, ca)];
  return runProgram(process.execPath, flags);
}

test("Redis over TLS with a password: shared, and forgery is refused", options, async () => {
  const { exitCode, stdout, stderr } = await runExample(`rediss://lading:${password}@localhost:${port}`);
  assert.equal(exitCode, 0, stderr);
  assert.match(
    stdout,
    /^first: miss\nfirst: allowed, requests: [1-9].*\nsecond: hit\nsecond: allowed, requests: 0\nthird: refused \w+ \(mac\)\nthird: miss\nthird: allowed, requests: [1-9]/,
  );
  assert.match(await ask("PING"), /^-NOAUTH/);
  assert.match(await ask(`AUTH lading ${password}`, "GET other"), /^\+OK\r\n-NOPERM/);
});

test("a wrong password, another authority, no TLS or no password: nothing is shared", options, async () => {
  const refused = [
    await runExample(`rediss://lading:wrong@localhost:${port}`),
    await runExample(`rediss://lading:${password}@localhost:${port}`, "other.pem"),
    await runExample(`redis://lading:${password}@localhost:${port}`),
    await runExample(`rediss://localhost:${port}`),
  ];
  for (const { exitCode, stdout } of refused) {
    assert.notEqual(exitCode, 0);
    assert.doesNotMatch(stdout, /hit/);
  }
});
