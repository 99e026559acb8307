import assert from "node:assert/strict";
import { test } from "node:test";
import { formatReference } from "../../../../src/core/reference.ts";
import { localCandidates, parseRegistriesConf, resolveShortName } from "../../../../src/oci/mirrors/index.ts";

const config = parseRegistriesConf([
  {
    name: "registries.conf",
    text: 'unqualified-search-registries = ["a.example", "b.example"]\nshort-name-mode = "enforcing"\n[aliases]\nbox = "c.example/box"\n',
  },
]);

const both = ["a.example/app:latest", "b.example/app:latest"];

test("an ambiguous name is refused where a user has to choose and nobody can be asked", async () => {
  const error = { code: "ERR_OCI_SHORT_NAME_AMBIGUOUS" };
  await assert.rejects(resolveShortName("app", config), error);
  await assert.rejects(resolveShortName("app", config, { choose: () => undefined }), error);
  for (const mode of ["permissive", "disabled"] as const) {
    const { candidates, by, origin } = await resolveShortName("app", config, { mode });
    assert.deepEqual(candidates.map(formatReference), both);
    assert.deepEqual([by, origin], ["search", "registries.conf"]);
  }
});

test("the user chooses among the candidates, and nothing else", async () => {
  const seen: string[][] = [];
  const choose = (candidates: readonly string[]): string | undefined => {
    seen.push([...candidates]);
    return candidates[1];
  };
  const { candidates } = await resolveShortName("app", config, { choose });
  assert.deepEqual(candidates.map(formatReference), ["b.example/app:latest"]);
  assert.deepEqual(seen, [both]);
  await resolveShortName("app", config, { mode: "disabled", choose });
  await resolveShortName("box", config, { choose });
  assert.equal(seen.length, 1);
  await assert.rejects(
    resolveShortName("app", config, { choose: () => "evil.example/app:latest" }),
    TypeError,
  );
});

test("an abort ends the wait for a choice with its reason", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const pending = resolveShortName("app", config, {
    signal: controller.signal,
    choose: () => new Promise(() => {}),
  });
  controller.abort(reason);
  await assert.rejects(pending, reason);
  await assert.rejects(resolveShortName("app", config, { signal: AbortSignal.abort(reason) }), reason);
});

test("the user's aliases go before those of the configuration", async () => {
  const resolved = async (userAliases?: Record<string, string>): Promise<unknown[]> => {
    const { candidates, by, origin } = await resolveShortName("box:1", config, { userAliases });
    return [candidates.map(formatReference), by, origin];
  };
  assert.deepEqual(await resolved(), [["c.example/box:1"], "alias", "registries.conf"]);
  assert.deepEqual(await resolved({ box: "d.example/box" }), [["d.example/box:1"], "alias", "user"]);
  assert.deepEqual(await resolved(Object.create({ box: "d.example/box" })), await resolved());
});

test("images that are stored already: the alias, then local ones, then those of the searched registries", () => {
  assert.deepEqual(localCandidates("box", config).map(formatReference), [
    "c.example/box:latest",
    "localhost/box:latest",
    "a.example/box:latest",
    "b.example/box:latest",
  ]);
  assert.deepEqual(localCandidates("r.example/box:2", config).map(formatReference), ["r.example/box:2"]);
});

test("nothing to search on is an error of its own, and a name with host needs no list", async () => {
  const empty = parseRegistriesConf([]);
  await assert.rejects(resolveShortName("app", empty), { code: "ERR_OCI_NOT_FOUND" });
  const { candidates, by } = await resolveShortName("r.example/app", empty);
  assert.deepEqual([candidates.map(formatReference), by], [["r.example/app:latest"], "full-name"]);
});
