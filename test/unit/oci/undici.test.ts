import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

// In processes of their own: what is tested is what loading does to a process that has not loaded it.
function run(program: string): string {
  return execFileSync(
    process.execPath,
    ["--conditions=lading-source", "--input-type=module", "--eval", program],
    { encoding: "utf8", cwd: import.meta.dirname },
  ).trim();
}

const current = `() => globalThis[Symbol.for("undici.globalDispatcher.1")]`;

test("loading lading/oci leaves the agent of the built-in fetch alone", () => {
  for (const first of ["", `await fetch("data:,x");`]) {
    const [before, after] = run(`
      const current = ${current};
      ${first}
      const before = current();
      await import("lading/oci");
      console.log(before?.constructor?.name, current() === before);
    `).split(" ");
    // Fails where the second program shows nothing that could be replaced.
    if (first) assert.notEqual(before, "undefined");
    assert.equal(after, "true");
  }
});

test("a request that the built-in fetch takes is taken after lading/oci was loaded too", () => {
  const status = run(`
    import { createServer } from "node:http";
    await import("lading/oci");
    const server = createServer((request, response) => response.end()).listen(0, "127.0.0.1", async () => {
      const options = { method: "POST", headers: { "Content-Length": "0" } };
      const { status } = await fetch("http://127.0.0.1:" + server.address().port, options);
      console.log(status);
      server.close();
      server.closeAllConnections();
    });
  `);
  assert.equal(status, "200");
});
