/** registries.d: what its files say, what of them has no effect, and what is refused. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { PolicyError } from "../../../src/policy/errors.ts";
import { parseImageReference } from "../../../src/policy/reference.ts";
import { loadRegistriesD } from "../../../src/policy/sources/load-registries-d.ts";
import { parseRegistriesD, signatureSettings } from "../../../src/policy/sources/registries-d.ts";

const parse = (...texts: string[]) =>
  parseRegistriesD(texts.map((text, index) => ({ path: `/d/${index}.yaml`, text })));

const settings = async (text: string, reference: string) =>
  signatureSettings(await parse(text), parseImageReference(reference));

async function refused(text: string, ...others: string[]): Promise<string> {
  let message = "";
  await assert.rejects(parse(text, ...others), (error) => {
    assert.ok(error instanceof PolicyError, String(error));
    assert.equal(error.code, "ERR_POLICY_REGISTRIES_D");
    assert.equal(error.errorClass, "other");
    message = error.message;
    return true;
  });
  return message;
}

test("every option is looked up on its own, and tells where it is set", async () => {
  const text = [
    "default-docker:",
    "  lookaside: https://d.example",
    "docker:",
    "  quay.example:",
    "    use-sigstore-attachments: true",
    "  quay.example/team:",
    "    lookaside-staging: file:///staging",
  ].join("\n");
  const found = await settings(text, "quay.example/team/app:1");
  assert.deepEqual(found.lookaside, {
    value: "https://d.example",
    origin: "/d/0.yaml: default-docker.lookaside",
  });
  assert.deepEqual(found.lookasideStaging, {
    value: "file:///staging",
    origin: '/d/0.yaml: docker."quay.example/team".lookaside-staging',
  });
  assert.deepEqual(found.useSigstoreAttachments, {
    value: true,
    origin: '/d/0.yaml: docker."quay.example".use-sigstore-attachments',
  });
  assert.deepEqual(found.candidates, [
    "quay.example/team/app:1",
    "quay.example/team/app",
    "quay.example/team",
    "quay.example",
    "*.example",
  ]);
});

test("an option that is false is set: wider sections do not turn it on", async () => {
  const text =
    "default-docker: {use-sigstore-attachments: true}\ndocker: {a.example: {use-sigstore-attachments: false}}";
  assert.equal((await settings(text, "a.example/x")).useSigstoreAttachments?.value, false);
  assert.equal((await settings(text, "b.example/x")).useSigstoreAttachments?.value, true);
});

test("a scope is compared as it stands: prefixes, letter case and other ports do not match", async () => {
  const text = "docker: {a.example: {lookaside: 'file:///a'}, 'a.example/te': {lookaside: 'file:///te'}}";
  for (const reference of ["a.example.org/x", "a.example:5000/x", "b.a.example/x", "A.example/x"]) {
    assert.equal((await settings(text, reference)).lookaside, undefined, reference);
  }
  assert.equal((await settings(text, "a.example/team")).lookaside?.value, "file:///a");
});

test("the newer name of an option goes before the older one", async () => {
  const text = "docker: {a.example: {sigstore: 'file:///old', lookaside: 'file:///new'}}";
  assert.equal((await settings(text, "a.example/x")).lookaside?.value, "file:///new");
  const older = "docker: {a.example: {sigstore: 'file:///old', sigstore-staging: 'file:///w'}}";
  assert.equal((await settings(older, "a.example/x")).lookaside?.value, "file:///old");
  assert.equal((await settings(older, "a.example/x")).lookasideStaging?.value, "file:///w");
});

test("what the programs pass over without a word is a warning", async () => {
  const { warnings, docker } = await parse(
    [
      "docker:",
      "  quay.example:",
      "    lookasid: https://typo.example",
      "    use-sigstore-attachment: true",
      "dokcer: {}",
      "---",
      "docker: {other.example: {}}",
    ].join("\n"),
  );
  assert.deepEqual([...docker.keys()], ["quay.example"]);
  assert.deepEqual(
    warnings.map(({ kind, key, line }) => [kind, key, line]),
    [
      ["ignored-document", "", 6],
      ["unknown-key", 'docker."quay.example".lookasid', 3],
      ["unknown-key", 'docker."quay.example".use-sigstore-attachment', 4],
      ["unknown-key", "dokcer", 5],
    ],
  );
});

test("nothing is configured by empty files and empty sections", async () => {
  for (const text of ["", "# a comment", "{}", "~", "docker:", "default-docker:\ndocker: {}"]) {
    const { defaultDocker, docker, warnings } = await parse(text);
    assert.deepEqual([defaultDocker, docker.size, warnings.length], [undefined, 0, 0], JSON.stringify(text));
  }
  const { docker } = await parse("docker: {a.example: , b.example: null}");
  assert.deepEqual([...docker.keys()], ["a.example", "b.example"]);
});

test("an empty section counts as a definition, null for default-docker does not", async () => {
  assert.match(
    await refused("docker: {a.example: }", "docker: {a.example: }"),
    /both in "\/d\/0.yaml" and "\/d\/1.yaml"/,
  );
  assert.match(await refused("default-docker: {}", "default-docker: {}"), /"default-docker" defined both/);
  await parse("default-docker:", "default-docker: {}", "default-docker: ~");
});

test("the words of YAML 1.1 are booleans where a boolean is wanted", async () => {
  const flagOf = async (word: string) =>
    (await parse(`default-docker: {use-sigstore-attachments: ${word}}`)).defaultDocker
      ?.useSigstoreAttachments;
  for (const word of ["true", "True", "TRUE", "yes", "y", "Y", "on", '"on"'])
    assert.equal(await flagOf(word), true, word);
  for (const word of ["false", "False", "FALSE", "no", "n", "N", "off", "'no'"]) {
    assert.equal(await flagOf(word), false, word);
  }
  for (const word of ["~", "", "null"]) assert.equal(await flagOf(word), undefined, word);
  for (const word of ["1", '"true"', "yess", "On!", "[]", "!!str true", "YES"]) {
    await refused(`default-docker: {use-sigstore-attachments: ${word}}`);
  }
});

test("scalars of any type are texts where a text is wanted", async () => {
  const { defaultDocker, docker } = await parse(
    "default-docker: {lookaside: 12}\ndocker: {5000: {sigstore: true}}",
  );
  assert.equal(defaultDocker?.lookaside, "12");
  assert.equal(docker.get("5000")?.sigstore, "true");
});

test("files of another shape are refused", async () => {
  const texts = [
    "[]",
    "text",
    "docker: []",
    "docker: text",
    "docker: {a.example: text}",
    "docker: {a.example: []}",
    "default-docker: []",
    "default-docker: {lookaside: []}",
    "default-docker: {lookaside: {}}",
    "docker: {[a]: {}}",
    "}",
    "{",
    "docker: {a.example: {lookaside: *none}}",
    "docker: !!seq {}",
  ];
  for (const text of texts) assert.match(await refused(text), /^parsing \/d\/0.yaml: /, text);
});

test("a key twice in a mapping is refused, quoted or not, and with its line", async () => {
  assert.match(await refused("docker: {}\n'docker': {}"), /line 2: mapping key "docker" is already defined/);
  await refused("docker: {a.example: {}, a.example: {}}");
  await refused("default-docker: {lookaside: a, lookaside: b}");
  await refused("default-docker: {unknown: a, unknown: b}");
});

test("anchors, aliases and merge keys count; what is nearer goes before what is merged", async () => {
  const text = [
    "docker:",
    "  a.example: &a {lookaside: 'file:///a', use-sigstore-attachments: true}",
    "  b.example: *a",
    "  c.example: {<<: *a, lookaside: 'file:///c'}",
    "  d.example: {<<: [{lookaside: 'file:///d'}, *a]}",
  ].join("\n");
  const { docker } = await parse(text);
  const lookasides = [...docker.values()].map(({ lookaside }) => lookaside);
  assert.deepEqual(lookasides, ["file:///a", "file:///a", "file:///c", "file:///d"]);
  assert.ok([...docker.values()].every(({ useSigstoreAttachments }) => useSigstoreAttachments === true));
  await refused("docker: &a {a.example: {}, <<: *a}");
  await refused("docker: {<<: text}");
});

test("hostile files end soon: depth, brackets, aliases of aliases, many members", {
  timeout: 60_000,
}, async () => {
  await refused("[".repeat(100_000));
  await refused("]".repeat(100_000));
  await refused(`${"a: ".repeat(20_000)}b`);
  await refused("- ".repeat(20_000));
  const members = Array.from({ length: 2000 }, (_, index) => `k${index}: 1`).join(", ");
  const scopes = Array.from({ length: 2000 }, (_, index) => `s${index}: *a`).join(", ");
  await refused(`default-docker: &a {${members}}\ndocker: {${scopes}}`);
  await refused(" ".repeat(4 * 1024 * 1024 + 1));
});

async function folder(t: { after(fn: () => Promise<void>): void }): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "registries-d-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

test("the folders of the disk: the user's before the system's, and only .yaml counts", async (t) => {
  const root = await folder(t);
  const user = join(root, "user");
  const etc = join(root, "etc/containers/registries.d");
  await mkdir(join(user, "containers/registries.d"), { recursive: true });
  await mkdir(etc, { recursive: true });
  await writeFile(join(user, "containers/registries.d/b.yaml"), "docker: {user.example: {}}");
  await writeFile(join(etc, "b.yaml"), "docker: {etc.example: {}}");
  await writeFile(join(etc, "a.yaml"), "docker: {a.example: {}}");
  await writeFile(join(etc, "c.YAML"), "}");
  await writeFile(join(etc, "d.yml"), "}");
  const loaded = await loadRegistriesD({
    root,
    env: { XDG_CONFIG_HOME: user, HOME: "/home/u 1" },
    uid: 1000,
  });
  assert.deepEqual([...loaded.config.docker.keys()], ["a.example", "user.example"]);
  assert.deepEqual(loaded.files, [join(etc, "a.yaml"), join(user, "containers/registries.d/b.yaml")]);
  assert.equal(loaded.folders.length, 7);
  assert.equal(loaded.defaultLookaside, "file:///home/u%201/.local/share/containers/sigstore");
});

test("a file or folder that is there and cannot be read is an error", async (t) => {
  const path = await folder(t);
  const code = { code: "ERR_POLICY_REGISTRIES_D" };
  assert.deepEqual((await loadRegistriesD({ paths: [join(path, "none")] })).files, []);
  await symlink("loop.yaml", join(path, "loop.yaml"));
  await assert.rejects(loadRegistriesD({ paths: [path] }), code);
  await rm(join(path, "loop.yaml"));
  await mkdir(join(path, "folder.yaml"));
  await assert.rejects(loadRegistriesD({ paths: [path] }), code);
  await rm(join(path, "folder.yaml"), { recursive: true });
  await writeFile(join(path, "latin.yaml"), Buffer.from([0x61, 0xff]));
  await assert.rejects(loadRegistriesD({ paths: [path] }), code);
  await assert.rejects(loadRegistriesD({ paths: [join(path, "latin.yaml")] }), code);
});

test("a file that is gone by the time it is read is passed over", async () => {
  const reader = {
    list: async () => ["a.yaml"],
    read: async () => {
      throw Object.assign(new Error("gone"), { code: "ENOENT" });
    },
  };
  assert.deepEqual((await loadRegistriesD({ paths: ["/d"], reader })).files, []);
});

test("an abort before and during is the caller's reason", async () => {
  const reason = new Error("enough");
  await assert.rejects(loadRegistriesD({ paths: [], signal: AbortSignal.abort(reason) }), reason);
  const controller = new AbortController();
  const reader = {
    list: async () => {
      setImmediate(() => controller.abort(reason));
      return new Promise<never>(() => {});
    },
    read: async () => new Uint8Array(0),
  };
  await assert.rejects(loadRegistriesD({ paths: ["/d"], reader, signal: controller.signal }), reason);
});
