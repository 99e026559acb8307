/** Whatever comes in: Pods, lists and recordings from anywhere give an answer or an error of lading. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { explainSubject } from "../../src/explain/explain-subject.ts";
import { readPod } from "../../src/explain/pod.ts";
import { podImages } from "../../src/explain/pod-images.ts";
import { listedImages } from "../../src/explain/pod-list.ts";
import { recordSubject, replayExplanation } from "../../src/explain/record.ts";
import { decode, encode } from "../../src/explain/recording-codec.ts";
import { printable, renderTree } from "../../src/explain/text-tree.ts";
import { crioAnswers, fakeRegistries, podOf, pushImage, signedPolicy } from "../unit/explain/place.ts";
import { property } from "./runs.ts";

const NAME = "quay.io/team/app";
const POD = {
  kind: "Pod",
  metadata: { name: "a", namespace: "shop", annotations: { "seccomp-profile.crio.io/POD": "quay.io/x/y:1" } },
  spec: {
    runtimeClassName: "kata",
    hostUsers: false,
    securityContext: { seccompProfile: { type: "Localhost", localhostProfile: "a.json" } },
    initContainers: [{ name: "i", image: "busybox" }],
    containers: [
      {
        name: "c",
        image: `${NAME}:1`,
        imagePullPolicy: "Always",
        securityContext: { privileged: false, capabilities: { add: ["ALL"], drop: ["KILL"] } },
        volumeMounts: [{ name: "v", recursiveReadOnly: "Enabled" }],
      },
    ],
    ephemeralContainers: [{ name: "e", image: "a@sha256:00" }],
    volumes: [{ name: "v", image: { reference: "quay.io/a/v:1", pullPolicy: "Never" } }],
    imagePullSecrets: [{ name: "s" }],
  },
};

/** A value with one place in it replaced by something else. */
function mutated(value: unknown): fc.Arbitrary<unknown> {
  const paths: (string | number)[][] = [];
  const walk = (at: unknown, path: (string | number)[]): void => {
    paths.push(path);
    if (typeof at !== "object" || at === null) return;
    for (const [name, member] of Object.entries(at)) {
      walk(member, [...path, Array.isArray(at) ? Number(name) : name]);
    }
  };
  walk(value, []);
  return fc
    .tuple(fc.constantFrom(...paths), fc.jsonValue())
    .map(([path, other]) => replaced(value, path, other));
}

function replaced(value: unknown, [first, ...rest]: (string | number)[], other: unknown): unknown {
  if (first === undefined) return other;
  const copy: Record<string, unknown> = Array.isArray(value)
    ? ([...value] as unknown as Record<string, unknown>)
    : { ...(value as Record<string, unknown>) };
  copy[String(first)] = replaced(copy[String(first)], rest, other);
  return copy;
}

function assertProperty<T>(values: fc.Arbitrary<T>, predicate: (value: T) => void): void {
  fc.assert(fc.property(values, predicate), property);
}

function orLading<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    assert.ok(isLadingError(error), String(error));
    return undefined;
  }
}

const anyPod = fc.oneof({ weight: 4, arbitrary: mutated(POD) }, fc.jsonValue(), fc.anything());

test("a Pod from anywhere is read or refused", () => {
  assertProperty(anyPod, (pod) => {
    orLading(() => podImages(pod));
    orLading(() => readPod(pod));
    orLading(() => listedImages(pod));
    const { images, unread, pods } = listedImages([pod, POD]);
    assert.ok(pods === 2 && unread.length <= 1 && images.length >= 4);
  });
});

test("a Pod that is read is explained, and never runs by an accident", async () => {
  const registries = fakeRegistries();
  const registry = registries.registry;
  const answers = await crioAnswers({ policy: { default: [{ type: "reject" }] } });
  const explained = fc.asyncProperty(mutated(POD), async (pod) => {
    const subject = orLading(() => readPod(pod));
    if (!subject) return;
    const trace = await explainSubject(subject, answers, { registry });
    // Nothing is pulled under this policy.
    assert.ok(subject.images.length === 0 || trace.kind !== "runs");
    assert.ok(trace.kind === "runs" || trace.problems.length > 0);
  });
  await fc.assert(explained, property);
  await answers.close();
});

test("values of recordings come back as they were", () => {
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom(null, true, false),
      fc.string(),
      fc.integer(),
      fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }),
      fc
        .uint8Array({ maxLength: 20 })
        .filter((bytes) => bytes[0] !== 0xc5 && ((bytes[0] ?? 0) & 0xfc) !== 0x94),
      fc.array(tie("any"), { maxLength: 4 }),
      fc.dictionary(
        fc.oneof(fc.string(), fc.constantFrom("$bytes", "$int", "$map", "$", "$$a")),
        tie("any"),
        {
          maxKeys: 4,
          noNullPrototype: true,
        },
      ),
      fc.array(fc.tuple(fc.string(), tie("any")), { maxLength: 3 }).map((pairs) => new Map(pairs)),
    ),
  })).any;
  assertProperty(value, (each) => {
    assert.deepEqual(decode(JSON.parse(JSON.stringify(encode(each)))), each);
  });
});

test("JSON from anywhere is a value of a recording, or refused", () => {
  assertProperty(fc.jsonValue(), (value) => {
    orLading(() => decode(value as never));
  });
});

test("a recording with any letter changed, or cut anywhere, is refused", async () => {
  const registries = fakeRegistries();
  await pushImage(registries.store(NAME), "1", { signedAs: NAME });
  const answers = await crioAnswers({ policy: signedPolicy(NAME) });
  const { recording } = await recordSubject(readPod(podOf(`${NAME}:1`)), answers, {
    registry: registries.registry,
  });
  await answers.close();
  const place = fc.tuple(fc.nat(recording.length - 1), fc.constantFrom("a", "1", '"', "{", "", " "));
  const changed = fc.asyncProperty(place, async ([at, letter]) => {
    const text = recording.slice(0, at) + letter + recording.slice(at + 1);
    if (asJson(text) === asJson(recording)) return;
    await assert.rejects(replayExplanation(text), { code: "ERR_EXPLAIN_RECORDING" });
  });
  await fc.assert(changed, property);
});

/** What JSON says, whatever its blanks. */
function asJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return "";
  }
}

test("no text gets through a tree with a control, a mark of direction or a line break in it", () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: "binary" }),
    fc.constantFrom("\u001b[2J", "\u202E", "\r\n"),
  );
  assertProperty(text, (each) => {
    const lines = renderTree({ text: each, below: [{ text: each }] }, { colors: false }).split("\n");
    assert.equal(lines.length, 3);
    assert.ok(!/[\p{C}\p{Zl}\p{Zp}]/u.test(lines.join("")));
    assert.equal(printable(printable(each)), printable(each));
  });
});
