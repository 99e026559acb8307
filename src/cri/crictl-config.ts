/**
 * crictl's configuration file, as texts.
 *
 * ```text
 * runtime-endpoint: TEXT           ; the endpoint of the runtime
 * image-endpoint: TEXT             ; that of the image service
 * timeout: SECONDS                 ; for each call
 * debug: BOOL
 * pull-image-on-create: BOOL
 * disable-pull-on-run: BOOL
 * max-retries: COUNT               ; below 0: without end
 * ```
 *
 * A mapping in YAML of which crictl reads the texts of the values: a quoted number is a number, and a boolean is one
 * of `1 t T TRUE true True 0 f F FALSE false False`. The last of several entries with one key counts.
 *
 * @see {@link https://github.com/kubernetes-sigs/cri-tools/blob/v1.36.0/docs/crictl.md}
 * @module
 */
import {
  type Document,
  isMap,
  isScalar,
  Lexer,
  Pair,
  Parser,
  parseDocument,
  Scalar,
  type YAMLMap,
} from "yaml";
import { isYamlDeeper } from "../core/yaml-depth.ts";
import { CriError } from "./errors.ts";

/** What a configuration file of crictl says. */
export interface CrictlConfig {
  /** Empty: not set. */
  runtimeEndpoint: string;
  /** Empty: not set. */
  imageEndpoint: string;
  /** Seconds for each call; 0 or less: not set. */
  timeout: number;
  debug: boolean;
  /** Whether `create` pulls the image. */
  pullImageOnCreate: boolean;
  /** Whether `run` does not. */
  disablePullOnRun: boolean;
  /** How many times connecting is tried again: 0 where the file does not say it, and without end below 0. */
  maxRetries: number;
}

const KEYS: { readonly [K in keyof CrictlConfig]: string } = {
  runtimeEndpoint: "runtime-endpoint",
  imageEndpoint: "image-endpoint",
  timeout: "timeout",
  debug: "debug",
  pullImageOnCreate: "pull-image-on-create",
  disablePullOnRun: "disable-pull-on-run",
  maxRetries: "max-retries",
};

/** Most characters that are read. */
const MAX_LENGTH = 256 * 1024;

/**
 * What a text of crictl's configuration says. Endpoints in it are not parsed.
 *
 * @throws {CriError} `ERR_CRI_CONFIG_INVALID` for what is not a mapping in YAML, an unknown key, a value of a wrong
 * type, an alias, and a text of more than 262144 characters.
 */
export function parseCrictlConfig(text: string): CrictlConfig {
  const config: CrictlConfig = {
    runtimeEndpoint: "",
    imageEndpoint: "",
    timeout: 0,
    debug: false,
    pullImageOnCreate: false,
    disablePullOnRun: false,
    maxRetries: 0,
  };
  for (const [key, value] of entriesOf(readDocument(text))) {
    switch (key) {
      case KEYS.runtimeEndpoint:
        config.runtimeEndpoint = value;
        break;
      case KEYS.imageEndpoint:
        config.imageEndpoint = value;
        break;
      case KEYS.timeout:
        config.timeout = integerOf(key, value);
        break;
      case KEYS.debug:
        config.debug = booleanOf(key, value);
        break;
      case KEYS.pullImageOnCreate:
        config.pullImageOnCreate = booleanOf(key, value);
        break;
      case KEYS.disablePullOnRun:
        config.disablePullOnRun = booleanOf(key, value);
        break;
      case KEYS.maxRetries:
        config.maxRetries = integerOf(key, value);
        break;
      default:
        throw invalid(`${JSON.stringify(key.slice(0, 256))} is not a key of it`);
    }
  }
  return config;
}

/**
 * The text with other values, its comments and the rest of its values kept. What is not there yet comes last.
 *
 * Endpoints are not parsed. A text without entries gets its first ones.
 *
 * @throws {CriError} `ERR_CRI_CONFIG_INVALID` as {@link parseCrictlConfig} does.
 * @throws {TypeError} for a member that a configuration does not have, a value of another type, and an endpoint with
 * a character that no line of text has.
 */
export function setCrictlConfig(text: string, changes: Partial<CrictlConfig>): string {
  const before = parseCrictlConfig(text);
  const document = readDocument(text);
  const map: YAMLMap = isMap(document.contents) ? document.contents : document.createNode({});
  document.contents = map;
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(KEYS, name)) throw new TypeError(`${JSON.stringify(name)} is not a setting of crictl`);
    const member = name as keyof CrictlConfig;
    setEntry(map, KEYS[member], settingText(member, value, typeof before[member]));
  }
  return document.toString({ lineWidth: 0 });
}

function settingText(name: string, value: unknown, type: string): Scalar {
  if (typeof value !== type) throw new TypeError(`${name} is not a ${type}`);
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new TypeError(`${name} is not a whole number`);
  }
  if (typeof value === "string" && /[\p{Cc}\p{Surrogate}\u2028\u2029\ufeff]/u.test(value)) {
    throw new TypeError(`${name} has a character that no line of text has`);
  }
  const scalar = new Scalar(String(value));
  // Quoted, since it is a word that YAML has other uses for, or may have.
  if (typeof value === "string") scalar.type = "QUOTE_DOUBLE";
  return scalar;
}

/** Sets the entry that counts: the last one of its key. */
function setEntry(map: YAMLMap, key: string, value: Scalar): void {
  const pair = map.items.findLast((each) => isScalar(each.key) && each.key.value === key);
  if (!pair) {
    map.items.push(new Pair(new Scalar(key), value));
    return;
  }
  const { value: old } = pair;
  if (isScalar(old)) {
    value.comment = old.comment ?? null;
    value.commentBefore = old.commentBefore ?? null;
  }
  pair.value = value;
}

function readDocument(text: string): Document {
  if (text.length > MAX_LENGTH) throw invalid(`it has more than ${MAX_LENGTH} characters`);
  if (isYamlDeeper({ Lexer, Parser }, text, 1)) throw invalid("a value in it is a list or a mapping");
  // Every scalar is a text to this schema, as it is to crictl.
  const document = parseDocument(text, { schema: "failsafe", uniqueKeys: false, prettyErrors: false });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) throw invalid(`it is not YAML: ${problem.message}`, problem);
  return document;
}

function entriesOf({ contents }: Document): [key: string, value: string][] {
  if (contents === null || (isScalar(contents) && contents.value === "")) return [];
  if (!isMap(contents)) throw invalid("it is not a mapping");
  return contents.items.map(({ key, value }) => {
    if (!isScalar(key) || typeof key.value !== "string") throw invalid("a key in it is not a text");
    const name = JSON.stringify(key.value.slice(0, 256));
    // A key without a colon behind it, in a flow mapping, has no value at all.
    if (value === null) return [key.value, ""];
    if (!isScalar(value) || typeof value.value !== "string") throw invalid(`${name} is not a text`);
    return [key.value, value.value];
  });
}

function integerOf(key: string, text: string): number {
  const value = /^[-+]?[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw invalid(`${key} is not a whole number`);
  return value;
}

function booleanOf(key: string, text: string): boolean {
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(?:0|f|F|FALSE|false|False)$/.test(text)) return false;
  throw invalid(`${key} is neither true nor false`);
}

function invalid(why: string, cause?: unknown): CriError {
  const options = cause === undefined ? {} : { cause };
  return new CriError("ERR_CRI_CONFIG_INVALID", `crictl's configuration cannot be used: ${why}`, options);
}
