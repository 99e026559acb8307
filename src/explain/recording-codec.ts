/**
 * Values of a recording as JSON, and errors of lading as values.
 *
 * Bytes stand there with their hash, which is compared when they are read.
 *
 * @module
 */
import { ConfigError, type ConfigErrorCode } from "../config/errors.ts";
import { digestOf } from "../core/digest.ts";
import { CoreError, type CoreErrorCode, isLadingError, type LadingErrorOptions } from "../core/errors.ts";
import { OciError, type OciErrorCode, type RegistryErrorEntry } from "../oci/errors.ts";
import { PolicyError, type PolicyErrorClass, type PolicyErrorCode } from "../policy/errors.ts";
import { SeccompError, type SeccompErrorCode } from "../seccomp/errors.ts";
import { ExplainError, type ExplainErrorCode } from "./errors.ts";

/** A value of a recording. */
export type Recorded =
  | null
  | boolean
  | number
  | string
  | readonly Recorded[]
  | { readonly [name: string]: Recorded };

const MAX_DEPTH = 64;

/**
 * A value as JSON: plain data with bytes, big integers and maps in it. Members that are undefined are left out.
 *
 * @throws {ExplainError} `ERR_EXPLAIN_SECRET` for bytes of a private key.
 * @throws {TypeError} For what is no such value.
 */
export function encode(value: unknown, depth = 0): Recorded {
  if (depth > MAX_DEPTH) throw new TypeError("a value is nested too deep for a recording");
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value === "bigint") return { $int: String(value) };
  if (value instanceof Uint8Array) return encodeBytes(value);
  if (Array.isArray(value)) return value.map((each) => encode(each, depth + 1));
  if (value instanceof Map) {
    return { $map: [...value].map((pair) => encode([...pair], depth + 1)) };
  }
  if (typeof value !== "object") throw new TypeError(`no value of a recording: ${typeof value}`);
  const members: [string, Recorded][] = [];
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined)
      members.push([name.startsWith("$") ? `$${name}` : name, encode(member, depth + 1)]);
  }
  return Object.fromEntries(members);
}

function encodeBytes(bytes: Uint8Array): Recorded {
  const content = Buffer.from(bytes);
  // PEM, OpenPGP in ASCII, and the packet tag of a secret key in both of OpenPGP's forms.
  const tag = content[0] ?? 0;
  if (
    /-----BEGIN [A-Z0-9 ]*PRIVATE KEY/.test(content.toString("latin1")) ||
    tag === 0xc5 ||
    (tag & 0xfc) === 0x94
  ) {
    throw new ExplainError("ERR_EXPLAIN_SECRET", "a private key would be recorded");
  }
  return { $bytes: content.toString("base64"), digest: digestOf(content) };
}

/**
 * The value that {@link encode} was given.
 *
 * @throws {ExplainError} `ERR_EXPLAIN_RECORDING` for bytes with another hash, and what is no such JSON.
 */
export function decode(recorded: Recorded, depth = 0): unknown {
  if (depth > MAX_DEPTH) throw broken("a value is nested too deep");
  if (recorded === null || typeof recorded !== "object") return recorded;
  if (isList(recorded)) return recorded.map((each) => decode(each, depth + 1));
  const { $int, $bytes, $map } = recorded;
  if ($int !== undefined) return decodeInteger($int);
  if ($bytes !== undefined) return decodeBytes($bytes, recorded["digest"]);
  if ($map !== undefined) return decodeMap(decode($map, depth + 1));
  return Object.fromEntries(
    Object.entries(recorded).map(([name, member]) => [
      name.startsWith("$$") ? name.slice(1) : name,
      decode(member, depth + 1),
    ]),
  );
}

function isList(
  recorded: Exclude<Recorded, null | boolean | number | string>,
): recorded is readonly Recorded[] {
  return Array.isArray(recorded);
}

function decodeInteger(text: Recorded): bigint {
  if (typeof text !== "string" || !/^-?[0-9]{1,40}$/.test(text)) throw broken("an integer is none");
  return BigInt(text);
}

function decodeBytes(text: Recorded, digest: Recorded | undefined): Uint8Array {
  if (typeof text !== "string") throw broken("bytes are no text");
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text || digestOf(bytes) !== digest) {
    throw broken(`bytes are not those of ${JSON.stringify(digest)}`);
  }
  return Uint8Array.from(bytes);
}

function decodeMap(pairs: unknown): Map<unknown, unknown> {
  if (!Array.isArray(pairs) || !pairs.every((pair) => Array.isArray(pair) && pair.length === 2)) {
    throw broken("a map is no list of pairs");
  }
  return new Map(pairs as [unknown, unknown][]);
}

/** An error of a recording. */
export function broken(message: string, cause?: unknown): ExplainError {
  return new ExplainError("ERR_EXPLAIN_RECORDING", message, cause === undefined ? {} : { cause });
}

/** Errors whose text may have what a helper or a file with secrets says. */
const UNSAID: readonly string[] = ["ERR_OCI_CREDENTIAL_HELPER", "ERR_OCI_AUTH_FILE_INVALID"];
const MAX_CAUSES = 100;

/** An error as a value; undefined for what is no error of lading. */
export function encodeError(error: unknown): Recorded | undefined {
  if (!isLadingError(error)) return undefined;
  return errorValue(error, 0);
}

function errorValue(error: unknown, depth: number): Recorded {
  if (error instanceof AggregateError) {
    const { errors } = error;
    return {
      module: "aggregate",
      errors: errors.slice(0, MAX_CAUSES).map((each) => errorValue(each, depth + 1)),
    };
  }
  if (!isLadingError(error)) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return { module: "system", code };
  }
  const { code, cause } = error;
  const isUnsaid = UNSAID.includes(code);
  const about = {
    module: moduleOf(error),
    code,
    message: isUnsaid ? "the credentials could not be read" : error.message,
    ...(cause === undefined || isUnsaid || depth > MAX_DEPTH ? {} : { cause: errorValue(cause, depth + 1) }),
  };
  if (error instanceof PolicyError) return { ...about, errorClass: error.errorClass };
  if (!(error instanceof OciError)) return about;
  const { statusCode, errors, method, url, retryAfterMs } = error;
  const entries = errors.map(({ code: name, message }) => ({ code: name, message }));
  return { ...about, ...(encode({ statusCode, errors: entries, method, url, retryAfterMs }) as object) };
}

function moduleOf(error: Error): string {
  if (error instanceof OciError) return "oci";
  if (error instanceof PolicyError) return "policy";
  if (error instanceof SeccompError) return "seccomp";
  if (error instanceof ConfigError) return "config";
  return error instanceof ExplainError ? "explain" : "core";
}

/**
 * The error that {@link encodeError} was given, without what was left out.
 *
 * @throws {ExplainError} `ERR_EXPLAIN_RECORDING` for what is no such value.
 */
export function decodeError(recorded: Recorded, depth = 0): Error {
  const value = decode(recorded);
  if (depth > MAX_DEPTH || typeof value !== "object" || value === null) throw broken("an error is none");
  const fields = value as Readonly<Record<string, unknown>>;
  const inner = (recorded as { readonly [name: string]: Recorded })["cause"];
  const options: LadingErrorOptions = inner === undefined ? {} : { cause: decodeError(inner, depth + 1) };
  const code = textOf(fields["code"] ?? "");
  const message = textOf(fields["message"] ?? "");
  switch (fields["module"]) {
    case "aggregate": {
      const list = (recorded as { readonly [name: string]: Recorded })["errors"];
      if (!Array.isArray(list)) throw broken("an error has no list of others");
      return new AggregateError(list.map((each: Recorded) => decodeError(each, depth + 1)));
    }
    case "system":
      return Object.assign(new Error(code), { code });
    case "oci":
      return new OciError(code as OciErrorCode, message, {
        ...options,
        statusCode: numberOf(fields["statusCode"]),
        errors: (fields["errors"] ?? []) as RegistryErrorEntry[],
        method: fields["method"] as string | undefined,
        url: fields["url"] as string | undefined,
        retryAfterMs: numberOf(fields["retryAfterMs"]),
      });
    case "policy": {
      const errorClass = fields["errorClass"] as PolicyErrorClass;
      return new PolicyError(code as PolicyErrorCode, message, { ...options, errorClass });
    }
    case "seccomp":
      return new SeccompError(code as SeccompErrorCode, message, options);
    case "config":
      return new ConfigError(code as ConfigErrorCode, message, options);
    case "explain":
      return new ExplainError(code as ExplainErrorCode, message, options);
    case "core":
      return new CoreError(code as CoreErrorCode, message, options);
    default:
      throw broken("an error is of no module");
  }
}

function textOf(value: unknown): string {
  if (typeof value !== "string") throw broken("an error has no text");
  return value;
}

function numberOf(value: unknown): number | undefined {
  if (value === undefined || typeof value === "number") return value;
  throw broken("an error has no number");
}
