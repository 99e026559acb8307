/** Configurations of CRI-O are read or refused with a ConfigError, and every value of a file stands where it says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type CrioConfig, parseCrioConfig, type Setting } from "../../src/config/crio/index.ts";
import { ConfigError } from "../../src/config/errors.ts";
import { property } from "./runs.ts";

const TEXT = `[crio]
root = "/r"
storage_option = ["a", "b"]
[crio.api]
listen = "/run/c.sock"
[crio.runtime]
default_runtime = "crun"
seccomp_profile = "/s.json"
pids_limit = 10
selinux = true
[crio.runtime.runtimes.crun]
runtime_type = "oci"
allowed_annotations = ["bundle"]
default_annotations = { a = "b" }
[crio.runtime.runtimes.h]
runtime_type = "vm"
[crio.runtime.workloads.w]
activation_annotation = "x"
resources = { cpushares = 1 }
[crio.image]
pull_progress_timeout = "10s"
short_name_mode = "enforcing"
`;

function mutated(text: string): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.nat(text.length),
    length: fc.nat(10),
    put: fc.oneof(
      fc.string({ maxLength: 5 }),
      fc.constantFrom(
        '"',
        "[",
        "]",
        "\n",
        "1",
        "true",
        "{}",
        "[]",
        '""',
        "__proto__",
        "[crio.runtime]\n",
        "X = 1\n",
      ),
    ),
  });
  return fc
    .array(edit, { maxLength: 3 })
    .map((edits) =>
      edits.reduce((all, { at, length, put }) => all.slice(0, at) + put + all.slice(at + length), text),
    );
}

function read(texts: readonly string[]): CrioConfig | undefined {
  const files = texts.map((text, index) => ({ path: `/d/${index}`, text }));
  try {
    return parseCrioConfig({ main: files[0], dropIns: files.slice(1) });
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return undefined;
  }
}

function settings(config: CrioConfig): Setting<unknown>[] {
  const tables: object[] = [
    ...[config.root, config.api, config.runtime, config.image, config.network, config.stats],
    ...[...config.runtimes.values(), ...config.workloads.values()].map((each) => each.settings),
  ];
  return tables.flatMap((table) => Object.values(table) as Setting<unknown>[]);
}

test("files are read or refused, and values have their places", () => {
  fc.assert(
    fc.property(fc.array(mutated(TEXT), { minLength: 1, maxLength: 2 }), (texts) => {
      const config = read(texts);
      if (!config) return;
      for (const { value, from, origin } of settings(config)) {
        assert.equal(origin !== undefined, from === "file");
        if (!origin || typeof value !== "string") continue;
        const text = texts[Number(origin.file.slice(3))] ?? "";
        const line = text.split("\n")[origin.line - 1] ?? "";
        assert.match(line.slice(origin.column - 1), /^["']/);
      }
      assert.ok(config.runtimes.has(config.runtime.default_runtime.value));
      assert.deepEqual(read(texts), config);
    }),
    property,
  );
});

test("random texts are read or refused", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 100, unit: "binary" }), (text) => {
      read([text]);
    }),
    property,
  );
});
