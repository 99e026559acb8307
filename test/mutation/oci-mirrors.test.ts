/**
 * Every key of `hosts.toml` and `registries.conf` counts: a file, then the same with one key changed, and what that
 * must change in where an image is pulled from.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseReference } from "../../src/core/reference.ts";
import {
  type MirrorConfig,
  type PullAttempt,
  parseHostsToml,
  parseRegistriesConf,
  resolveHosts,
  resolvePullSources,
} from "../../src/oci/index.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

function attempts(config: MirrorConfig, text: string): readonly PullAttempt[] | "blocked" {
  const sources = resolvePullSources(parseReference(text), config);
  return sources.kind === "blocked" ? "blocked" : sources.attempts;
}

function fromHosts(toml: string, text = "r.example/a:1"): readonly PullAttempt[] {
  const found = attempts({ kind: "hosts", hosts: resolveHosts("r.example", parseHostsToml(toml)) }, text);
  assert.notEqual(found, "blocked");
  return found as readonly PullAttempt[];
}

function fromRegistries(toml: string, text = "r.example/a:1"): readonly PullAttempt[] | "blocked" {
  const config = parseRegistriesConf([{ name: "f", text: toml }]);
  return attempts({ kind: "registries-conf", config }, text);
}

/** The one attempt of a file that says only these things about its server. */
function server(lines: string): Partial<PullAttempt> {
  const [only, ...more] = fromHosts(`server = "https://up.example/x"\n${lines}`);
  assert.equal(more.length, 0);
  return only ?? {};
}

/** The attempt at the one host of a file. */
function host(lines: string, url = "https://m.example/x"): Partial<PullAttempt> {
  const found = fromHosts(`[host."${url}"]\n${lines}`);
  assert.equal(found.length, 2);
  return found[0] ?? {};
}

for (const [place, read] of [
  ["server", server],
  ["host", host],
] as const) {
  const base = read("");

  test(`hosts.toml: every key of the ${place} counts`, () => {
    assert.deepEqual(base.tls, { ca: [], client: [], skipVerify: false });
    assert.deepEqual(read('ca = "/ca"').tls, { ca: ["/ca"], client: [], skipVerify: false });
    assert.deepEqual(read('ca = ["/1", "/2"]').tls?.ca, ["/1", "/2"]);
    assert.deepEqual(read('client = "/c"').tls?.client, [["/c", ""]]);
    assert.deepEqual(read('client = ["/c", "/d"]').tls?.client, [
      ["/c", ""],
      ["/d", ""],
    ]);
    assert.deepEqual(read('client = [["/c", "/k"], ["/d"]]').tls?.client, [
      ["/c", "/k"],
      ["/d", ""],
    ]);
    assert.equal(read("skip_verify = true").tls?.skipVerify, true);
    assert.equal(read("skip_verify = false").tls?.skipVerify, false);
    const header = place === "server" ? "[header]" : '[host."https://m.example/x".header]';
    assert.deepEqual(read(`${header}\nX-A = "1"\nX-B = ["2", "3"]`).headers, {
      "X-A": ["1"],
      "X-B": ["2", "3"],
    });
    assert.deepEqual(base.headers, {});
    assert.match(base.url ?? "", /\/x\/v2$/);
    assert.match(read("override_path = true").url ?? "", /\/x$/);
    assert.equal(base.connectTimeoutMs, undefined);
    assert.equal(read('dial_timeout = "1m30s"').connectTimeoutMs, 90_000);
  });

  test(`hosts.toml: what no ${place} can have is an error with its key`, () => {
    for (const [line, key] of [
      ['capabilities = ["fetch"]', "capabilities"],
      ['capabilities = "pull"', "capabilities"],
      ["ca = 3", "ca"],
      ["ca = [[]]", "ca"],
      ["client = true", "client"],
      ['client = [["/a", "/b", "/c"]]', "client"],
      ["client = [[]]", "client"],
      ['skip_verify = "true"', "skip_verify"],
      ["skip_verify = 1", "skip_verify"],
      ["header = 1", "header"],
      ["header = { a = 1 }", "header"],
      ['override_path = "yes"', "override_path"],
      ["dial_timeout = 3", "dial_timeout"],
      ['dial_timeout = "3"', "dial_timeout"],
      ["skip_verfy = true", "skip_verfy"],
    ] as const) {
      assert.throws(
        () => read(line),
        (error: Error & { code?: string }) => {
          assert.equal(error.code, "ERR_OCI_CONFIG_INVALID", line);
          assert.ok(error.message.includes(key), error.message);
          return true;
        },
      );
    }
  });
}

test("hosts.toml: capabilities decide for what a host is asked", () => {
  const urls = (lines: string, text: string): string[] =>
    fromHosts(`server = "https://up.example"\n[host."https://m.example"]\n${lines}`, text).map(
      ({ url }) => url,
    );
  const both = ["https://m.example/v2", "https://up.example/v2"];
  const upstream = ["https://up.example/v2"];
  assert.deepEqual(urls("", "r.example/a:1"), both);
  assert.deepEqual(urls('capabilities = ["pull"]', "r.example/a:1"), upstream);
  assert.deepEqual(urls('capabilities = ["PULL", "Resolve"]', "r.example/a:1"), both);
  assert.deepEqual(urls('capabilities = ["pull"]', `r.example/a@${DIGEST}`), both);
  assert.deepEqual(urls('capabilities = ["resolve", "push"]', `r.example/a@${DIGEST}`), upstream);
});

test("hosts.toml: server takes the place of the namespace's own host", () => {
  assert.deepEqual(
    fromHosts("").map(({ url, namespace }) => [url, namespace]),
    [["https://r.example/v2", undefined]],
  );
  assert.deepEqual(
    fromHosts('server = "up.example"').map(({ url, namespace }) => [url, namespace]),
    [["https://up.example/v2", "r.example"]],
  );
  assert.throws(() => fromHosts('server = ["a"]'), { code: "ERR_OCI_CONFIG_INVALID" });
});

test("registries.conf: every key of an entry counts", () => {
  const entry = '[[registry]]\nprefix = "r.example"\nlocation = "up.example"\n';
  const only = (toml: string, text?: string): Partial<PullAttempt> => {
    const found = fromRegistries(toml, text);
    assert.ok(found !== "blocked" && found.length === 1);
    return found[0] ?? {};
  };
  assert.equal(only(entry).url, "https://up.example/v2");
  assert.equal(only(entry.replace("up.example", "other.example")).url, "https://other.example/v2");
  assert.equal(only(entry.replace("r.example", "s.example")).url, "https://r.example/v2");
  assert.deepEqual([only(entry).tls?.skipVerify, only(entry).httpFallback], [false, "never"]);
  const insecure = only(`${entry}insecure = true`);
  assert.deepEqual([insecure.tls?.skipVerify, insecure.httpFallback], [true, "any-failure"]);
  assert.equal(fromRegistries(`${entry}blocked = true`), "blocked");
  assert.equal(fromRegistries(`${entry}blocked = true`, "s.example/a")?.length, 1);
  const mirrored = `${entry}blocked = true\n[[registry.mirror]]\nlocation = "m.example"\n`;
  assert.equal(only(mirrored).url, "https://m.example/v2");
  const both = `${mirrored}[[registry]]\nlocation = "m.example"\n`;
  assert.equal(only(both).tls?.skipVerify, false);
  assert.equal(only(`${both}insecure = true`).tls?.skipVerify, false);
  assert.equal(fromRegistries(`${both}blocked = true`), "blocked");
});

test("registries.conf: every key of a mirror counts, and what it is used for", () => {
  const urls = (registry: string, mirror: string, text?: string): unknown[] => {
    const found = fromRegistries(
      `[[registry]]\nlocation = "r.example"\n${registry}\n[[registry.mirror]]\nlocation = "m.example"\n${mirror}`,
      text,
    );
    assert.ok(found !== "blocked");
    return found.map(({ url, tls }) => (tls.skipVerify ? `insecure ${url}` : url));
  };
  const [mirror, own] = ["https://m.example/v2", "https://r.example/v2"];
  const digested = `r.example/a@${DIGEST}`;
  assert.deepEqual(urls("", ""), [mirror, own]);
  assert.deepEqual(urls("", "insecure = true"), [`insecure ${mirror}`, own]);
  assert.deepEqual(urls("insecure = true", ""), [mirror, `insecure ${own}`]);
  assert.deepEqual(urls("", 'pull-from-mirror = "digest-only"'), [own]);
  assert.deepEqual(urls("", 'pull-from-mirror = "digest-only"', digested), [mirror, own]);
  assert.deepEqual(urls("", 'pull-from-mirror = "tag-only"'), [mirror, own]);
  assert.deepEqual(urls("", 'pull-from-mirror = "tag-only"', digested), [own]);
  assert.deepEqual(urls("", 'pull-from-mirror = "all"', digested), [mirror, own]);
  assert.deepEqual(urls("mirror-by-digest-only = true", ""), [own]);
  assert.deepEqual(urls("mirror-by-digest-only = true", "", digested), [mirror, own]);
});

test("registries.conf: lists, mode and aliases count, and a later file goes before", () => {
  const parse = (...texts: string[]): ReturnType<typeof parseRegistriesConf> =>
    parseRegistriesConf(texts.map((text, index) => ({ name: `${index}.conf`, text })));
  const full = `unqualified-search-registries = ["a.example"]
credential-helpers = ["one"]
short-name-mode = "enforcing"
additional-layer-store-auth-helper = "layers"
[aliases]
box = "a.example/box"
`;
  const first = parse(full);
  assert.deepEqual(first.unqualifiedSearchRegistries, { value: ["a.example"], origin: "0.conf" });
  assert.deepEqual(first.credentialHelpers, { value: ["one"], origin: "0.conf" });
  assert.deepEqual(first.shortNameMode, { value: "enforcing", origin: "0.conf" });
  assert.deepEqual(first.additionalLayerStoreAuthHelper, { value: "layers", origin: "0.conf" });
  assert.deepEqual(first.aliases.get("box"), { value: "a.example/box", origin: "0.conf" });
  const later = parse(full, full.replaceAll("a.example", "b.example").replace("enforcing", "disabled"));
  assert.deepEqual(later.unqualifiedSearchRegistries, { value: ["b.example"], origin: "1.conf" });
  assert.deepEqual(later.shortNameMode, { value: "disabled", origin: "1.conf" });
  assert.deepEqual(later.aliases.get("box"), { value: "b.example/box", origin: "1.conf" });
  const entry = '[[registry]]\nlocation = "r.example"\n';
  const [replaced] = parse(`${entry}blocked = true`, entry).registries;
  assert.equal(replaced?.blocked, false);
  assert.equal(parse(entry, `${entry}blocked = true`).registries[0]?.blocked, true);
});

test("registries.conf: wrong types and misspelt keys are errors, not absences", () => {
  const entry = '[[registry]]\nlocation = "r.example"\n';
  for (const text of [
    `${entry}blocked = "true"`,
    `${entry}blokced = true`,
    `${entry}insecure = 1`,
    `${entry}mirror-by-digest-only = "yes"`,
    `${entry}mirror = "m.example"`,
    `${entry}[[registry.mirror]]\nlocation = "m.example"\ninsecure = "no"`,
    `${entry}[[registry.mirror]]\nlocation = "m.example"\nblocked = true`,
    '[registry]\nlocation = "r.example"',
    'unqualified-search-registries = "a.example"',
    "credential-helpers = [1]",
    'short-name-mode = "Enforcing"',
    "[aliases]\nbox = 1",
    '[aliases]\n"a.example/box" = "a.example/box"',
    '[aliases]\nbox = "box"',
    'shortnamemode = "enforcing"',
  ]) {
    assert.throws(() => fromRegistries(text), { code: "ERR_OCI_CONFIG_INVALID" }, text);
  }
});
