/**
 * The `fulcio` and `pki` objects of a `sigstoreSigned` requirement.
 *
 * @module
 */
import type { JsonNode } from "../core/strict-json.ts";
import { bytesOf, policyError, readStrict, textOf } from "./members.ts";
import type { DataSource, FulcioTrust, PkiTrust } from "./types.ts";

/** What a `fulcio` object says. */
export type FulcioMembers = Pick<FulcioTrust, "ca" | "oidcIssuer" | "subjectEmail">;

/** What a `pki` object says. */
export type PkiMembers = Omit<PkiTrust, "kind">;

/** Reads a `fulcio` object. */
export function readFulcio(node: JsonNode): FulcioMembers {
  const ca = dataReaders("caPath", "caData");
  let oidcIssuer = "";
  let subjectEmail = "";
  readStrict(node, {
    ...ca.readers,
    oidcIssuer: (value) => {
      oidcIssuer = textOf(value);
    },
    subjectEmail: (value) => {
      subjectEmail = textOf(value);
    },
  });
  const source = required(node, ca);
  if (oidcIssuer === "") {
    throw policyError(node, "ERR_POLICY_SUBJECT_MISSING", "oidcIssuer not specified");
  }
  if (subjectEmail === "") {
    throw policyError(node, "ERR_POLICY_SUBJECT_MISSING", "subjectEmail not specified");
  }
  return { ca: source, oidcIssuer, subjectEmail };
}

/** Reads a `pki` object. */
export function readPki(node: JsonNode): PkiMembers {
  const roots = dataReaders("caRootsPath", "caRootsData");
  const intermediates = dataReaders("caIntermediatesPath", "caIntermediatesData");
  let subjectEmail = "";
  let subjectHostname = "";
  readStrict(node, {
    ...roots.readers,
    ...intermediates.readers,
    subjectEmail: (value) => {
      subjectEmail = textOf(value);
    },
    subjectHostname: (value) => {
      subjectHostname = textOf(value);
    },
  });
  const caRoots = required(node, roots);
  const caIntermediates = atMostOne(node, intermediates);
  if (subjectEmail === "" && subjectHostname === "") {
    throw policyError(
      node,
      "ERR_POLICY_SUBJECT_MISSING",
      "At least one of subjectEmail, subjectHostname must be specified",
    );
  }
  return {
    caRoots,
    ...(caIntermediates ? { caIntermediates } : {}),
    ...(subjectEmail !== "" ? { subjectEmail } : {}),
    ...(subjectHostname !== "" ? { subjectHostname } : {}),
  };
}

interface DataReaders {
  readers: Record<string, (value: JsonNode) => void>;
  /** `PATH and DATA`, the members' names as messages join them. */
  names: string;
  sources: DataSource[];
}

function dataReaders(path: string, data: string): DataReaders {
  const sources: DataSource[] = [];
  const readers: Record<string, (value: JsonNode) => void> = {
    [path]: (value) => {
      const text = textOf(value);
      if (text !== "") sources.push({ kind: "path", path: text });
    },
    [data]: (value) => {
      const bytes = bytesOf(value);
      if (bytes) sources.push({ kind: "data", data: bytes });
    },
  };
  return { readers, names: `${path} and ${data}`, sources };
}

function atMostOne(node: JsonNode, { names, sources }: DataReaders): DataSource | undefined {
  if (sources.length > 1) {
    throw policyError(node, "ERR_POLICY_CA_CONFLICT", `${names} cannot be used simultaneously`);
  }
  return sources[0];
}

function required(node: JsonNode, readers: DataReaders): DataSource {
  const source = atMostOne(node, readers);
  if (source) return source;
  throw policyError(node, "ERR_POLICY_CA_MISSING", `At least one of ${readers.names} must be specified`);
}
