/**
 * What a node has for encrypted layers, as an answer: files and programs by name, and nothing of a key.
 *
 * @module
 */
import { posix } from "node:path";
import type { DecryptionFolder, NodeDecryption } from "../config/node/decryption.ts";
import type { Origin } from "../config/origin.ts";
import type { DecryptionAnswer, DecryptionMeans } from "./answers.ts";
import { fails } from "./failures.ts";
import type { Step } from "./trace.ts";

/** What the decoder of containerd's and CRI-O's libraries says of a link. */
const NO_LINKS = "Symbolic links not supported in decryption keys paths";
/** The program whose arguments tell what it has. */
const DECODER = "ctd-decoder";

/** The answer of a node that opens images in this way. */
export function decryptionAnswer(found: NodeDecryption): DecryptionAnswer {
  switch (found.kind) {
    case "none": {
      const what = found.reason === "no-keys-path" ? "decryption_keys_path" : "image_decryption.key_model";
      return { steps: [{ what, outcome: "none", why: "encrypted layers are not opened" }], means: [] };
    }
    case "keys":
      return ofKeys(found);
    case "processors":
      return ofProcessors(found);
  }
}

/** CRI-O reads its keys for every pull, whatever is pulled. */
function ofKeys({ folder, providers }: Extract<NodeDecryption, { kind: "keys" }>): DecryptionAnswer {
  const steps = [...folderSteps(folder), ...providerSteps(providers)];
  const means: DecryptionMeans = { name: folder.path, accepts: "all", keys: keysOf(folder) };
  // A link in the place of the folder that leads nowhere is no folder at all.
  if (folder.exists && folder.link !== undefined) {
    const everyPull = fails("ErrImagePull", `${NO_LINKS}: ${folder.link}`);
    return { steps, means: [means], everyPull };
  }
  const other = folder.keys.find(({ kind }) => kind === "other");
  if (!other) return { steps, means: [means] };
  const message = `whether CRI-O reads ${other.path} as a key is not known, and it fails every pull where it does not`;
  return {
    steps,
    means: [means],
    everyPull: { kind: "undecided", code: "ERR_EXPLAIN_ENCRYPTED", message },
  };
}

function ofProcessors({ processors }: Extract<NodeDecryption, { kind: "processors" }>): DecryptionAnswer {
  const steps: Step[] = [];
  const means: DecryptionMeans[] = [];
  for (const { name, path, accepts, folder, providers } of processors) {
    steps.push({ what: `processor ${name}`, outcome: "not-run", why: `${path} for ${accepts.join(", ")}` });
    if (folder) steps.push(...folderSteps(folder));
    steps.push(...providerSteps(providers));
    const isKnown = posix.basename(path) === DECODER;
    means.push({
      name: `processor ${name}`,
      accepts,
      keys: isKnown ? (folder ? keysOf(folder) : "none") : "unknown",
      ...(isKnown && folder?.link !== undefined ? { refuses: `${NO_LINKS}: ${folder.link}` } : {}),
    });
  }
  return { steps, means };
}

function keysOf({ keys }: DecryptionFolder): DecryptionMeans["keys"] {
  if (keys.some(({ kind }) => kind === "other")) return "unknown";
  return keys.some(({ kind }) => kind === "private-key") ? "private" : "none";
}

function folderSteps({ path, origin, exists, keys, link }: DecryptionFolder): Step[] {
  const outcome = exists ? (keys.length === 0 ? "empty" : "found") : "missing";
  return [
    { what: `keys ${path}`, outcome, why: placeOf(origin) },
    ...keys.map(({ path: file, kind, type = "" }) => ({ what: file, outcome: kind, why: type })),
    ...(link === undefined ? [] : [{ what: link, outcome: "link", why: "links are refused" }]),
  ];
}

function providerSteps(providers: string | undefined): Step[] {
  if (providers === undefined) return [];
  return [{ what: `key providers ${providers}`, outcome: "not-run", why: "they are programs and services" }];
}

function placeOf(origin: Origin | undefined): string {
  return origin ? `${origin.file}:${origin.line}` : "built in";
}
