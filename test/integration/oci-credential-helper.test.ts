/** Credential helpers as programs: small scripts, run as lading runs those of the machine. */
import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  credentialHelperPrograms,
  eraseFromHelper,
  getFromHelper,
  listHelper,
  loadCredentials,
  storeInHelper,
} from "../../src/oci/credentials/index.ts";
import { OciError } from "../../src/oci/errors.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const CANARY = "canary-secret";
const failure = { code: "ERR_OCI_CREDENTIAL_HELPER" };
let folder = "";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "lading-helpers-"));
});
after(() => rm(folder, { recursive: true, force: true }));

/** Puts a helper on the search path: a script with the working folder in `$DIR`. */
async function install(name: string, script: string): Promise<void> {
  const path = join(folder, `docker-credential-${name}`);
  await writeFile(path, `#!/bin/sh\nDIR='${folder}'\n${script}\n`);
  await chmod(path, 0o755);
}

const options = (limits: { timeoutMs?: number; maxOutputBytes?: number } = {}) => ({
  run: credentialHelperPrograms({ env: { PATH: `${folder}:/usr/bin:/bin`, MARK: "mark" }, ...limits }),
});

test("a helper that keeps what it is given", async () => {
  await install(
    "keep",
    `case "$1" in
      get) read -r server || :; [ -f "$DIR/kept" ] || { echo "credentials not found in native keychain"; exit 1; }; cat "$DIR/kept";;
      store) cat > "$DIR/kept";;
      erase) [ -f "$DIR/kept" ] || { echo "credentials not found in native keychain"; exit 1; }; rm "$DIR/kept";;
      list) echo '{"r.example":"u"}';;
    esac`,
  );
  const before = countResources();
  const credentials = { kind: "password", username: "u", password: `${CANARY}\n"ü` } as const;
  assert.equal(await getFromHelper("keep", "r.example", options()), undefined);
  await storeInHelper("keep", "r.example", credentials, options());
  assert.deepEqual(await getFromHelper("keep", "r.example", options()), credentials);
  assert.deepEqual([...(await listHelper("keep", options()))], [["r.example", "u"]]);
  assert.equal(await eraseFromHelper("keep", "r.example", options()), true);
  assert.equal(await eraseFromHelper("keep", "r.example", options()), false);
  await assertNothingLeft(before);
});

test("a helper gets its action, its server on stdin and the environment, and no shell sees any of it", async () => {
  await install("echo", `input=$(cat); printf '{"Username":"%s","Secret":"%s"}' "$#:$1:$MARK" "$input"`);
  assert.deepEqual(await getFromHelper("echo", "r.example;touch $(id)", options()), {
    kind: "password",
    username: "1:get:mark",
    password: "r.example;touch $(id)",
  });
});

test("a helper may end without reading", async () => {
  await install("deaf", `exec 0<&-; echo '{"Username":"u","Secret":"s"}'`);
  const server = `${"x".repeat(1024 * 1024)}.example`;
  assert.equal((await getFromHelper("deaf", server, options()))?.kind, "password");
});

test("a failure says how the helper ended, and nothing that it wrote", async () => {
  await install("fail", `echo '${CANARY}'; echo '${CANARY}' >&2; exit 3`);
  await install("killed", `kill -9 $$`);
  await assert.rejects(getFromHelper("fail", "r.example", options()), (error) => {
    assert.ok(error instanceof OciError);
    assert.equal(error.code, failure.code);
    assert.match(error.message, /exit code 3/);
    assert.ok(!`${error.message}${error.stack}${error.cause}`.includes(CANARY));
    return true;
  });
  await assert.rejects(getFromHelper("killed", "r.example", options()), { ...failure, message: /signal/ });
});

test("too long a run and too much output end the helper", async () => {
  await install("slow", `echo $$ > "$DIR/slow.pid"; exec sleep 60`);
  await install("loud", `echo $$ > "$DIR/loud.pid"; exec yes ${CANARY}`);
  const before = countResources();
  await assert.rejects(getFromHelper("slow", "r.example", options({ timeoutMs: 300 })), failure);
  await assert.rejects(getFromHelper("loud", "r.example", options({ maxOutputBytes: 100_000 })), failure);
  for (const name of ["slow", "loud"]) await assertEnded(name);
  await assertNothingLeft(before);
});

test("exactly as much output as is allowed", async () => {
  const answer = '{"Username":"u","Secret":"s"}';
  await install("exact", `printf '%s' '${answer}'`);
  assert.ok(await getFromHelper("exact", "r.example", options({ maxOutputBytes: answer.length })));
  await assert.rejects(
    getFromHelper("exact", "r.example", options({ maxOutputBytes: answer.length - 1 })),
    failure,
  );
});

test("an abort ends the helper and comes out as it is, also while one of its children holds the output", async () => {
  await install("hold", `echo $$ > "$DIR/hold.pid"; sleep 5 & sleep 5`);
  const before = countResources();
  const reason = new Error("stop");
  const controller = new AbortController();
  const pending = getFromHelper("hold", "r.example", { ...options(), signal: controller.signal });
  setTimeout(() => controller.abort(reason), 200);
  const started = Date.now();
  await assert.rejects(pending, reason);
  assert.ok(Date.now() - started < 3000);
  await assertEnded("hold");
  await assertNothingLeft(before);
});

test("programs are looked for in absolute folders only, and must be programs", async (t) => {
  const place = join(folder, "place");
  await mkdir(join(place, "docker-credential-folder"), { recursive: true });
  await writeFile(join(place, "docker-credential-plain"), "#!/bin/sh\necho '{}'\n");
  await writeFile(join(place, "docker-credential-here"), `#!/bin/sh\ntouch ${folder}/ran\necho '{}'\n`, {
    mode: 0o755,
  });
  await symlink("/nonexistent", join(place, "docker-credential-dangling"));
  const cwd = process.cwd();
  process.chdir(place);
  t.after(() => process.chdir(cwd));
  for (const path of ["", ".", ":", "place", "./", `${place}/none`, undefined]) {
    const run = credentialHelperPrograms({ env: { PATH: path } });
    await assert.rejects(getFromHelper("here", "r.example", { run }), failure, String(path));
  }
  const run = credentialHelperPrograms({ env: { PATH: place } });
  for (const name of ["folder", "plain", "dangling", "absent"]) {
    await assert.rejects(getFromHelper(name, "r.example", { run }), failure, name);
    assert.deepEqual(await listHelper(name, { run }), new Map());
  }
  await assert.rejects(readFile(join(folder, "ran")), { code: "ENOENT" });
});

test("a program that cannot be started is an error of the helper", async () => {
  const path = join(folder, "docker-credential-noexec");
  await writeFile(path, "#!/nonexistent/interpreter\n");
  await chmod(path, 0o755);
  await assert.rejects(getFromHelper("noexec", "r.example", options()), { ...failure, message: /ENOENT/ });
});

test("limits that are none", () => {
  for (const timeoutMs of [0, -1, 1.5, Number.NaN, 2 ** 31]) {
    assert.throws(() => credentialHelperPrograms({ env: {}, timeoutMs }), RangeError);
  }
  for (const maxOutputBytes of [-1, 1.5, Number.NaN]) {
    assert.throws(() => credentialHelperPrograms({ env: {}, maxOutputBytes }), RangeError);
  }
});

test("who asks a helper the same at the same time gets the answer of one run", async () => {
  await install("count", `echo x >> "$DIR/runs"; sleep 0.2; echo '{"Username":"u","Secret":"s"}'`);
  await writeFile(join(folder, "config.json"), JSON.stringify({ credHelpers: { "r.example": "count" } }));
  const credentials = loadCredentials({
    authFile: join(folder, "config.json"),
    env: { PATH: `${folder}:/usr/bin:/bin` },
  });
  const found = await Promise.all(
    ["a", "b", "c"].map((repository) => credentials("r.example", { repository })),
  );
  assert.deepEqual(
    found.map((each) => each?.kind),
    ["password", "password", "password"],
  );
  assert.equal(await readFile(join(folder, "runs"), "utf8"), "x\n");
  await credentials("r.example", { repository: "a" });
  assert.equal(await readFile(join(folder, "runs"), "utf8"), "x\nx\n");
});

/** Fails unless the helper that wrote its process id has ended within two seconds. */
async function assertEnded(name: string): Promise<void> {
  const pid = Number(await readFile(join(folder, `${name}.pid`), "utf8"));
  for (let turn = 0; turn < 100; turn++) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await sleep(20);
  }
  assert.fail(`${name} still runs`);
}
