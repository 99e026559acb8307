/**
 * A thousand evaluations of one image at once, and again with the verdict at hand, against a single evaluation.
 *
 *   node --conditions=lading-source bench/policy-concurrent.ts [--margin 0.25]
 *
 * The image is in a registry of this process, reached over HTTP. How often the registry is asked is counted, and must
 * be the same for one and for a thousand.
 */
import { createRegistry } from "../src/oci/registry.ts";
import { parsePolicy } from "../src/policy/parse.ts";
import { sigstoreAttachments } from "../src/policy/sources/attachments.ts";
import { createVerifier, type Verifier } from "../src/policy/verifier.ts";
import { mintKey, publicKeyPem } from "../src/testing/certificates.ts";
import { startRegistry } from "../src/testing/registry.ts";
import { attachSignatures, signImage } from "../src/testing/signatures.ts";
import { pushImage } from "../test/unit/policy/images.ts";
import { formatTime, interleave, report } from "./interleave.ts";

const CROWD = 1000;
const server = await startRegistry({ allowMissing: true });
const registry = createRegistry();
try {
  const name = `${server.host}/team/app`;
  const repository = registry.repository(name);
  const { digest } = await pushImage(repository, "1");
  const key = mintKey();
  await attachSignatures(repository, digest, [signImage({ reference: `${name}:1`, digest, signer: key })]);
  const keyData = Buffer.from(publicKeyPem(key)).toString("base64");
  const policy = parsePolicy(JSON.stringify({ default: [{ type: "sigstoreSigned", keyData }] }));
  const options = { source: registry, signatureSources: [sigstoreAttachments()] };
  const [fresh, keeping] = [
    createVerifier(policy, { ...options, cache: false }),
    createVerifier(policy, options),
  ];
  const reference = `${name}@${digest}`;

  const evaluate = async (verifier: Verifier): Promise<void> => {
    const { kind } = await verifier.evaluate(reference);
    if (kind !== "allowed") throw new Error(kind);
  };
  const crowd = (verifier: Verifier) => Promise.all(Array.from({ length: CROWD }, () => evaluate(verifier)));
  const requestsOf = async (run: () => Promise<unknown>): Promise<number> => {
    const before = server.requests.length;
    await run();
    return server.requests.length - before;
  };

  await evaluate(keeping);
  const [one, many, kept] = [
    await requestsOf(() => evaluate(fresh)),
    await requestsOf(() => crowd(fresh)),
    await requestsOf(() => crowd(keeping)),
  ];
  console.log(
    `requests: ${one} for one evaluation, ${many} for ${CROWD} at once, ${kept} with the verdict kept`,
  );
  if (many !== one || kept !== 0) throw new Error("more requests than needed");

  const ways = [
    { name: "one evaluation", run: () => evaluate(fresh) },
    { name: `${CROWD} at once`, run: () => crowd(fresh) },
    { name: `${CROWD} at once, verdict kept`, run: () => crowd(keeping) },
  ];
  const times = await interleave(ways, { rounds: 40, warmUp: 10 });
  for (const [at, way] of ways.entries()) console.log(`${way.name}: ${formatTime(times[at] ?? Number.NaN)}`);
  const [single = Number.NaN, together = Number.NaN, warm = Number.NaN] = times;
  console.log(`a decision that is kept: ${((CROWD / warm) * 1e6).toFixed(0)} a second`);
  report([
    // What a thousand cost beyond one is their names, their keys and their waits.
    {
      name: `${CROWD} at once against ${CROWD / 50} alone`,
      value: together,
      against: (single * CROWD) / 50,
      limit: 1,
    },
  ]);
} finally {
  await registry.close();
  await server.close();
}
