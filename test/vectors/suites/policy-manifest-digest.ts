/** Guessed media type and digests of a manifest, and whether a digest names it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PolicyError } from "../../../src/policy/errors.ts";
import {
  guessManifestType,
  manifestDigest,
  manifestMatchesDigest,
} from "../../../src/policy/manifest-digest.ts";
import type { VectorSuite } from "../suite.ts";

const suite: VectorSuite = {
  run({ input }, { base }) {
    const file = input["file"];
    const manifest =
      typeof file === "string"
        ? readFileSync(join(base, file))
        : Buffer.from(String(input["manifestBase64"]), "base64");
    const guessedMediaType = guessManifestType(manifest) ?? "";
    try {
      return {
        ok: true,
        guessedMediaType,
        sha256Digest: manifestDigest(manifest),
        sha512Digest: manifestDigest(manifest, "sha512"),
        matches: manifestMatchesDigest(manifest, String(input["digest"])),
      };
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      return { ok: false, guessedMediaType, errorKind: error.errorClass, message: error.message };
    }
  },
};

export default suite;
