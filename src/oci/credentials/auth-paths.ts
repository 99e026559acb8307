/**
 * Where credential files are, and in which order they are looked at.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/containers-auth.json.5.md}
 * @see {@link https://docs.docker.com/reference/cli/docker/#environment-variables}
 * @module
 */
import { posix, win32 } from "node:path";
import type { CredentialRules } from "./auth-entry.ts";

/** One file to look at. */
export interface AuthFilePath {
  path: string;
  /** Whether it is in the form of `.dockercfg`. */
  legacy: boolean;
}

/** What {@link authFilePaths} goes by. */
export interface AuthFilePathsOptions {
  /** `XDG_RUNTIME_DIR`, `XDG_CONFIG_HOME` and `DOCKER_CONFIG` are read; an empty one counts as absent. */
  env: Readonly<Record<string, string | undefined>>;
  /** The user's home folder. */
  home: string;
  /** The user's number. */
  uid: number;
  /** Whose system it is: `process.platform`. */
  os: NodeJS.Platform;
  /** A file that is used alone. */
  authFile?: string | undefined;
  /** A file in the form of `.dockercfg` that is used alone; `authFile` goes before it. */
  legacyAuthFile?: string | undefined;
  /** Put in front of `/run`, on Linux; `XDG_RUNTIME_DIR` is then not used. Default none. */
  rootPrefix?: string | undefined;
  /** Whether the folder that `XDG_RUNTIME_DIR` names does not exist: then no file is looked for in it. Default false. */
  runtimeDirMissing?: boolean | undefined;
  /** Docker looks at its own file only. Default `"containers"`. */
  rules?: CredentialRules | undefined;
}

/**
 * The files in which credentials are looked for, in order.
 *
 * Outside Linux the same path can stand twice. `REGISTRY_AUTH_FILE` is read by command line programs and not by
 * the library that they share, and so not here.
 */
export function authFilePaths({
  env,
  home,
  uid,
  os,
  authFile = "",
  legacyAuthFile = "",
  rootPrefix = "",
  runtimeDirMissing = false,
  rules = "containers",
}: AuthFilePathsOptions): AuthFilePath[] {
  const { join } = os === "win32" ? win32 : posix;
  const file = (path: string): AuthFilePath => ({ path, legacy: false });
  if (authFile !== "") return [file(authFile)];
  if (legacyAuthFile !== "") return [{ path: legacyAuthFile, legacy: true }];
  const docker = file(join(env["DOCKER_CONFIG"] || join(home, ".docker"), "config.json"));
  if (rules === "docker") return [docker];
  const runtime = runtimePath();
  return [
    ...(runtime === undefined ? [] : [file(runtime)]),
    file(join(env["XDG_CONFIG_HOME"] || join(home, ".config"), "containers", "auth.json")),
    docker,
    { path: join(home, ".dockercfg"), legacy: true },
  ];

  function runtimePath(): string | undefined {
    if (os !== "linux") return join(home, ".config", "containers", "auth.json");
    const perUser = `/run/containers/${uid}/auth.json`;
    if (rootPrefix !== "") return join(rootPrefix, perUser);
    const runtimeDir = env["XDG_RUNTIME_DIR"] || "";
    if (runtimeDir === "") return perUser;
    return runtimeDirMissing ? undefined : join(runtimeDir, "containers", "auth.json");
  }
}
