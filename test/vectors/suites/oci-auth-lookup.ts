/** Credential files, their keys, and looking up in them with helpers. */
import { parseAuthFile } from "../../../src/oci/credentials/auth-file.ts";
import { authKeyOrder, checkAuthKey, normaliseAuthFileKey } from "../../../src/oci/credentials/auth-key.ts";
import { authFilePaths } from "../../../src/oci/credentials/auth-paths.ts";
import type { RunCredentialHelper } from "../../../src/oci/credentials/helper-protocol.ts";
import { lookUpCredentials } from "../../../src/oci/credentials/lookup.ts";
import type { Credentials } from "../../../src/oci/credentials.ts";
import { OciError } from "../../../src/oci/errors.ts";
import type { VectorFields, VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }) {
    switch (input["op"]) {
      case "files":
        return files(input);
      case "keyOrder":
        return { keys: authKeyOrder(text(input["key"]), { legacy: input["legacy"] === true }) };
      case "normaliseFileKey":
        return { key: normaliseAuthFileKey(text(input["key"]), { legacy: input["legacy"] === true }) };
      case "validateKey": {
        const check = checkAuthKey(text(input["key"]));
        return check.kind === "valid" ? { valid: true, namespaced: check.namespaced } : { valid: false };
      }
      case "lookup":
        return lookUp(input);
      default:
        throw new TypeError(`unknown op ${String(input["op"])}`);
    }
  },
};
export default suite;

function files(input: VectorFields): unknown {
  const env = Object.fromEntries(
    Object.entries(fields(input["env"])).map(([name, value]) => [name, text(value)]),
  );
  const absent = list(input["absent"]).map(text);
  const paths = authFilePaths({
    env,
    home: text(input["home"]),
    uid: Number(input["uid"]),
    os: text(input["os"]) as NodeJS.Platform,
    authFile: optionalText(input["authFile"]),
    legacyAuthFile: optionalText(input["legacyAuthFile"]),
    rootPrefix: optionalText(input["rootPrefix"]),
    runtimeDirMissing: absent.includes(env["XDG_RUNTIME_DIR"] ?? ""),
  });
  return { files: paths.map(({ path, legacy }) => (legacy ? `${path} (legacy)` : path)) };
}

async function lookUp(input: VectorFields): Promise<unknown> {
  const given = list(input["files"]).map(fields);
  const explicit = input["explicit"] === undefined ? undefined : fields(input["explicit"]);
  try {
    const { credentials } = await lookUpCredentials(text(input["key"]), {
      files: given.map((file) => ({ path: text(file["path"]), legacy: file["legacy"] === true })),
      readAuthFile: async ({ path, legacy }) => {
        const file = given.find((each) => each["path"] === path);
        return file && parseAuthFile(JSON.stringify(file["json"]), { legacy });
      },
      run: helpersOf(fields(input["helpers"])),
      credentialHelpers:
        input["credentialHelpers"] === undefined ? undefined : list(input["credentialHelpers"]).map(text),
      explicit: explicit && {
        kind: "password",
        username: text(explicit["username"]),
        password: text(explicit["password"]),
      },
    });
    return { credentials: credentials ? flat(credentials) : null };
  } catch (error) {
    if (!(error instanceof OciError)) throw error;
    return { error: /illegal base64/.test(error.message) ? "illegal base64" : error.code };
  }
}

/** Programs that answer as the helpers of a case do. */
function helpersOf(helpers: VectorFields): RunCredentialHelper {
  return async ({ name, input }) => {
    if (!Object.hasOwn(helpers, name)) return { kind: "missing" };
    const servers = fields(helpers[name]);
    const answer = Object.hasOwn(servers, input)
      ? fields(servers[input])
      : { error: "credentials not found in native keychain" };
    const failure = optionalText(answer["error"]);
    const stdout = Buffer.from(failure ?? JSON.stringify({ ServerURL: input, ...answer }));
    return { kind: "ended", exitCode: failure === undefined ? 0 : 1, stdout };
  };
}

/** The form in which the cases have credentials. */
function flat(credentials: Credentials): unknown {
  if (credentials.kind === "identity-token") {
    return { identityToken: credentials.token, username: credentials.username };
  }
  return credentials.kind === "password"
    ? { username: credentials.username, password: credentials.password }
    : { registryToken: credentials.token };
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new TypeError("text expected");
  return value;
}

function optionalText(value: unknown): string | undefined {
  return value === undefined ? undefined : text(value);
}

function list(value: unknown): unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw new TypeError("list expected");
  return value;
}

function fields(value: unknown): VectorFields {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError("map expected");
  return value as VectorFields;
}
