import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ConfigNode, parseContainerdConfig } from "../../src/config/containerd/index.ts";
import { ConfigError } from "../../src/config/errors.ts";
import { property } from "./runs.ts";

const MAIN = "/etc/containerd/config.toml";
const RELEASES = ["1.6", "1.7", "2.0", "2.2", "2.3"];

const LINES = [
  "version = 1",
  "version = 2",
  "version = 3",
  "version = 4",
  'imports = ["b.toml"]',
  'imports = ["*.toml", "/etc/containerd/[a-c].toml"]',
  'root = "/r"',
  'disabled_plugins = ["io.containerd.a.v1", "cri"]',
  "[grpc]",
  'address = "/run/x.sock"',
  "[plugins.cri]",
  '[plugins."io.containerd.grpc.v1.cri"]',
  '[plugins."io.containerd.grpc.v1.cri".containerd]',
  '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]',
  '[plugins."io.containerd.cri.v1.images".registry]',
  '[plugins."io.containerd.cri.v1.images".registry.mirrors."a.example"]',
  '[plugins."io.containerd.cri.v1.runtime"]',
  '[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.kata]',
  '[plugins."io.containerd.server.v1.grpc"]',
  'unset_seccomp_profile = "runtime/default"',
  'default_runtime_name = "kata"',
  'runtime_type = "io.containerd.kata.v2"',
  'config_path = "/certs.d"',
  'sandbox_image = "r.example/pause:1"',
  "SystemdCgroup = true",
  'pod_annotations = ["a", "b"]',
  "oom_score = -999",
  '[stream_processors."x"]',
  'args = ["--decryption-keys-path", "/keys"]',
  "nope = { a = [1, { b = 2 }] }",
];
const text = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.array(fc.constantFrom(...LINES), { maxLength: 12 }).map((lines) => lines.join("\n")),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 80 }) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.array(fc.constantFrom(...LINES), { maxLength: 8 }),
        fc.nat(),
        fc.constantFrom("", '"', "[", "=", "\n", "{", "\0"),
      )
      .map(([lines, at, change]) => {
        const whole = lines.join("\n");
        const place = whole.length === 0 ? 0 : at % whole.length;
        return whole.slice(0, place) + change + whole.slice(place + 1);
      }),
  },
);
const files = fc.record({ main: text, imported: text, release: fc.constantFrom(...RELEASES) });

function nodes(node: ConfigNode): ConfigNode[] {
  if (node.kind === "scalar") return [node];
  const inner = node.kind === "list" ? node.items : [...node.entries.values()];
  return [node, ...inner.flatMap(nodes)];
}

test("any texts are a configuration or a ConfigError, and all places are in them", () => {
  let read = 0;
  fc.assert(
    fc.property(files, ({ main, imported, release }) => {
      const texts = new Map([
        [MAIN, main],
        ["/etc/containerd/b.toml", imported],
      ]);
      try {
        const config = parseContainerdConfig(texts, { release });
        read++;
        assert.ok(!config.criEnabled || config.runtimes.has(config.defaultRuntime.value));
        const origins = [...nodes(config.tree), ...config.warnings].map(({ origin }) => origin);
        for (const origin of origins) {
          if (!origin) continue;
          const line = texts.get(origin.file)?.split("\n")[origin.line - 1];
          assert.ok(line !== undefined && origin.column <= line.length + 1, JSON.stringify(origin));
        }
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        assert.match(error.code, /^ERR_CONFIG_/);
        if (error.origin) assert.ok(texts.has(error.origin.file));
      }
    }),
    property,
  );
  assert.ok(read > property.numRuns / 20, `only ${read} of ${property.numRuns} are configurations`);
});

const quoted = fc.string({ unit: "grapheme", maxLength: 20 }).map((value) => JSON.stringify(value));

test("what an imported file says of a plugin's key wins, also where it is empty", () => {
  fc.assert(
    fc.property(quoted, quoted, fc.constantFrom(...RELEASES), (first, second, release) => {
      const table = 'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\nunset_seccomp_profile = ';
      const texts = new Map([
        [MAIN, `imports = ["b.toml"]\n${table}${first}\n`],
        ["/etc/containerd/b.toml", `${table}${second}\n`],
      ]);
      const { unsetSeccompProfile } = parseContainerdConfig(texts, { release });
      assert.equal(unsetSeccompProfile.value, JSON.parse(second));
      assert.equal(unsetSeccompProfile.origin?.file, "/etc/containerd/b.toml");
    }),
    property,
  );
});

test("an address is the same in every version of the file, for every release that reads it", () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^\/[a-z/._-]{1,30}$/),
      fc.integer({ min: 0, max: 4 }),
      (address, version) => {
        const table = version === 4 ? '[plugins."io.containerd.server.v1.grpc"]' : "[grpc]";
        const main = `version = ${version}\n${table}\naddress = ${JSON.stringify(address)}\n`;
        for (const release of version === 4 ? ["2.3"] : RELEASES) {
          const { socket } = parseContainerdConfig(new Map([[MAIN, main]]), { release });
          assert.deepEqual(socket, { value: address, origin: { file: MAIN, line: 3, column: 11 } });
        }
      },
    ),
    property,
  );
});
