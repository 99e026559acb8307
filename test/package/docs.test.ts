/** What the guides say of functions and files: a table that names what is not there is worse than none. */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { connectCri } from "../../src/cri/index.ts";
import * as modules from "../../src/index.ts";
import * as oci from "../../src/oci/index.ts";
import { startCriRuntime } from "../../src/testing/index.ts";
import { codesIn, linksOf, matches, ROOT, readGuide, rowsOf } from "./guide.ts";

/** Names that a cell has in the place of functions: `exec`, `cri.runtime.version({})`. */
function namesIn(cell: string): string[] {
  return matches(cell, /`([a-z][A-Za-z]*(?:\.[a-z][A-Za-z]*)*)(?:\([^`]*)?`/g);
}

/** What the guides name beside functions: options, members, and the package itself. */
const NO_FUNCTIONS: ReadonlySet<string> = new Set([
  "bytes",
  "check",
  "images",
  "keys",
  "lading",
  "platforms",
  "referrers",
]);

const guides = {
  "cri.md": { commands: 37, examples: "crictl" },
  "oci.md": { commands: 60, examples: "oci" },
};

for (const [name, { commands, examples }] of Object.entries(guides)) {
  describe(name, () => {
    const text = readGuide(name);

    test("every function of a row is there, and every row says what there is", async (t) => {
      const rows = rowsOf(text);
      assert.ok(rows.length >= commands, `${rows.length} rows`);
      const entries = ["config", "cri", "oci", "policy", "seccomp", "testing"].map(
        (entry) => import(`../../src/${entry}/index.ts`) as Promise<object>,
      );
      const exported = new Set(
        [modules, ...(await Promise.all(entries))].flatMap((entry) => Object.keys(entry)),
      );
      const runtime = await startCriRuntime();
      t.after(() => runtime.close());
      const cri = await connectCri({ endpoint: runtime.endpoint });
      t.after(() => cri.close());
      const registry = oci.createRegistry();
      t.after(() => registry.close());
      const places: Record<string, object> = {
        "cri.runtime": cri.runtime,
        "cri.image": cri.image,
        registry,
        repository: registry.repository("registry.example/a"),
      };
      for (const [command = "", functions = ""] of rows) {
        assert.match(command, /^`[^`]+`/);
        const names = namesIn(functions);
        assert.ok(names.length > 0 || functions.startsWith("none"), `${command}: ${functions}`);
        for (const found of names.filter((each) => !NO_FUNCTIONS.has(each))) {
          const dot = found.lastIndexOf(".");
          const place = places[found.slice(0, Math.max(dot, 0))];
          const isThere =
            dot < 0 ? exported.has(found) : place !== undefined && found.slice(dot + 1) in place;
          assert.ok(isThere, `${command}: no ${found}`);
        }
      }
    });

    test("every file that is linked is there, and every example is linked", () => {
      const links = linksOf(text);
      for (const link of links) assert.ok(existsSync(link), link);
      const linked = new Set(links);
      const files = readdirSync(join(ROOT, "examples", examples)).filter((file) => file.endsWith(".ts"));
      assert.ok(files.length > 10);
      for (const file of files) assert.ok(linked.has(join(ROOT, "examples", examples, file)), file);
    });
  });
}

test("the commands of the tools are all there", () => {
  const said = new Set(rowsOf(readGuide("oci.md")).flatMap(([command = ""]) => codesIn(command)));
  const crane =
    "append,auth get,auth login,auth logout,auth token,blob,catalog,config,copy,delete,digest,export,flatten,index append,index filter,index list,ls,manifest,mutate,pull,push,rebase,registry serve,tag,validate";
  const skopeo =
    "copy,delete,generate-sigstore-key,inspect,layers,list-tags,login,logout,manifest-digest,standalone-sign,standalone-verify,sync";
  const oras =
    "attach,backup,blob delete,blob fetch,blob push,copy,discover,login,logout,manifest delete,manifest fetch,manifest fetch-config,manifest index create,manifest index update,manifest push,pull,push,repo ls,repo tags,resolve,restore,tag";
  for (const command of `${crane},${skopeo},${oras}`.split(",")) assert.ok(said.has(command), command);
});
