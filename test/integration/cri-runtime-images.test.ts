import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { createLayer, createRegistry, packImage, pushImage } from "../../src/oci/index.ts";
import { imageFromRegistry, type KnownImage, startRegistry } from "../../src/testing/index.ts";
import { collect, withRuntime } from "./cri-runtime-setup.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;
const ID = `sha256:${"b".repeat(64)}`;
const PRIVATE: KnownImage = {
  name: "registry.example:5000/team/app:1",
  pulled: false,
  users: { alice: "s3cret:with colon", toString: "x" },
};

test("an image that was pulled has one id in every answer, its tags, digests, size and user", () =>
  withRuntime(
    { images: [{ name: "app", digest: DIGEST, id: ID, size: 2n ** 60n, user: "1000:2000", pulled: false }] },
    async ({ cri, runPod, start, status }) => {
      assert.deepEqual((await cri.image.listImages({})).images, []);
      assert.equal((await cri.image.pullImage({ image: { image: "app" } })).imageRef, ID);
      const { images } = await cri.image.listImages({});
      assert.equal(images.length, 1);
      const { image } = await cri.image.imageStatus({ image: { image: "docker.io/library/app:latest" } });
      assert.deepEqual(image, images[0]);
      assert.deepEqual(
        [image?.id, image?.repoTags, image?.repoDigests, image?.size, image?.uid?.value, image?.username],
        [ID, ["docker.io/library/app:latest"], [`docker.io/library/app@${DIGEST}`], 2n ** 60n, 1000n, ""],
      );
      const containerId = await start(await runPod(), { command: ["true"], image: "app" });
      assert.equal((await status(containerId)).imageId, ID);
      assert.equal((await status(containerId)).user?.linux?.uid, 1000n);
      assert.equal((await cri.runtime.listContainers({})).containers[0]?.imageId, ID);
    },
  ));

test("an image is found by tag, digest, id and a beginning of its id, and listed by them in CRI-O", () =>
  withRuntime({ flavor: "cri-o", images: [{ name: "app:1", digest: DIGEST, id: ID }] }, async ({ cri }) => {
    for (const image of [
      "app:1",
      `app@${DIGEST}`,
      `app:9@${DIGEST}`,
      ID,
      ID.slice(7),
      ID.slice(7, 19),
      ID.slice(0, 12),
    ]) {
      assert.equal((await cri.image.imageStatus({ image: { image } })).image?.id, ID, image);
      assert.equal((await cri.image.listImages({ filter: { image: { image } } })).images.length, 1, image);
    }
    for (const image of ["app", "app:2", `other@${DIGEST}`, `sha256:${"c".repeat(64)}`, "UPPER", "bb"]) {
      assert.equal((await cri.image.imageStatus({ image: { image } })).image, undefined, image);
      assert.deepEqual((await cri.image.listImages({ filter: { image: { image } } })).images, [], image);
    }
  }));

test("containerd lists all images, whatever the filter says", () =>
  withRuntime({}, async ({ cri }) => {
    const filter = { image: { image: "busybox" } };
    assert.equal((await cri.image.listImages({ filter })).images.length, 2);
    assert.equal((await collect(cri.image.streamImages({ filter })))[0]?.images.length, 2);
  }));

test("tags of one digest are one image, and removing it by any of them removes all", () =>
  withRuntime(
    {
      images: [
        { name: "app:1", digest: DIGEST },
        { name: "app:2", digest: DIGEST },
        { name: "other/app:3", digest: DIGEST },
      ],
    },
    async ({ cri }) => {
      const [image, ...more] = (await cri.image.listImages({})).images;
      assert.equal(more.length, 0);
      assert.equal(image?.repoTags.length, 3);
      assert.equal(image?.repoDigests.length, 2);
      await cri.image.removeImage({ image: { image: "app:2" } });
      assert.deepEqual((await cri.image.listImages({})).images, []);
      await cri.image.pullImage({ image: { image: `app@${DIGEST}` } });
      const pulled = (await cri.image.listImages({})).images[0];
      assert.deepEqual([pulled?.repoTags, pulled?.repoDigests], [[], [`docker.io/library/app@${DIGEST}`]]);
    },
  ));

test("a tag that now means another image leaves the old one without it", () =>
  withRuntime({ images: [{ name: "app:1", digest: DIGEST }] }, async ({ cri, runtime }) => {
    const image = { image: "app:1" };
    const old = (await cri.image.imageStatus({ image })).image?.id ?? "";
    runtime.addImage({ name: "app:1", digest: `sha256:${"d".repeat(64)}`, pulled: false });
    assert.equal((await cri.image.imageStatus({ image })).image?.id, old);
    const { imageRef } = await cri.image.pullImage({ image });
    assert.notEqual(imageRef, old);
    assert.deepEqual((await cri.image.imageStatus({ image: { image: old } })).image?.repoTags, []);
    assert.equal((await cri.image.imageStatus({ image })).image?.id, imageRef);
  }));

test("an image that no registry has, and a text that names none, cannot be pulled", () =>
  withRuntime({}, async ({ cri }) => {
    await assert.rejects(cri.image.pullImage({ image: { image: "example.com/absent:1" } }), {
      code: "ERR_CRI_NOT_FOUND",
      details: /^failed to pull and unpack image "example.com\/absent:1": /,
    });
    for (const image of ["", "UPPER", "a b", DIGEST]) {
      await assert.rejects(cri.image.pullImage({ image: { image } }), { code: "ERR_CRI_UNKNOWN" }, image);
    }
  }));

for (const [name, auth, admitted] of [
  ["no credentials", undefined, false],
  ["empty credentials", {}, false],
  ["a user and password", { username: "alice", password: "s3cret:with colon" }, true],
  ["another password", { username: "alice", password: "s3cret" }, false],
  ["a password without a user", { password: "s3cret:with colon" }, false],
  ["a user that is no user", { username: "valueOf", password: "x" }, false],
  [
    "the form of basic credentials",
    { auth: Buffer.from("alice:s3cret:with colon").toString("base64") },
    true,
  ],
  ["basic credentials of another user", { auth: Buffer.from("bob:x").toString("base64") }, false],
  ["basic credentials that are none", { auth: "%%%" }, false],
  ["an identity token", { identityToken: "some-token" }, false],
  [
    "credentials for this registry",
    { username: "alice", password: "s3cret:with colon", serverAddress: "https://registry.example:5000/v2/" },
    true,
  ],
  [
    "credentials for another registry",
    { username: "alice", password: "s3cret:with colon", serverAddress: "https://other.example" },
    false,
  ],
] as const) {
  test(`a pull with ${name} is ${admitted ? "done" : "denied"}`, () =>
    withRuntime({ images: [PRIVATE] }, async ({ cri }) => {
      const pull = cri.image.pullImage({ image: { image: PRIVATE.name }, ...(auth ? { auth } : {}) });
      if (admitted) await pull;
      else await assert.rejects(pull, { code: "ERR_CRI_UNKNOWN", details: /may require authorization/ });
      assert.equal((await cri.image.listImages({})).images.length, admitted ? 1 : 0);
    }));
}

for (const reason of ["RegistryUnavailable", "SignatureValidationFailed"] as const) {
  test(`a pull can fail with ${reason}`, () =>
    withRuntime(
      { images: [{ name: "app", pulled: false, pullError: `${reason}: why` }] },
      async ({ cri }) => {
        const pull = cri.image.pullImage({ image: { image: "app" } });
        await assert.rejects(pull, { code: "ERR_CRI_UNKNOWN", reason, details: `${reason}: why` });
        assert.deepEqual((await cri.image.listImages({})).images, []);
      },
    ));
}

test("a pull that is given up leaves no image", () =>
  withRuntime({ images: [{ name: "app", pulled: false, pullMs: 200 }] }, async ({ cri }) => {
    const image = { image: "app" };
    const signal = AbortSignal.timeout(20);
    await assert.rejects(cri.image.pullImage({ image }, { signal }), (error) => error === signal.reason);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal((await cri.image.imageStatus({ image })).image, undefined);
    await cri.image.pullImage({ image }, { timeoutMs: 5000 });
  }));

test("images are streamed as they are listed, and their file system counts what they take", () =>
  withRuntime(
    { listBatchSize: 2, images: ["a", "b", "c"].map((name) => ({ name, size: 10n })) },
    async ({ cri }) => {
      const batches = await collect(cri.image.streamImages({}));
      assert.deepEqual(
        batches.map(({ images }) => images.length),
        [2, 1],
      );
      assert.deepEqual(
        batches.flatMap(({ images }) => images),
        (await cri.image.listImages({})).images,
      );
      const used = async () => (await cri.image.imageFsInfo({})).imageFilesystems[0]?.usedBytes?.value;
      assert.equal(await used(), 30n);
      await cri.image.removeImage({ image: { image: "b" } });
      assert.equal(await used(), 20n);
    },
  ));

test("the images that are there by default are a busybox and a pinned pause", () =>
  withRuntime({}, async ({ cri }) => {
    const { images } = await cri.image.listImages({});
    assert.deepEqual(
      images.map(({ repoTags, pinned }) => [repoTags[0], pinned]),
      [
        ["docker.io/library/busybox:latest", false],
        ["registry.k8s.io/pause:3.10", true],
      ],
    );
  }));

test("an image that is no reference is a mistake of the test", async () => {
  await assert.rejects(
    withRuntime({ images: [{ name: "NOT a name" }] }, async () => {}),
    TypeError,
  );
});

test("an image of a registry is pulled from there, with its digest, id, size and what it runs", async () => {
  const server = await startRegistry();
  const registry = createRegistry({ plainHttp: [server.host] });
  try {
    const platform = { os: "linux", architecture: "amd64" };
    const graph = await packImage({
      platform,
      layers: [await createLayer([{ path: "file", content: "x" }])],
      config: {
        Entrypoint: ["echo"],
        Cmd: ["from", "registry"],
        User: "7",
        Env: ["A=1"],
        StopSignal: "SIGINT",
      },
    });
    const name = `${server.host}/team/app`;
    await pushImage(registry.repository(name), graph, "1");
    const seen: (string | undefined)[] = [];
    await withRuntime(
      {
        resolveImage: (asked, auth, options) => {
          seen.push(asked, auth?.username);
          return imageFromRegistry(registry, asked, { ...options, platform });
        },
      },
      async ({ cri, runPod, start, ended }) => {
        const image = { image: `${name}:1` };
        const { imageRef } = await cri.image.pullImage({ image, auth: { username: "alice" } });
        assert.deepEqual(seen, [`${name}:1`, "alice"]);
        const stored = (await cri.image.imageStatus({ image })).image;
        const { config, layers } = graph.manifest.value;
        assert.deepEqual(
          [imageRef, stored?.id, stored?.repoDigests, stored?.size, stored?.uid?.value],
          [
            config.digest,
            config.digest,
            [`${name}@${graph.manifest.descriptor.digest}`],
            BigInt(config.size + (layers[0]?.size ?? 0)),
            7n,
          ],
        );
        const containerId = await start(await runPod(), { command: [], image: image.image });
        const { logPath, exitCode } = await ended(containerId);
        assert.equal(exitCode, 0);
        assert.match(await readFile(logPath, "utf8"), / stdout F from registry\n$/);
        const absent = cri.image.pullImage({ image: { image: `${name}:2` } });
        await assert.rejects(absent, { code: "ERR_CRI_NOT_FOUND" });
      },
    );
    await server.close();
    await withRuntime({ resolveImage: (asked) => imageFromRegistry(registry, asked) }, async ({ cri }) => {
      const refused = cri.image.pullImage({ image: { image: `${name}:1` } }, { timeoutMs: 15_000 });
      await assert.rejects(refused, { code: "ERR_CRI_UNKNOWN" });
    });
  } finally {
    await registry.close();
    await server.close();
  }
});
