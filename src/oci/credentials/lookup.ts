/**
 * Credentials for a repository, out of files and helpers, and how they were found.
 *
 * @module
 */
import { isLadingError } from "../../core/errors.ts";
import type { SignalOptions } from "../../core/signal.ts";
import type { Credentials } from "../credentials.ts";
import { OciError } from "../errors.ts";
import type { CredentialRules, EmptyEntryReason } from "./auth-entry.ts";
import type { AuthFile } from "./auth-file.ts";
import { type AuthFileAnswer, findInAuthFile } from "./auth-file-lookup.ts";
import { checkAuthKey, hostOfKey } from "./auth-key.ts";
import type { AuthFilePath } from "./auth-paths.ts";
import { getFromHelper } from "./helper.ts";
import type { RunCredentialHelper } from "./helper-protocol.ts";

/** Among credential helpers, the name that stands for the credential files. */
export const AUTH_FILES_HELPER = "containers-auth.json";

/** Reads a credential file; undefined if there is none. */
export type ReadAuthFile = (file: AuthFilePath, options: SignalOptions) => Promise<AuthFile | undefined>;

/** One thing that was looked at. */
export type CredentialsStep =
  /** Credentials that the caller gave. */
  | { kind: "explicit" }
  | {
      kind: "file";
      path: string;
      /** No such file, nothing in it for the key, an entry without credentials, or one with. */
      outcome: "missing" | "none" | "empty" | "found";
      /** Key of the entry that decided; absent where there was none. */
      key?: string;
      /** Why the entry counts as empty. */
      reason?: EmptyEntryReason;
    }
  | { kind: "file"; path: string; outcome: "failed"; error: OciError }
  | {
      kind: "helper";
      /** Name of the helper. */
      helper: string;
      /** What it was asked for. */
      server: string;
      /** The file that names it; absent for one of `credentialHelpers`. */
      path?: string;
      outcome: "none" | "found";
    }
  | { kind: "helper"; helper: string; server: string; path?: string; outcome: "failed"; error: OciError };

/** What was found, and how. */
export interface CredentialsLookup {
  /** Absent: there are none, and the registry is to be asked without. */
  credentials?: Credentials;
  /** What was looked at, in order; the last one gave the credentials, if there are any. It holds no secret. */
  steps: CredentialsStep[];
}

/** Options of {@link lookUpCredentials}. */
export interface LookUpCredentialsOptions extends SignalOptions {
  /** Files to look at, in order; of a path that stands twice the first place counts. */
  files: readonly AuthFilePath[];
  readAuthFile: ReadAuthFile;
  /**
   * What is asked in which order: names of helpers, and `containers-auth.json` for the files, as `credential-helpers`
   * of `registries.conf` has them. Default: the files alone.
   */
  credentialHelpers?: readonly string[] | undefined;
  /** Runs helpers. Without it every helper counts as missing, which is a failure. */
  run?: RunCredentialHelper | undefined;
  /** Whose reading of the files counts. Default `"containers"`. */
  rules?: CredentialRules | undefined;
  /** Credentials that go before everything else. */
  explicit?: Credentials | undefined;
}

/**
 * The credentials for a repository, namespace or host such as `docker.io/library/busybox`.
 *
 * The first that are found win. In a file the first key that is there decides, and where its entry is empty the next
 * file is looked at. A helper or file that fails does not end the search, except that of the files nothing after one
 * that failed is looked at; if nothing is found in the end the failure is thrown.
 *
 * @throws {OciError} `ERR_OCI_AUTH_FILE_INVALID`, `ERR_OCI_CREDENTIAL_HELPER`: the one failure, or the first of several
 * with an `AggregateError` of all in `cause`; also what `readAuthFile` rejects with.
 * @throws {TypeError} for a key that is a URL or has a tag or digest.
 */
export async function lookUpCredentials(
  key: string,
  options: LookUpCredentialsOptions,
): Promise<CredentialsLookup> {
  const { credentialHelpers = [AUTH_FILES_HELPER], explicit, signal } = options;
  const check = checkAuthKey(key);
  if (check.kind === "invalid")
    throw new TypeError(`no key of a repository, namespace or host: ${check.reason}`);
  signal?.throwIfAborted();
  if (explicit) return { credentials: explicit, steps: [{ kind: "explicit" }] };
  const search: Search = { key, options, steps: [], failures: [] };
  for (const helper of credentialHelpers) {
    const credentials =
      helper === AUTH_FILES_HELPER
        ? await searchFiles(search)
        : await askHelper(search, { helper, server: hostOfKey(key) });
    if (credentials) return { credentials, steps: search.steps };
  }
  const [first] = search.failures;
  if (!first) return { steps: search.steps };
  if (search.failures.length === 1) throw first;
  const cause = new AggregateError(search.failures, "no credentials were found");
  throw new OciError(first.code, `${first.message} (and ${search.failures.length - 1} more)`, { cause });
}

interface Search {
  key: string;
  options: LookUpCredentialsOptions;
  steps: CredentialsStep[];
  failures: OciError[];
}

async function searchFiles(search: Search): Promise<Credentials | undefined> {
  const seen = new Set<string>();
  for (const file of search.options.files) {
    if (seen.has(file.path)) continue;
    seen.add(file.path);
    const failuresBefore = search.failures.length;
    const credentials = await searchFile(search, file);
    if (credentials || search.failures.length > failuresBefore) return credentials;
  }
  return undefined;
}

/** What a file gives; a failure is put down as one. */
async function searchFile(search: Search, place: AuthFilePath): Promise<Credentials | undefined> {
  const { key, options, steps } = search;
  const { path, legacy } = place;
  const { rules = "containers", signal } = options;
  try {
    const file = await options.readAuthFile(place, { signal });
    signal?.throwIfAborted();
    if (!file) {
      steps.push({ kind: "file", path, outcome: "missing" });
      return undefined;
    }
    const first = findInAuthFile(file, key, { rules: rules === "docker" ? "docker" : "containers", legacy });
    const credentials = await follow(search, path, first);
    // An entry of a namespace that is empty decides for it: Docker's rules know no namespaces.
    const decided = first.kind === "empty" && first.key.includes("/") && !/^https?:/.test(first.key);
    if (credentials || rules !== "both" || decided) return credentials;
    const second = findInAuthFile(file, key, { rules: "docker", legacy });
    return isSameAnswer(first, second) ? undefined : await follow(search, path, second);
  } catch (error) {
    const failure = failureOf(error, signal);
    const inFile = new OciError(failure.code, `${path}: ${failure.message}`, { cause: failure });
    steps.push({ kind: "file", path, outcome: "failed", error: inFile });
    search.failures.push(inFile);
    return undefined;
  }
}

function follow(search: Search, path: string, answer: AuthFileAnswer): Promise<Credentials | undefined> {
  if (answer.kind === "helper") {
    return askHelper(search, { helper: answer.helper, server: answer.server, path });
  }
  const { steps } = search;
  if (answer.kind === "credentials") {
    steps.push({ kind: "file", path, outcome: "found", key: answer.key });
    return Promise.resolve(answer.credentials);
  }
  if (answer.kind === "none") steps.push({ kind: "file", path, outcome: "none" });
  else steps.push({ kind: "file", path, outcome: "empty", key: answer.key, reason: answer.reason });
  return Promise.resolve(undefined);
}

/** What a helper gives; a failure is put down as one. */
async function askHelper(
  { options, steps, failures }: Search,
  question: { helper: string; server: string; path?: string },
): Promise<Credentials | undefined> {
  const { run = () => Promise.resolve({ kind: "missing" as const }), signal } = options;
  const { helper, server } = question;
  try {
    const credentials = server === "" ? undefined : await getFromHelper(helper, server, { run, signal });
    signal?.throwIfAborted();
    steps.push({ kind: "helper", ...question, outcome: credentials ? "found" : "none" });
    return credentials;
  } catch (error) {
    const failure = failureOf(error, signal);
    steps.push({ kind: "helper", ...question, outcome: "failed", error: failure });
    failures.push(failure);
    return undefined;
  }
}

/** The error, if it says that a file or helper is broken; an abort and any other error goes on its way. */
function failureOf(error: unknown, signal: AbortSignal | undefined): OciError {
  signal?.throwIfAborted();
  if (isLadingError(error) && error instanceof OciError) return error;
  throw error;
}

/** Whether asking by the other rules would only do the same again. */
function isSameAnswer(a: AuthFileAnswer, b: AuthFileAnswer): boolean {
  if (a.kind === "helper") return b.kind === "helper" && a.helper === b.helper && a.server === b.server;
  if (a.kind === "none") return b.kind === "none";
  return a.kind === "empty" && b.kind === "empty" && a.key === b.key;
}
