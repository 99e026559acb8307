/**
 * Choosing the requirements for an image: does it take longer with 10,000 scopes than with 10?
 *
 *   node --conditions=lading-source bench/policy-scope.ts [--margin 0.25]
 */
import { parsePolicy } from "../src/policy/parse.ts";
import { parseImageReference } from "../src/policy/reference.ts";
import { dockerLookup, selectRequirements } from "../src/policy/scope.ts";
import type { Policy } from "../src/policy/types.ts";
import { interleave, report } from "./interleave.ts";

/** A policy of so many scopes: hosts, repositories, tags and wildcards. */
function policyOf(count: number): Policy {
  const scopes: Record<string, unknown> = {};
  for (let at = 0; at < count; at++) {
    const forms = [
      `registry${at}.example.com`,
      `quay.io/team${at}`,
      `quay.io/team${at}/app:1.${at}`,
      `*.zone${at}.example`,
    ];
    scopes[forms[at % forms.length] ?? ""] = [{ type: "reject" }];
  }
  const text = JSON.stringify({
    default: [{ type: "insecureAcceptAnything" }],
    transports: { docker: scopes },
  });
  return parsePolicy(text, { maxBytes: 1 << 26 });
}

/** Names that meet a scope of each form, and names that meet none. */
const lookups = [
  "registry0.example.com/a/b:1",
  "quay.io/team1/app/part:2",
  "quay.io/team2/app:1.2",
  "a.b.zone3.example/x/y:1",
  "quay.io/elsewhere/app:1",
  "ghcr.io/some/where/else/deep:latest",
  "docker.io/library/busybox:1.36",
  "localhost:5000/x:1",
].map((text) => dockerLookup(parseImageReference(text)));

function selectAll(policy: Policy): number {
  let met = 0;
  for (const lookup of lookups) if (selectRequirements(policy, lookup).scope.kind === "scope") met++;
  return met;
}

const [few, many] = [policyOf(10), policyOf(10_000)];
if (selectAll(few) !== selectAll(many)) throw new Error("the policies do not select alike");
const ways = [
  { name: "10 scopes", run: () => selectAll(few) },
  { name: "10,000 scopes", run: () => selectAll(many) },
];
const [short = Number.NaN, long = Number.NaN] = await interleave(ways, { rounds: 200, repeat: 500 });
for (const [name, time] of [
  ["10", short],
  ["10,000", long],
] as const) {
  console.log(`${name} scopes: ${(lookups.length / time).toFixed(2)} million selections a second`);
}
report([{ name: "10,000 scopes against 10", value: long, against: short, limit: 1.5 }]);
