/**
 * The example's webhook at 200 requests a second, while the registry throttles, stalls, resets and fails: no wrong
 * decision, no answer after its deadline, no growth of memory or sockets. Fails if there is any.
 *
 *   node --conditions=lading-source bench/admission-soak.ts --seconds 600 [--rate 200]
 */
import { readdirSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { AdmissionResponse } from "../src/admission/index.ts";
import type { RegistryMisbehaviour } from "../src/testing/registry-misbehaviour.ts";
import { admissionBench, type BenchImage, podReview, quantile } from "./admission-setup.ts";
import { createTlsClient, requestBytes } from "./tls-client.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string", default: "60" }, rate: { type: "string", default: "200" } },
});
const seconds = Number(values.seconds);
const rate = Number(values.rate);
/** What the API server would wait, in milliseconds: an answer after that comes too late. */
const DEADLINE_MS = 2000;
const PATH = `/validate?timeout=${DEADLINE_MS / 1000}s`;

/** Each for a while, one after the other, with a while without any between them. */
const FAULTS: readonly (readonly [name: string, fault: RegistryMisbehaviour])[] = [
  ["429", { retryAfter: 1 }],
  ["stall", { never: true, path: /\/manifests\/1$/ }],
  ["reset", { disconnect: "reset" }],
  ["500", { status: 500 }],
  ["stall in a body", { stallAt: 10 }],
  ["404 for signatures' blobs", { status: 404, path: "/blobs/" }],
  ["corrupt", { corruptAt: 30 }],
  ["slow", { delayMs: 300 }],
  ["end", { disconnect: "end", path: /sig$/ }],
];

interface Kind {
  name: string;
  request: Buffer;
  /** Whether it may be allowed at all. */
  good: boolean;
}

const bench = await admissionBench();
const problems: string[] = [];
const problem = (text: string): void => {
  if (problems.length < 20) console.log(`PROBLEM: ${text}`);
  problems.push(text);
};

/**
 * How long this process, which plays the API server and the registry as well, was late itself: what a timer that is due
 * every 10 ms came too late, in the last while.
 */
const lateness: { at: number; ms: number }[] = [];
let tick = performance.now();
const ticking = setInterval(() => {
  const now = performance.now();
  lateness.push({ at: now, ms: Math.max(0, now - tick - 20) });
  while ((lateness[0]?.at ?? now) < now - 2 * DEADLINE_MS) lateness.shift();
  tick = now;
}, 10);

function ownLateness(ms: number): number {
  const since = performance.now() - ms;
  const still = Math.max(0, performance.now() - tick - 20);
  return lateness.reduce((sum, each) => (each.at >= since ? sum + each.ms : sum), still);
}

/** Whether an answer is right, whatever the registry did: what nobody signed is never allowed. */
function judge(
  { name, good }: Kind,
  status: number,
  body: string,
  ms: number,
): "allowed" | "refused" | "undecided" {
  if (status !== 200) problem(`${name}: HTTP ${status}: ${body.slice(0, 200)}`);
  if (ms - ownLateness(ms) > DEADLINE_MS) problem(`${name}: answered after ${ms.toFixed(0)} ms`);
  let response: AdmissionResponse | undefined;
  try {
    ({ response } = JSON.parse(body) as { response: AdmissionResponse });
  } catch {
    problem(`${name}: no answer: ${body.slice(0, 200)}`);
  }
  if (response?.allowed === true) {
    if (!good) problem(`${name}: allowed, though nobody signed it`);
    return "allowed";
  }
  // A fault leaves it undecided. Only a registry that says what is not true could make it refused for sure.
  const code = response?.status?.code ?? 0;
  if (code >= 500) return "undecided";
  if (good) problem(`${name}: refused, though it is signed: ${response?.status?.message}`);
  return "refused";
}

/** In MiB. */
interface Sample {
  heap: number;
  /** Resident memory that is not of the heap: V8 gives back what garbage took when it likes, within minutes or not. */
  "beside the heap": number;
  sockets: number;
}

function sampleOf(pid: number, metrics: string): Sample {
  const rss = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
  const heap = Number(/^lading_webhook_heap_bytes (\d+)/m.exec(metrics)?.[1]) / 1024 ** 2;
  const committed = Number(/^lading_webhook_heap_committed_bytes (\d+)/m.exec(metrics)?.[1]) / 1024 ** 2;
  const sockets = readdirSync(`/proc/${pid}/fd`).length;
  return { heap, "beside the heap": rss - committed, sockets };
}

try {
  const good = await Promise.all(
    Array.from({ length: 12 }, (_, index) => bench.push(`soak/good${index}`, 2)),
  );
  const bad = await Promise.all(Array.from({ length: 6 }, (_, index) => bench.push(`soak/bad${index}`, 0)));
  const kindsOf = ({ byTag, byDigest }: BenchImage, name: string, isGood: boolean): Kind[] => [
    { name: `${name} by tag`, good: isGood, request: requestBytes(PATH, podReview([byTag])) },
    {
      name: `${name} by digest, beside a good one`,
      good: isGood,
      request: requestBytes(PATH, podReview([good[0]?.byDigest ?? "", byDigest])),
    },
  ];
  const slot = Math.min(5, seconds / (2 * FAULTS.length));
  // With each fault come images that nobody has asked for before, so that everything about them has to be read.
  const fresh = await Promise.all(
    Array.from({ length: Math.ceil(seconds / slot / 2) }, async (_, index) => [
      ...kindsOf(await bench.push(`soak/new-good${index}`, 2), `new good ${index}`, true),
      ...kindsOf(await bench.push(`soak/new-bad${index}`, 0), `new bad ${index}`, false),
    ]),
  );
  const always = [
    ...good.flatMap((image, index) => kindsOf(image, `good ${index}`, true)),
    ...bad.flatMap((image, index) => kindsOf(image, `bad ${index}`, false)),
  ];
  let kinds = always;
  const webhook = await bench.start();
  // As many as a stall leaves waiting. They are opened beforehand: handshakes in a crowd would be what is measured.
  const connections = Math.ceil((rate * DEADLINE_MS) / 1000);
  const client = createTlsClient(webhook.port, bench.folder.authority.pem, connections);
  const first = always[0] as Kind;
  for (let opened = 0; opened < connections; opened += 10) {
    await Promise.all(
      Array.from({ length: Math.min(connections, opened + 10) }, () => client.send(first.request)),
    );
  }
  const counts = { allowed: 0, refused: 0, undecided: 0 };
  const times: number[] = [];
  const samples: Sample[] = [];
  const pending = new Set<Promise<void>>();
  let sent = 0;

  const ask = (kind: Kind): void => {
    const done = client
      .send(kind.request)
      .then(({ status, body, ms }) => {
        counts[judge(kind, status, body, ms)]++;
        times.push(ms);
      })
      .catch((error: unknown) => problem(`${kind.name}: ${error}`))
      .finally(() => pending.delete(done));
    pending.add(done);
  };

  const began = performance.now();
  const elapsed = (): number => (performance.now() - began) / 1000;
  let fault: { undo(): void; met: number } | undefined;
  let turn = -1;
  let sampled = 0;
  const struck = new Map<string, number>();
  while (elapsed() < seconds) {
    const due = elapsed() * rate;
    while (sent < due) ask(kinds[(sent++ * 7) % kinds.length] as Kind);
    const now = Math.floor(elapsed() / slot);
    if (now !== turn) {
      turn = now;
      const [before = "none"] = FAULTS[((turn - 1) >> 1) % FAULTS.length] ?? [];
      if (fault) struck.set(before, (struck.get(before) ?? 0) + fault.met);
      fault?.undo();
      const next = turn % 2 === 0 ? FAULTS[(turn >> 1) % FAULTS.length] : undefined;
      fault = next && bench.server.misbehave(next[1]);
      if (next) kinds = [...always, ...(fresh[turn >> 1] ?? [])];
    }
    if (elapsed() - sampled >= seconds / 60) {
      sampled = elapsed();
      samples.push(sampleOf(webhook.pid, (await webhook.get("/metrics")).text));
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  fault?.undo();
  await Promise.all(pending);
  // What was undecided must become decided again, now that nothing is wrong.
  for (const kind of kinds) {
    const { status, body, ms } = await client.send(kind.request);
    if (judge(kind, status, body, ms) !== (kind.good ? "allowed" : "refused")) {
      problem(`${kind.name}: not decided after the faults: ${body.slice(0, 300)}`);
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const last = sampleOf(webhook.pid, (await webhook.get("/metrics")).text);

  const part = (from: number, to: number, of: keyof Sample): number => {
    const chosen = samples.slice(Math.floor(samples.length * from), Math.ceil(samples.length * to));
    return Math.min(...chosen.map((sample) => sample[of]));
  };
  console.log(`${sent} requests in ${seconds} s: ${JSON.stringify(counts)}`);
  console.log(`faults met: ${JSON.stringify(Object.fromEntries(struck))}`);
  console.log(
    `answers: p50 ${quantile(times, 0.5).toFixed(1)} ms, p99 ${quantile(times, 0.99).toFixed(1)} ms, last ${Math.max(...times).toFixed(0)} ms of ${DEADLINE_MS}`,
  );
  // The least of a quarter is what is left after garbage was collected.
  for (const [of, slack] of [
    ["heap", 24],
    ["beside the heap", 32],
    ["sockets", 16],
  ] as const) {
    const [early, late] = [part(0.25, 0.5, of), part(0.75, 1, of)];
    console.log(
      `${of}: ${early.toFixed(0)} in the second quarter, ${late.toFixed(0)} in the last, ${last[of].toFixed(0)} at the end`,
    );
    if (!(late <= early * 1.25 + slack)) problem(`${of} grew from ${early.toFixed(0)} to ${late.toFixed(0)}`);
  }
  if (counts.allowed === 0 || counts.refused === 0 || counts.undecided === 0)
    problem("not everything was tried");
  if (seconds >= 60) {
    for (const [name] of FAULTS) if (!struck.get(name)) problem(`the fault was never met: ${name}`);
  }
  client.close();
} finally {
  clearInterval(ticking);
  await bench.close();
}
const tally = new Map<string, number>();
for (const text of problems) {
  const kind = text
    .replace(/^[^:]*: /, "")
    .replaceAll(/\d+/g, "N")
    .slice(0, 60);
  tally.set(kind, (tally.get(kind) ?? 0) + 1);
}
for (const [kind, count] of tally) console.log(`${count} times: ${kind}`);
console.log(
  problems.length === 0 ? "no wrong decision, no late answer, no leak" : `${problems.length} problems`,
);
if (problems.length > 0) process.exitCode = 1;
