/** Whether an OpenPGP message is signed by a key of a ring, and what it says. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { PolicyError } from "../../../src/policy/errors.ts";
import { openKeyring } from "../../../src/policy/openpgp/keyring.ts";
import { verifySignedMessage } from "../../../src/policy/openpgp/verify.ts";
import { createTrustMemory } from "../../../src/policy/trust-memory.ts";
import type { VectorSuite } from "../suite.ts";

const NOW = Date.UTC(2026, 5, 1) / 1000;

const suite: VectorSuite = {
  async run({ input }, { base }) {
    const { keys, signature, signatureBase64 } = input;
    const message =
      typeof signature === "string"
        ? readFileSync(join(base, signature))
        : Buffer.from(String(signatureBase64), "base64");
    try {
      const contents = (keys as string[]).map((path) => readFileSync(join(base, path)));
      const ring = await openKeyring(contents, createTrustMemory());
      const { content, primaryKeyFingerprint } = await verifySignedMessage(message, ring, { now: NOW });
      return { ok: true, primaryKeyFingerprint, contentBase64: Buffer.from(content).toString("base64") };
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      return { ok: false };
    }
  },
};

export default suite;
