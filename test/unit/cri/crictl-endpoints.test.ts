import assert from "node:assert/strict";
import { test } from "node:test";
import {
  defaultCriEndpoints,
  parseCrictlConfig,
  parseCriEndpoint,
  type ResolveCriEndpointsInput,
  resolveCriEndpoints,
} from "../../../src/cri/index.ts";

const flags = { runtimeEndpoint: "/flag-r", imageEndpoint: "/flag-i", timeout: 5, maxRetries: 9 };
const env = { CONTAINER_RUNTIME_ENDPOINT: "/env-r", IMAGE_SERVICE_ENDPOINT: "/env-i" };
const config = parseCrictlConfig(
  "runtime-endpoint: /file-r\nimage-endpoint: /file-i\ntimeout: 7\nmax-retries: 2\n",
);

function resolve(input: Partial<ResolveCriEndpointsInput>) {
  const { runtime, image, timeoutMs, connectRetries } = resolveCriEndpoints({
    env: {},
    platform: "linux",
    ...input,
  });
  return [runtime, image, timeoutMs, connectRetries].map(({ value, origin }) => [value, origin]);
}

const SOCKETS = [
  "unix:///run/containerd/containerd.sock",
  "unix:///run/crio/crio.sock",
  "unix:///var/run/cri-dockerd.sock",
];

const CASES: [name: string, input: Partial<ResolveCriEndpointsInput>, expected: unknown[]][] = [
  [
    "flags before all",
    { flags, env, config },
    [
      [["/flag-r"], "flag"],
      [["/flag-i"], "flag"],
      [5000, "flag"],
      [9, "flag"],
    ],
  ],
  [
    "the environment before the file",
    { env, config },
    [
      [["/env-r"], "environment"],
      [["/env-i"], "environment"],
      [7000, "file"],
      [2, "file"],
    ],
  ],
  [
    "the file before the default",
    { config },
    [
      [["/file-r"], "file"],
      [["/file-i"], "file"],
      [7000, "file"],
      [2, "file"],
    ],
  ],
  [
    "the default",
    {},
    [
      [SOCKETS, "default"],
      [SOCKETS, "default"],
      [2000, "default"],
      [3, "default"],
    ],
  ],
  [
    "each on its own",
    { flags: { imageEndpoint: "/flag-i" }, env: { CONTAINER_RUNTIME_ENDPOINT: "/env-r" } },
    [
      [["/env-r"], "environment"],
      [["/flag-i"], "flag"],
      [2000, "default"],
      [3, "default"],
    ],
  ],
  [
    "images where the runtime is",
    { env: { CONTAINER_RUNTIME_ENDPOINT: "/env-r" } },
    [
      [["/env-r"], "environment"],
      [["/env-r"], "runtime-endpoint"],
      [2000, "default"],
      [3, "default"],
    ],
  ],
  [
    "an image endpoint of the file before the runtime of a flag",
    { flags: { runtimeEndpoint: "/flag-r" }, config },
    [
      [["/flag-r"], "flag"],
      [["/file-i"], "file"],
      [7000, "file"],
      [2, "file"],
    ],
  ],
  [
    "empty texts are none, and an empty file has no retries",
    {
      flags: { runtimeEndpoint: "", imageEndpoint: "", timeout: 0 },
      env: { CONTAINER_RUNTIME_ENDPOINT: "", IMAGE_SERVICE_ENDPOINT: "" },
      config: parseCrictlConfig(""),
    },
    [
      [SOCKETS, "default"],
      [SOCKETS, "default"],
      [2000, "default"],
      [0, "file"],
    ],
  ],
  [
    "retries without end",
    { flags: { maxRetries: -1 }, config },
    [
      [["/file-r"], "file"],
      [["/file-i"], "file"],
      [7000, "file"],
      [Infinity, "flag"],
    ],
  ],
  [
    "a flag of no retries",
    { flags: { maxRetries: 0, timeout: -1 }, config },
    [
      [["/file-r"], "file"],
      [["/file-i"], "file"],
      [7000, "file"],
      [0, "flag"],
    ],
  ],
];

for (const [name, input, expected] of CASES) {
  test(`resolved: ${name}`, () => assert.deepEqual(resolve(input), expected));
}

test("the default sockets of each platform are endpoints there", () => {
  const found = defaultCriEndpoints("freebsd");
  assert.ok(found.every((endpoint) => endpoint.startsWith("unix:///var/run/")));
  for (const [platform, kind] of [
    ["linux", "unix"],
    ["freebsd", "unix"],
    ["win32", "windows"],
  ] as const) {
    for (const endpoint of defaultCriEndpoints(platform)) parseCriEndpoint(endpoint, { platform: kind });
  }
  assert.deepEqual(defaultCriEndpoints("win32"), [
    "npipe:////./pipe/containerd-containerd",
    "npipe:////./pipe/cri-dockerd",
  ]);
  const { timeoutMs } = resolveCriEndpoints({ env: {}, platform: "win32" });
  assert.equal(timeoutMs.value, 200_000);
});

test("a time that no call takes is the longest that one does", () => {
  assert.deepEqual(resolve({ flags: { timeout: 1e12 } })[2], [2 ** 31 - 1, "flag"]);
});
