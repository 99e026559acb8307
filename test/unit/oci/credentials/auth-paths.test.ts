import assert from "node:assert/strict";
import { test } from "node:test";
import { authFilePaths } from "../../../../src/oci/credentials/auth-paths.ts";

const linux = { env: {}, home: "/home/u", uid: 7, os: "linux" } as const;
const paths = (options: Parameters<typeof authFilePaths>[0]) =>
  authFilePaths(options).map(({ path }) => path);

test("Linux without variables; an empty one is none", () => {
  const expected = [
    "/run/containers/7/auth.json",
    "/home/u/.config/containers/auth.json",
    "/home/u/.docker/config.json",
    "/home/u/.dockercfg",
  ];
  assert.deepEqual(paths(linux), expected);
  assert.deepEqual(
    paths({ ...linux, env: { XDG_RUNTIME_DIR: "", XDG_CONFIG_HOME: "", DOCKER_CONFIG: "" } }),
    expected,
  );
  assert.deepEqual(
    authFilePaths(linux).map(({ legacy }) => legacy),
    [false, false, false, true],
  );
});

test("a root goes in front of /run only, and before XDG_RUNTIME_DIR", () => {
  assert.deepEqual(paths({ ...linux, rootPrefix: "/mnt", env: { XDG_RUNTIME_DIR: "/run/user/7" } }), [
    "/mnt/run/containers/7/auth.json",
    "/home/u/.config/containers/auth.json",
    "/home/u/.docker/config.json",
    "/home/u/.dockercfg",
  ]);
});

test("Windows has its own separators, and no folder for the time of a session", () => {
  const options = { env: { XDG_RUNTIME_DIR: "C:\\run" }, home: "C:\\Users\\u", uid: 0, os: "win32" } as const;
  assert.deepEqual(paths(options), [
    "C:\\Users\\u\\.config\\containers\\auth.json",
    "C:\\Users\\u\\.config\\containers\\auth.json",
    "C:\\Users\\u\\.docker\\config.json",
    "C:\\Users\\u\\.dockercfg",
  ]);
});

test("Docker has one file", () => {
  assert.deepEqual(paths({ ...linux, rules: "docker" }), ["/home/u/.docker/config.json"]);
  assert.deepEqual(paths({ ...linux, rules: "docker", env: { DOCKER_CONFIG: "/dk" } }), ["/dk/config.json"]);
  assert.deepEqual(paths({ ...linux, rules: "both", authFile: "/x" }), ["/x"]);
});

test("a file that is named goes before one of the older form", () => {
  assert.deepEqual(authFilePaths({ ...linux, authFile: "/a", legacyAuthFile: "/b" }), [
    { path: "/a", legacy: false },
  ]);
});
