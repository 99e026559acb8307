/**
 * Reading a policy strictly, against `JSON.parse` of the same text.
 *
 *   node --conditions=lading-source bench/policy-parse.ts [POLICY] [--margin 0.25]
 *
 * Without the path of a policy it reads one of the usual kind: a keyless signer for one repository, everything else
 * rejected.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { parsePolicy } from "../src/policy/parse.ts";
import { createAuthorities } from "../src/testing/authorities.ts";
import { formatTime, interleave, report } from "./interleave.ts";

const { positionals } = parseArgs({ allowPositionals: true, strict: false });
const [path] = positionals;

function usualPolicy(): string {
  const { rootPem, logPublicKeyPem } = createAuthorities();
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const requirement = {
    type: "sigstoreSigned",
    signedIdentity: { type: "matchRepository" },
    fulcio: {
      oidcIssuer: "https://issuer.example/oauth",
      subjectEmail: "dev@example.com",
      caData: base64(rootPem),
    },
    rekorPublicKeyData: base64(logPublicKeyPem),
  };
  const policy = {
    default: [{ type: "reject" }],
    transports: { docker: { "quay.example/team/signed": [requirement] } },
  };
  return JSON.stringify(policy, null, 2);
}

const text = path === undefined ? usualPolicy() : readFileSync(path, "utf8");
const ways = [
  { name: "parsePolicy", run: () => parsePolicy(text) },
  { name: "JSON.parse", run: () => JSON.parse(text) as unknown },
];
const [strict = Number.NaN, plain = Number.NaN] = await interleave(ways, {
  rounds: 200,
  repeat: 200,
  warmUp: 50,
});
console.log(`${text.length} characters: parsePolicy ${formatTime(strict)}, JSON.parse ${formatTime(plain)}`);
report([{ name: "parsePolicy against JSON.parse", value: strict, against: plain, limit: 4 }]);
