/**
 * The example's webhook over TLS with decisions at hand, against a bare node:https server that checks nothing; and what
 * decisions that are not at hand ask of a registry.
 *
 *   node --conditions=lading-source bench/admission.ts [--margin 0.25]
 */
import { createPodCheck, rememberContent, reviewAdmission } from "../src/admission/index.ts";
import { parsePolicy } from "../src/policy/parse.ts";
import { sigstoreAttachments } from "../src/policy/sources/attachments.ts";
import { createVerifier } from "../src/policy/verifier.ts";
import { publicKeyPem } from "../src/testing/certificates.ts";
import { freePort, startDaemon, waitFor } from "../test/interop/process.ts";
import { admissionBench, cpuMs, podReview, quantile } from "./admission-setup.ts";
import { type Figure, median, report } from "./interleave.ts";
import { createTlsClient, requestBytes, type TlsClient } from "./tls-client.ts";

const ROUNDS = 9;
const A_ROUND = 1500;
const CROWD = 1000;
const bench = await admissionBench();
const figures: Figure[] = [];

/** A verifier and a check of this process, with nothing at hand. */
function coldCheck(): ReturnType<typeof createPodCheck> {
  const keyData = Buffer.from(publicKeyPem(bench.key)).toString("base64");
  const policy = parsePolicy(JSON.stringify({ default: [{ type: "sigstoreSigned", keyData }] }));
  const verifier = createVerifier(policy, {
    source: rememberContent(bench.registry),
    signatureSources: [sigstoreAttachments()],
  });
  return createPodCheck({ verifierFor: () => verifier, platforms: [{ os: "linux", architecture: "amd64" }] });
}

async function decide(check: ReturnType<typeof createPodCheck>, text: string): Promise<void> {
  const { response } = await reviewAdmission(JSON.parse(text), { check, mutate: true });
  if (!response.allowed) throw new Error(response.status?.message);
}

/** Sends so many requests, so many at a time; gives the seconds. */
async function rush(client: TlsClient, request: Uint8Array, count: number, atATime: number): Promise<number> {
  let left = count;
  const began = performance.now();
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      const { status, body } = await client.send(request);
      if (status !== 200 || !body.includes('"allowed":true')) throw new Error(body);
    }
  };
  await Promise.all(Array.from({ length: atATime }, worker));
  return (performance.now() - began) / 1000;
}

async function warm(): Promise<void> {
  const images = await Promise.all(["a", "b", "c"].map((name) => bench.push(`team/${name}`)));
  const text = podReview(images.map(({ byDigest }) => byDigest));
  const request = requestBytes("/validate?timeout=10s", text);
  const webhook = await bench.start();
  const barePort = await freePort();
  const bare = startDaemon(
    process.execPath,
    ["bench/bare-webhook.ts", bench.folder.path, String(barePort)],
    `${bench.folder.path}/bare-log`,
  );
  const ca = bench.folder.authority.pem;
  try {
    await waitFor(bare, async () => {
      if (!bare.log().includes("listening")) throw new Error("not yet");
    });
    const ways = [
      { name: "webhook", pid: webhook.pid, client: createTlsClient(webhook.port, ca, 16) },
      { name: "bare server", pid: bare.pid, client: createTlsClient(barePort, ca, 16) },
    ];
    const seconds = ways.map((): number[] => []);
    const cpu = ways.map((): number[] => []);
    for (let round = -3; round < ROUNDS; round++) {
      for (const [at, { pid, client }] of ways.entries()) {
        const before = cpuMs(pid);
        const took = await rush(client, request, A_ROUND, 16);
        if (round < 0) continue;
        seconds[at]?.push(took);
        cpu[at]?.push(cpuMs(pid) - before);
      }
    }
    console.log(`a review of three containers: ${text.length} bytes`);
    for (const [at, { name }] of ways.entries()) {
      const [time, spent] = [median(seconds[at] ?? []), median(cpu[at] ?? [])];
      const perCore = (A_ROUND / spent) * 1000;
      console.log(
        `${name}: ${(A_ROUND / time).toFixed(0)} a second, ${perCore.toFixed(0)} a second of processor time` +
          (at === 0 ? ` (goal 1500${perCore >= 1500 ? " met" : ""})` : ""),
      );
    }
    const [mine = [], theirs = []] = seconds;
    figures.push({
      name: "a review with its decisions at hand, against one without a check (time)",
      value: median(mine),
      against: median(theirs),
      limit: 2,
    });
    await steady(ways[0]?.client, request);
    for (const { client } of ways) client.close();
  } finally {
    await bare.stop();
  }
}

/** 500 requests a second, each at its own time, whatever became of those before. */
async function steady(client: TlsClient | undefined, request: Uint8Array): Promise<void> {
  const answers: Promise<{ ms: number; waitedMs: number }>[] = [];
  const began = performance.now();
  while (client && answers.length < 2500) {
    const due = ((performance.now() - began) / 1000) * 500;
    while (answers.length < due) answers.push(client.send(request));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const times = (await Promise.all(answers)).map(({ ms, waitedMs }) => ms + waitedMs);
  const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
  console.log(
    `at 500 a second: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms (goal 5${p99 < 5 ? " met" : ""})`,
  );
}

async function cold(): Promise<void> {
  const { server } = bench;
  const requestsOf = async (run: () => Promise<unknown>): Promise<number> => {
    const before = server.requests.length;
    await run();
    return server.requests.slice(before).filter(({ url }) => url !== "/v2/").length;
  };
  const { byTag } = await bench.push("cold/one");
  const text = podReview([byTag]);
  const one = await requestsOf(() => decide(coldCheck(), text));
  figures.push({ name: "requests of an image by tag, keyed signature", value: one, against: 1, limit: 4 });

  const check = coldCheck();
  const crowd = await requestsOf(() => Promise.all(Array.from({ length: CROWD }, () => decide(check, text))));
  figures.push({
    name: `requests of ${CROWD} reviews at once, against one`,
    value: crowd,
    against: one,
    limit: 1,
  });
  if (crowd > one || one > 4) process.exitCode = 1;

  // Time of the library alone: what the registry takes is known by the same requests made without a decision.
  const images = await Promise.all(Array.from({ length: 200 }, (_, index) => bench.push(`cold/n${index}`)));
  const times: number[] = [];
  const single = coldCheck();
  for (const image of images) {
    const cpuBefore = process.cpuUsage();
    await decide(single, podReview([image.byTag]));
    const { user, system } = process.cpuUsage(cpuBefore);
    times.push((user + system) / 1000);
  }
  const p99 = quantile(times, 0.99);
  console.log(
    `a decision that is not at hand, processor time with the registry's in the same process: p50 ${quantile(times, 0.5).toFixed(1)} ms, ` +
      `p99 ${p99.toFixed(1)} ms (goal 25${p99 < 25 ? " met" : ""})`,
  );
  const twice = await Promise.all(Array.from({ length: 100 }, (_, index) => bench.push(`cold/m${index}`, 2)));
  const big = podReview(twice.map((image) => image.byTag));
  const began = performance.now();
  await decide(coldCheck(), big);
  const took = (performance.now() - began) / 1000;
  console.log(`100 containers with 2 signatures: ${took.toFixed(2)} s (goal 1.5${took < 1.5 ? " met" : ""})`);
}

try {
  await cold();
  await warm();
  report(figures);
} finally {
  await bench.close();
}
