import assert from "node:assert/strict";
import { test } from "node:test";
import { type CrictlConfig, parseCrictlConfig, setCrictlConfig } from "../../../src/cri/index.ts";

const NOTHING: CrictlConfig = {
  runtimeEndpoint: "",
  imageEndpoint: "",
  timeout: 0,
  debug: false,
  pullImageOnCreate: false,
  disablePullOnRun: false,
  maxRetries: 0,
};

const READ: [name: string, text: string, config: Partial<CrictlConfig>][] = [
  ["nothing", "", {}],
  ["a comment", "# timeout: 5\n", {}],
  ["an empty mapping", "{}\n", {}],
  ["an end of document", "timeout: 1\n...\n", { timeout: 1 }],
  [
    "everything",
    "runtime-endpoint: unix:///run/crio/crio.sock\nimage-endpoint: 'unix:///i.sock'\ntimeout: 10\ndebug: true\n" +
      "pull-image-on-create: true\ndisable-pull-on-run: true\nmax-retries: 7\n",
    {
      runtimeEndpoint: "unix:///run/crio/crio.sock",
      imageEndpoint: "unix:///i.sock",
      timeout: 10,
      debug: true,
      pullImageOnCreate: true,
      disablePullOnRun: true,
      maxRetries: 7,
    },
  ],
  ["the last of two", "timeout: 1\ndebug: true\ntimeout: 2 # seconds\n", { timeout: 2, debug: true }],
  ["a flow mapping", '{"timeout": 5, debug: T}', { timeout: 5, debug: true }],
  ["quoted numbers and signs", "timeout: \"+010\"\nmax-retries: '-1'\n", { timeout: 10, maxRetries: -1 }],
  ["an empty endpoint", "runtime-endpoint:\nimage-endpoint: ''\n", {}],
  [
    "words that YAML has other uses for",
    "runtime-endpoint: ~\nimage-endpoint: true\n",
    {
      runtimeEndpoint: "~",
      imageEndpoint: "true",
    },
  ],
  ["Windows line ends", "timeout: 3\r\ndebug: 1\r\n", { timeout: 3, debug: true }],
];

for (const [name, text, config] of READ) {
  test(`a configuration with ${name}`, () => {
    assert.deepEqual(parseCrictlConfig(text), { ...NOTHING, ...config });
  });
}

for (const [name, text] of [
  ["an unknown key", "runtimeEndpoint: x"],
  ["a key in other letters", "Timeout: 5"],
  ["a key of the prototype", "toString: 5"],
  ["__proto__", "__proto__: 5"],
  ["a text for a number", "timeout: foo"],
  ["a duration", "timeout: 2s"],
  ["a fraction", "timeout: 1.5"],
  ["hexadecimal", "timeout: 0x10"],
  ["no number", "timeout:"],
  ["a number that is no double", "timeout: 9007199254740993"],
  ["yes for true", "debug: yes"],
  ["no boolean", "debug:"],
  ["a quoted word for a boolean", 'pull-image-on-create: "foo"'],
  ["a text for a boolean", "disable-pull-on-run: foo"],
  ["a list", "runtime-endpoint: [x]"],
  ["a mapping", "runtime-endpoint:\n  a: b"],
  ["a list at the top", "- timeout"],
  ["a text at the top", "timeout"],
  ["an alias", "runtime-endpoint: &a x\nimage-endpoint: *a"],
  ["an unknown tag", "timeout: !seconds 5"],
  ["two documents", "timeout: 1\n---\ntimeout: 2\n"],
  ["a tab for indentation", "\ttimeout: 1"],
  ["a quote that does not end", 'runtime-endpoint: "x'],
  ["brackets without end", "[".repeat(60_000)],
  ["braces without end", "{".repeat(60_000)],
  ["lists in lists", "- ".repeat(30_000)],
  ["keys in keys", "? ".repeat(30_000)],
  ["too much", `# ${"x".repeat(262_144)}`],
] as const) {
  test(`no configuration: ${name}`, () => {
    assert.throws(() => parseCrictlConfig(text), { name: "CriError", code: "ERR_CRI_CONFIG_INVALID" });
    assert.throws(() => setCrictlConfig(text, { timeout: 1 }), { code: "ERR_CRI_CONFIG_INVALID" });
  });
}

test("a change keeps comments, order and what else there is", () => {
  const text = `# for the node
runtime-endpoint: unix:///run/containerd/containerd.sock # the runtime
# seconds
timeout: 2 # short

debug: false
`;
  assert.equal(
    setCrictlConfig(text, { timeout: 10, runtimeEndpoint: "unix:///run/crio/crio.sock", maxRetries: 0 }),
    `# for the node
runtime-endpoint: "unix:///run/crio/crio.sock" # the runtime
# seconds
timeout: 10 # short

debug: false
max-retries: 0
`,
  );
  assert.equal(setCrictlConfig(text, {}), text);
});

test("of two entries with one key the one that counts is changed", () => {
  const changed = setCrictlConfig("timeout: 1\ntimeout: 2\n", { timeout: 3 });
  assert.equal(changed, "timeout: 1\ntimeout: 3\n");
  assert.equal(parseCrictlConfig(changed).timeout, 3);
});

test("a first entry, with nothing or only comments there", () => {
  assert.equal(setCrictlConfig("", { debug: true }), "debug: true\n");
  const changed = setCrictlConfig("# a comment\n", { debug: true });
  assert.match(changed, /^# a comment\n/);
  assert.equal(parseCrictlConfig(changed).debug, true);
  assert.deepEqual(parseCrictlConfig(setCrictlConfig("timeout: 1", { timeout: 0 })), NOTHING);
});

test("an endpoint is a text whatever it looks like", () => {
  for (const runtimeEndpoint of [
    "",
    "~",
    "true",
    "5",
    "a: b",
    "x # y",
    '"',
    "\\",
    "[",
    "*a",
    "日本 ",
    "- x",
  ]) {
    const changed = setCrictlConfig("timeout: 1\n", { runtimeEndpoint });
    assert.deepEqual(parseCrictlConfig(changed), { ...NOTHING, timeout: 1, runtimeEndpoint });
  }
});

test("changes that no configuration has are the caller's mistake", () => {
  const wrong: object[] = [
    { runtime: "x" },
    { toString: "x" },
    { timeout: "5" },
    { timeout: 1.5 },
    { timeout: Number.NaN },
    { debug: "true" },
    { runtimeEndpoint: 5 },
    { runtimeEndpoint: "a\nb" },
    { runtimeEndpoint: "a\0b" },
    { runtimeEndpoint: "\ud800" },
    { imageEndpoint: null },
  ];
  for (const changes of wrong) {
    assert.throws(() => setCrictlConfig("", changes), TypeError, JSON.stringify(changes));
  }
});
