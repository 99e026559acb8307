import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type AdmissionMode,
  type AdmissionRecord,
  type AdmissionResponse,
  type PodCheck,
  type ReviewAdmissionOptions,
  reviewAdmission,
} from "../../../src/admission/index.ts";
import { DIGEST, decideByText, textCheck } from "./checks.ts";
import { KINDS, podSpec, review, type SampleReview, UID } from "./samples.ts";

const GOOD = "registry.example/app:1";
const BAD = "registry.example/bad:1";
const DOWN = "registry.example/down:1";

async function answer(
  sample: unknown,
  options: Partial<ReviewAdmissionOptions> = {},
): Promise<AdmissionResponse> {
  const given = await reviewAdmission(sample, { check: textCheck().check, ...options });
  assert.equal(given.apiVersion, "admission.k8s.io/v1");
  assert.equal(given.kind, "AdmissionReview");
  assert.equal(given.response.uid, UID);
  return given.response;
}

const patchOf = ({ patch = "" }: AdmissionResponse): unknown =>
  JSON.parse(Buffer.from(patch, "base64").toString("utf8"));

describe("every kind", () => {
  for (const { kind, wrap } of KINDS) {
    test(`${kind}: images of all four places are decided on, and pinned where they stand`, async () => {
      const spec = {
        initContainers: [{ name: "i", image: "registry.example/app-init:1" }],
        containers: [{ name: "c", image: GOOD }],
        ephemeralContainers: [{ name: "e", image: "registry.example/app-debug:1" }],
        volumes: [
          { name: "data", emptyDir: {} },
          { name: "model", image: { reference: "registry.example/app-model:1", pullPolicy: "Always" } },
        ],
      };
      const { check, asked } = textCheck();
      const response = await answer(review({ kind, spec }), { check, mutate: true });
      assert.equal(response.allowed, true);
      assert.equal(response.patchType, "JSONPatch");
      assert.equal(asked.length, 1);
      assert.equal(asked[0]?.namespace, "team");
      const patch = patchOf(response) as { op: string; path: string; value: string }[];
      // Applied by hand: what the pointers name in the document is what was to be replaced.
      const object: unknown = { metadata: {}, ...wrap(spec) };
      const before = patch.map(({ op, path }) => {
        assert.equal(op, "replace");
        return path
          .split("/")
          .slice(1)
          .reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], object);
      });
      assert.deepEqual(before, [
        "registry.example/app-init:1",
        GOOD,
        "registry.example/app-debug:1",
        "registry.example/app-model:1",
      ]);
      for (const { value } of patch) assert.match(value, /^registry\.example\/app[-a-z]*@sha256:1{64}$/);
    });

    test(`${kind}: one image that is refused refuses the whole`, async () => {
      for (const place of ["initContainers", "containers", "ephemeralContainers"]) {
        const spec = { containers: [{ name: "c", image: GOOD }], [place]: [{ name: "x", image: BAD }] };
        const response = await answer(review({ kind, spec }), { mutate: true });
        assert.equal(response.allowed, false, place);
        assert.equal(response.status?.code, 403);
        assert.equal(response.patch, undefined);
        assert.match(
          response.status?.details?.causes[0]?.field ?? "",
          new RegExp(`${place}\\[0\\]\\.image$`),
        );
      }
      const volume = { name: "v", image: { reference: BAD } };
      const response = await answer(review({ kind, spec: { ...podSpec(GOOD), volumes: [volume] } }));
      assert.equal(response.allowed, false);
    });

    test(`${kind}: an update without another image passes without work`, async () => {
      const { check, asked } = textCheck();
      const same = { ...podSpec(BAD), terminationGracePeriodSeconds: 5 };
      const response = await answer(
        review({ kind, operation: "UPDATE", spec: same, oldSpec: podSpec(BAD) }),
        { check },
      );
      assert.equal(response.allowed, true);
      assert.deepEqual(asked, []);
      const other = await answer(
        review({ kind, operation: "UPDATE", spec: podSpec(BAD), oldSpec: podSpec(GOOD) }),
        { check },
      );
      assert.equal(other.allowed, false);
    });
  }
});

describe("updates", () => {
  const update = (spec: object, oldSpec?: object, more: SampleReview = {}) =>
    review({ operation: "UPDATE", spec, ...(oldSpec ? { oldSpec } : {}), ...more });
  const askedBy = async (sample: unknown): Promise<string[]> => {
    const { check, asked } = textCheck();
    await answer(sample, { check });
    return asked.flatMap(({ images }) => images.map(({ image }) => image));
  };

  test("only what is not where it was is decided on", async () => {
    assert.deepEqual(await askedBy(update(podSpec("a", "b"), podSpec("a", "c"))), ["b"]);
    assert.deepEqual(await askedBy(update(podSpec("a", "b"), podSpec("b", "a"))), ["a", "b"]);
  });

  test("a container in another list, with another name or with a name twice is another one", async () => {
    const old = { initContainers: [{ name: "x", image: "a" }], containers: [{ name: "y", image: "b" }] };
    const moved = { containers: [{ name: "x", image: "a" }] };
    assert.deepEqual(await askedBy(update(moved, old)), ["a"]);
    const twice = {
      containers: [
        { name: "y", image: "b" },
        { name: "y", image: "b" },
      ],
    };
    assert.deepEqual(await askedBy(update(twice, old)), ["b", "b"]);
    assert.deepEqual(await askedBy(update({ containers: [{ name: "y", image: "b" }] }, twice)), ["b"]);
  });

  test("without a readable old object everything is decided on", async () => {
    assert.deepEqual(await askedBy(update(podSpec("a"))), ["a"]);
    for (const oldObject of [7, [], {}, { spec: 1 }, { spec: { containers: "a" } }]) {
      assert.deepEqual(await askedBy(update(podSpec("a"), undefined, { request: { oldObject } })), ["a"]);
    }
  });

  test("a new ephemeral container is decided on, and the running ones are not", async () => {
    const spec = { ...podSpec(BAD), ephemeralContainers: [{ name: "debugger", image: GOOD }] };
    const sample = update(spec, podSpec(BAD), { subResource: "ephemeralcontainers" });
    const response = await answer(sample, { mutate: true });
    assert.equal(response.allowed, true);
    assert.deepEqual(patchOf(response), [
      { op: "replace", path: "/spec/ephemeralContainers/0/image", value: `registry.example/app@${DIGEST}` },
    ]);
  });
});

describe("what starts nothing", () => {
  test("removing and connecting pass, whatever it is", async () => {
    const { check, asked } = textCheck();
    for (const operation of ["DELETE", "CONNECT"]) {
      const kind = { group: "example.com", version: "v1", kind: "Other" };
      const sample = review({ operation, request: { kind, object: null } });
      assert.equal((await answer(sample, { check })).allowed, true);
    }
    assert.deepEqual(asked, []);
  });

  test("scales, bindings and evictions hold no image", async () => {
    for (const kind of [
      { group: "autoscaling", version: "v1", kind: "Scale" },
      { group: "", version: "v1", kind: "Binding" },
      { group: "policy", version: "v1", kind: "Eviction" },
    ]) {
      assert.equal((await answer(review({ request: { kind } }))).allowed, true);
    }
  });

  test("a Pod without containers passes: the API server refuses it", async () => {
    assert.equal((await answer(review({ spec: { containers: [] } }))).allowed, true);
  });
});

test("kinds and versions that are not known are refused, unless they are to be allowed", async () => {
  for (const kind of [
    { group: "apps", version: "v1beta1", kind: "Deployment" },
    { group: "batch", version: "v1beta1", kind: "CronJob" },
    { group: "argoproj.io", version: "v1alpha1", kind: "Rollout" },
    { group: "apps", version: "v1", kind: "Pod" },
    { group: "", version: "v2", kind: "Pod" },
    { group: "", version: "v1", kind: "pod" },
    { group: "", version: "v1", kind: "__proto__" },
  ]) {
    const sample = review({ request: { kind } });
    const refused = await answer(sample);
    assert.equal(refused.allowed, false, JSON.stringify(kind));
    assert.equal(refused.status?.code, 403);
    assert.equal((await answer(sample, { unknownKinds: "allow" })).allowed, true);
    assert.equal((await answer(sample, { mode: "warn" })).warnings?.length, 1);
  }
});

describe("what cannot be answered", () => {
  const code = (expected: string) => (error: Error & { code?: string }) => error.code === expected;
  const { check } = textCheck();

  test("other versions and other things are failures of the call", async () => {
    for (const sample of [
      undefined,
      null,
      "x",
      [],
      {},
      { kind: "AdmissionReview" },
      { ...review(), apiVersion: "admission.k8s.io/v1beta1" },
      { ...review(), apiVersion: undefined },
      { ...review(), kind: "admissionreview" },
    ]) {
      await assert.rejects(reviewAdmission(sample, { check }), code("ERR_ADMISSION_VERSION"));
    }
  });

  test("so is a request that has no uid", async () => {
    for (const uid of [undefined, null, "", 7, "x".repeat(257)]) {
      await assert.rejects(
        reviewAdmission(review({ request: { uid } }), { check }),
        code("ERR_ADMISSION_REQUEST"),
      );
    }
    for (const request of [undefined, null, [], "x"]) {
      await assert.rejects(
        reviewAdmission({ ...review(), request }, { check }),
        code("ERR_ADMISSION_REQUEST"),
      );
    }
  });

  test("mistakes of the caller are told as such", async () => {
    await assert.rejects(reviewAdmission(review(), { check: undefined as never }), TypeError);
    await assert.rejects(reviewAdmission(review(), { check, mode: "off" as never }), RangeError);
    for (const timeoutMs of [0, -1, Number.NaN, 2 ** 31]) {
      await assert.rejects(reviewAdmission(review(), { check, timeoutMs }), RangeError);
    }
  });
});

describe("malformed requests and objects are refused with a reason", () => {
  const cases: [name: string, sample: SampleReview, text: RegExp][] = [
    ["operation", { request: { operation: "create" } }, /request\.operation/],
    ["kind", { request: { kind: "Pod" } }, /request\.kind/],
    [
      "kind's version",
      { request: { kind: { group: "", version: 1, kind: "Pod" } } },
      /request\.kind\.version/,
    ],
    ["dryRun", { request: { dryRun: "no" } }, /dryRun/],
    ["namespace of another type", { request: { namespace: {} } }, /namespace/],
    ["no namespace", { request: { namespace: "" } }, /namespace/],
    ["another namespace in the object", { object: { metadata: { namespace: "other" } } }, /namespace/],
    ["no object", { request: { object: null } }, /request\.object/],
    ["a list", { request: { object: [] } }, /request\.object/],
    ["another kind of object", { object: { kind: "Node" } }, /not the v1 Pod/],
    ["another version of the object", { object: { apiVersion: "v2" } }, /not the v1 Pod/],
    ["metadata", { object: { metadata: 1 } }, /metadata/],
    ["no spec", { object: { spec: null } }, /spec is no object/],
    ["containers", { spec: { containers: {} } }, /spec\.containers is no list/],
    ["a container", { spec: { containers: [1] } }, /spec\.containers\[0\] is no object/],
    ["no image", { spec: { containers: [{ name: "c" }] } }, /spec\.containers\[0\]\.image/],
    ["an empty image", { spec: podSpec("") }, /spec\.containers\[0\]\.image/],
    ["an image of another type", { spec: { initContainers: [{ image: 1 }] } }, /initContainers\[0\]\.image/],
    ["volumes", { spec: { volumes: "x" } }, /spec\.volumes/],
    ["an image volume", { spec: { volumes: [{ name: "v", image: "x" }] } }, /volumes\[0\]\.image/],
    [
      "without reference",
      { spec: { volumes: [{ name: "v", image: {} }] } },
      /volumes\[0\]\.image\.reference/,
    ],
  ];
  for (const [name, sample, text] of cases) {
    test(name, async () => {
      const { check, asked } = textCheck();
      const response = await answer(review(sample), { check, mutate: true });
      assert.equal(response.allowed, false);
      assert.equal(response.status?.code, 400);
      assert.match(response.status?.message ?? "", text);
      assert.deepEqual(asked, []);
      assert.equal((await answer(review(sample), { mode: "warn" })).allowed, true);
      // Which mode applies is not known where the request itself cannot be read.
      assert.equal((await answer(review(sample), { mode: () => "enforce" })).allowed, false);
    });
  }

  test("a template may leave the reference of an image volume out", async () => {
    const spec = { ...podSpec(GOOD), volumes: [{ name: "v", image: { pullPolicy: "Always" } }] };
    assert.equal((await answer(review({ kind: "Deployment", spec }))).allowed, true);
  });
});

describe("a check that does not do what it must", () => {
  const pinned = `registry.example/app@${DIGEST}`;
  const faulty: [name: string, check: PodCheck | (() => unknown), code: number][] = [
    ["throws", () => Promise.reject(new Error("no")), 503],
    [
      "throws at once",
      (() => {
        throw new TypeError("no");
      }) as never,
      503,
    ],
    ["throws nothing at all", () => Promise.reject(undefined), 503],
    ["throws what has no text", () => Promise.reject(Object.create(null)), 503],
    ["gives nothing", async () => undefined as never, 503],
    ["gives true", async () => true as never, 503],
    ["gives no decision", async () => [], 503],
    ["gives too many", async () => [decideByText(GOOD), decideByText(GOOD)], 503],
    ["gives null", async () => [null as never], 503],
    ["gives true in a list", async () => [true as never], 503],
    ["has a kind of its own", async () => [{ kind: "ok", image: GOOD, pinned } as never], 503],
    ["is about another image", async () => [{ kind: "allowed", image: "app:2", pinned }], 503],
    ["has no digest", async () => [{ kind: "allowed", image: GOOD, pinned: GOOD }], 503],
    ["has a tag too", async () => [{ kind: "allowed", image: GOOD, pinned: `${GOOD}@${DIGEST}` }], 503],
    ["has no reference", async () => [{ kind: "allowed", image: GOOD, pinned: "UPPER@x" }], 503],
    ["has nothing pinned", async () => [{ kind: "allowed", image: GOOD } as never], 503],
    ["never ends", () => new Promise(() => {}), 504],
    [
      "ends with the signal",
      (_, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
        }),
      504,
    ],
  ];
  for (const [name, check, code] of faulty) {
    test(name, async () => {
      for (const mutate of [false, true]) {
        const options = { check: check as PodCheck, timeoutMs: 100, mutate };
        const response = await answer(review(), options);
        assert.equal(response.allowed, false);
        assert.equal(response.status?.code, code);
        assert.equal(response.patch, undefined);
      }
    });
  }

  test("another digest than the image's own is no decision on it", async () => {
    const image = `registry.example/app@sha256:${"2".repeat(64)}`;
    const check: PodCheck = async () => [{ kind: "allowed", image, pinned }];
    assert.equal((await answer(review({ spec: podSpec(image) }), { check })).status?.code, 503);
  });

  test("what it has when its time is over counts", async () => {
    const check: PodCheck = (subject, { signal }) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () =>
          resolve(
            subject.images.map(({ image }, index) =>
              index === 0
                ? decideByText(image)
                : { kind: "undecided", image, code: "ERR_ADMISSION_TIMEOUT", reason: "late" },
            ),
          ),
        );
      });
    const response = await answer(review({ spec: podSpec(BAD, GOOD) }), { check, timeoutMs: 200 });
    assert.equal(response.status?.code, 403);
    assert.match(response.status?.message ?? "", /bad:1/);
  });

  test("its signal aborts when the answer is there", async () => {
    let signal: AbortSignal | undefined;
    await answer(review(), {
      check: async ({ images }, options) => {
        signal = options.signal;
        return images.map(({ image }) => decideByText(image));
      },
    });
    assert.equal(signal?.aborted, true);
  });
});

describe("modes", () => {
  test("warn allows and says so, audit allows and says so in the audit log only", async () => {
    const sample = review({ spec: podSpec(GOOD, BAD, DOWN) });
    const warned = await answer(sample, { mode: "warn", mutate: true });
    assert.equal(warned.allowed, true);
    assert.equal(warned.warnings?.length, 2);
    assert.match(warned.warnings?.[0] ?? "", /bad:1 \(spec\.containers\[1\]\.image\) refused: Source image/);
    assert.match(warned.warnings?.[1] ?? "", /down:1 .* undecided \(ERR_POLICY_MANIFEST\): HTTP 503/);
    assert.equal(warned.patch, undefined);
    const audited = await answer(sample, { mode: "audit", mutate: true });
    assert.equal(audited.allowed, true);
    assert.equal(audited.warnings, undefined);
    assert.equal(audited.patch, undefined);
    for (const { auditAnnotations } of [warned, audited]) {
      assert.equal(auditAnnotations?.["decision"], "refused");
      assert.match(auditAnnotations?.["images"] ?? "", /"decision":"refused"/);
    }
    assert.equal((await answer(review(), { mode: "audit", mutate: true })).patch, undefined);
  });

  test("a mode is chosen by the request, and in doubt it is enforce", async () => {
    const sample = review({ spec: podSpec(BAD), namespace: "sandbox" });
    const byNamespace = ({ namespace }: { namespace: string }): AdmissionMode =>
      namespace === "sandbox" ? "audit" : "enforce";
    assert.equal((await answer(sample, { mode: byNamespace })).allowed, true);
    assert.equal((await answer(review({ spec: podSpec(BAD) }), { mode: byNamespace })).allowed, false);
    const faulty = [
      () => undefined as never,
      () => "ENFORCE" as never,
      () => {
        throw new Error("no");
      },
    ];
    for (const mode of faulty) assert.equal((await answer(sample, { mode })).allowed, false);
    const unread = review({ request: { operation: "?" } });
    assert.equal((await answer(unread, { mode: () => "audit" })).allowed, false);
  });
});

describe("the answer", () => {
  test("undecided is refused, as something else than forbidden", async () => {
    const response = await answer(review({ spec: podSpec(GOOD, DOWN) }));
    assert.equal(response.allowed, false);
    assert.deepEqual([response.status?.code, response.status?.reason], [503, "ServiceUnavailable"]);
    const both = await answer(review({ spec: podSpec(DOWN, BAD) }));
    assert.deepEqual([both.status?.code, both.status?.reason], [403, "Forbidden"]);
    assert.match(both.status?.message ?? "", /^2 of 2 images; registry\.example\/bad:1/);
  });

  test("images that name their digest are not patched", async () => {
    const byDigest = `registry.example/app@${DIGEST}`;
    const both = `registry.example/app:1@${DIGEST}`;
    const check: PodCheck = async ({ images }) =>
      images.map(({ image }) => ({ kind: "allowed", image, pinned: byDigest }));
    assert.equal(
      (await answer(review({ spec: podSpec(byDigest, both) }), { check, mutate: true })).patch,
      undefined,
    );
    const mixed = await answer(review({ spec: podSpec(byDigest, GOOD) }), { check, mutate: true });
    assert.deepEqual(patchOf(mixed), [{ op: "replace", path: "/spec/containers/1/image", value: byDigest }]);
    assert.equal((await answer(review(), { check })).patch, undefined);
  });

  test("a dry run gets the same one", async () => {
    for (const image of [GOOD, BAD, DOWN]) {
      const spec = podSpec(image);
      assert.deepEqual(
        await answer(review({ spec, request: { dryRun: true } }), { mutate: true }),
        await answer(review({ spec }), { mutate: true }),
      );
    }
  });

  test("the namespace is the request's, and the name may be still to come", async () => {
    const { check, asked } = textCheck();
    const object = { metadata: { generateName: "web-" } };
    await answer(review({ object, request: { name: "" } }), { check });
    assert.deepEqual([asked[0]?.name, asked[0]?.namespace], ["web-", "team"]);
  });

  test("no text is longer than the API server takes, and none has control characters", async () => {
    const long = `registry.example/bad\u001b[2J\n\u202e\ud800${"x".repeat(5000)}`;
    const check: PodCheck = async ({ images }) =>
      images.map(({ image }) => ({ kind: "refused", image, reason: `${"😀".repeat(300)}\n${long}` }));
    const spec = podSpec(...Array.from({ length: 200 }, (_, index) => `${long}${index}`));
    for (const mode of ["enforce", "warn", "audit"] as const) {
      const response = await answer(review({ spec }), { check, mode });
      const { status, warnings = [], auditAnnotations = {} } = response;
      const causes = status?.details?.causes ?? [];
      assert.ok(causes.length <= 16);
      const texts = [
        status?.reason ?? "",
        status?.message ?? "",
        ...causes.flatMap(({ field, message }) => [field, message]),
        ...warnings,
        auditAnnotations["mode"] ?? "",
        auditAnnotations["decision"] ?? "",
      ];
      for (const text of texts) {
        assert.ok(text.length <= 256, `${text.length}`);
        assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\p{Cs}]/u);
      }
      assert.ok(warnings.join("").length <= 4096);
      assert.ok(Buffer.byteLength(auditAnnotations["images"] ?? "") < 9000);
      const trace = JSON.parse(auditAnnotations["images"] ?? "") as { images: unknown[]; omitted: number };
      assert.ok(trace.images.length > 0);
      assert.equal(trace.images.length + trace.omitted, 200);
      for (const key of Object.keys(auditAnnotations)) assert.match(key, /^[A-Za-z0-9][-A-Za-z0-9_.]{0,62}$/);
    }
  });

  test("what is refused comes first in the audit log", async () => {
    const { auditAnnotations } = await answer(review({ spec: podSpec(GOOD, DOWN, BAD) }));
    const trace = JSON.parse(auditAnnotations?.["images"] ?? "") as { images: { decision: string }[] };
    assert.deepEqual(
      trace.images.map(({ decision }) => decision),
      ["refused", "undecided", "allowed"],
    );
  });

  test("10,000 containers are decided on, and answered as one", { timeout: 20_000 }, async () => {
    const spec = podSpec(...Array.from({ length: 10_000 }, (_, index) => `registry.example/app:${index}`));
    const response = await answer(review({ spec }), { mutate: true });
    assert.equal(response.allowed, true);
    assert.equal((patchOf(response) as unknown[]).length, 10_000);
    const bad = podSpec(...spec.containers.map(({ image }) => image), BAD);
    assert.equal((await answer(review({ spec: bad }))).allowed, false);
  });
});

describe("listeners and signals", () => {
  test("a listener is told once, and cannot change the answer", async () => {
    const records: AdmissionRecord[] = [];
    const response = await answer(review({ spec: podSpec(GOOD, BAD) }), {
      onReview: (record) => {
        records.push(record);
        throw new Error("no");
      },
    });
    assert.equal(response.allowed, false);
    assert.equal(records.length, 1);
    assert.equal(records[0]?.outcome, "refused");
    assert.deepEqual(
      records[0]?.decisions.map(({ kind }) => kind),
      ["allowed", "refused"],
    );
    assert.equal(records[0]?.response.response, response);
  });

  test("an abort rejects with its reason, before and during", async () => {
    const reason = new Error("gone");
    const { check, asked } = textCheck();
    await assert.rejects(
      reviewAdmission(review(), { check, signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
    assert.deepEqual(asked, []);
    const controller = new AbortController();
    const waiting = reviewAdmission(review(), {
      check: () => {
        queueMicrotask(() => controller.abort(reason));
        return new Promise(() => {});
      },
      signal: controller.signal,
    });
    await assert.rejects(waiting, (error) => error === reason);
  });
});
