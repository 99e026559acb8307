/** Documents and archives of stores: any input is read, or refused by an error with a code. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import fc from "fast-check";
import { collectBytes } from "../../src/core/bytes.ts";
import { digestOf } from "../../src/core/digest.ts";
import { isLadingError } from "../../src/core/errors.ts";
import { DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from "../../src/core/media-types.ts";
import {
  type Descriptor,
  describeContent,
  isRefName,
  openDockerArchive,
  openLayoutArchive,
  parseDockerArchiveList,
} from "../../src/oci/index.ts";
import { readDiffIds } from "../../src/oci/stores/docker-archive-list.ts";
import {
  checkLayoutVersion,
  findEntry,
  parseLayoutIndex,
  withNamedEntry,
  withoutEntries,
  withUnnamedEntry,
} from "../../src/oci/stores/layout-index.ts";
import { archive } from "../unit/oci/layers/archive.ts";
import { property } from "./runs.ts";

const MAX = 1_000_000;
const fewer = { ...property, numRuns: Math.ceil(property.numRuns / 5) };

/** What a parser gives, or nothing where it refused; any other failure is one. */
function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    assert.ok(isLadingError(error) && error.code.startsWith("ERR_"), String(error));
    return undefined;
  }
}

/** A valid text with a few changes to its bytes. */
function mutated(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({
    at: fc.nat(),
    kind: fc.constantFrom("set", "drop", "double", "cut"),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(...Buffer.from('{}[]":,\\0 \n'))),
  });
  return fc.tuple(valid, fc.array(edit, { maxLength: 4 })).map(([bytes, edits]) => {
    let text = Buffer.from(bytes);
    for (const { at, kind, byte } of edits) {
      const place = text.length === 0 ? 0 : at % text.length;
      if (kind === "set") text[place] = byte;
      else if (kind === "drop") text = Buffer.concat([text.subarray(0, place), text.subarray(place + 1)]);
      else if (kind === "double") text = Buffer.concat([text.subarray(0, place + 1), text.subarray(place)]);
      else text = text.subarray(0, place);
    }
    return text;
  });
}

const noise = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  fc.string().map((text) => Buffer.from(text)),
  fc.json().map((text) => Buffer.from(text)),
);
const json = (value: fc.Arbitrary<unknown>) => value.map((each) => Buffer.from(JSON.stringify(each)));
const anyBytes = (valid: fc.Arbitrary<Uint8Array>) =>
  fc.oneof({ weight: 3, arbitrary: mutated(valid) }, { weight: 1, arbitrary: noise });

const word = fc.stringMatching(/^[a-z0-9]{1,8}$/);
const refName = fc.oneof(
  word,
  fc.tuple(word, word, word).map(([host, path, tag]) => `${host}.example/${path}:${tag}`),
);
const name = refName.filter(isRefName);
const entry: fc.Arbitrary<Descriptor> = fc
  .record(
    {
      content: fc.string(),
      mediaType: fc.constantFrom(OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST),
      name,
      note: fc.string(),
    },
    { requiredKeys: ["content", "mediaType"] },
  )
  .map(({ content, mediaType, name, note }) => {
    const annotations = {
      ...(name === undefined ? {} : { "org.opencontainers.image.ref.name": name }),
      ...(note === undefined ? {} : { note }),
    };
    const descriptor = describeContent(Buffer.from(content), mediaType);
    return Object.keys(annotations).length > 0 ? { ...descriptor, annotations } : descriptor;
  });
const index = fc
  .record(
    { manifests: fc.array(entry, { maxLength: 4 }), annotations: fc.dictionary(word, fc.string()) },
    { requiredKeys: ["manifests"] },
  )
  .map((members) => ({ schemaVersion: 2, mediaType: OCI_INDEX, ...members }));

test("an index.json is read, or refused with a code; what is read can be changed and read again", () => {
  fc.assert(
    fc.property(anyBytes(json(index)), entry, name, (bytes, added, tag) => {
      const read = attempt(() => parseLayoutIndex(bytes, MAX));
      if (!read) return;
      const { manifests } = read.document.value;
      attempt(() => findEntry(manifests, tag));
      const again = parseLayoutIndex(Buffer.from(withNamedEntry(read, added, tag)), MAX);
      const found = findEntry(again.document.value.manifests, tag);
      assert.equal(found?.digest, added.digest);
      const text = withUnnamedEntry(again, added);
      assert.equal(text, undefined, "an entry of the digest is there");
    }),
    property,
  );
});

test("an index that is changed keeps the entries that the change is not about, in their order", () => {
  fc.assert(
    fc.property(index, entry, name, (document, added, tag) => {
      const read = parseLayoutIndex(Buffer.from(JSON.stringify(document)), MAX);
      const named = (each: Descriptor) => each.annotations?.["org.opencontainers.image.ref.name"];
      const others = document.manifests.filter(
        (each) => named(each) !== tag && (each.digest !== added.digest || named(each) !== undefined),
      );
      const changed = parseLayoutIndex(Buffer.from(withNamedEntry(read, added, tag)), MAX).document.value;
      assert.deepEqual(
        changed.manifests.filter((each) => named(each) !== tag),
        others,
      );
      assert.deepEqual(changed.annotations ?? {}, { ...document.annotations });
      const gone = withoutEntries(read, ({ digest }) => digest === document.manifests[0]?.digest);
      if (document.manifests.length === 0) assert.equal(gone, undefined);
      else {
        const left = parseLayoutIndex(Buffer.from(gone ?? ""), MAX).document.value.manifests;
        assert.deepEqual(
          left,
          document.manifests.filter(({ digest }) => digest !== document.manifests[0]?.digest),
        );
      }
    }),
    property,
  );
});

test("an oci-layout is of version 1.0.0, or refused with a code", () => {
  const marker = json(
    fc.record(
      { imageLayoutVersion: fc.oneof(fc.constant("1.0.0"), fc.jsonValue()), other: fc.jsonValue() },
      { requiredKeys: [] },
    ),
  );
  fc.assert(
    fc.property(anyBytes(marker), (bytes) => {
      const read = attempt(() => {
        checkLayoutVersion(bytes);
        return true;
      });
      if (read)
        assert.equal(
          (JSON.parse(Buffer.from(bytes).toString()) as { imageLayoutVersion: unknown }).imageLayoutVersion,
          "1.0.0",
        );
    }),
    property,
  );
});

test("a list of docker save is read as it was written, or refused with a code", () => {
  const image = fc.record({
    config: fc.string(),
    repoTags: fc.array(fc.string()),
    layers: fc.array(fc.string()),
  });
  const written = (images: { config: string; repoTags: string[]; layers: string[] }[]) =>
    Buffer.from(
      JSON.stringify(
        images.map(({ config, repoTags, layers }) => ({
          Config: config,
          RepoTags: repoTags,
          Layers: layers,
          Parent: "x",
        })),
      ),
    );
  fc.assert(
    fc.property(fc.array(image, { maxLength: 3 }), (images) => {
      assert.deepEqual(
        parseDockerArchiveList(written(images), MAX),
        images.map((each) => ({ ...each })),
      );
    }),
    property,
  );
  fc.assert(
    fc.property(anyBytes(fc.array(image, { maxLength: 3 }).map(written)), (bytes) => {
      for (const { config, repoTags, layers } of attempt(() => parseDockerArchiveList(bytes, MAX)) ?? []) {
        assert.ok([config, ...repoTags, ...layers].every((text) => typeof text === "string"));
      }
    }),
    property,
  );
});

test("the diff ids of a config are digests, or it is refused with a code", () => {
  const ids = fc.array(
    fc.string().map((text) => digestOf(text)),
    { maxLength: 3 },
  );
  const config = fc
    .record({ type: fc.constant("layers"), diff_ids: ids })
    .map((rootfs) => Buffer.from(JSON.stringify({ rootfs })));
  fc.assert(
    fc.property(anyBytes(config), (bytes) => {
      for (const id of attempt(() => readDiffIds(bytes, MAX)) ?? [])
        assert.match(id, /^[a-z0-9]+:[0-9a-f]+$/);
    }),
    property,
  );
});

const folder = mkdtempSync(join(tmpdir(), "lading-stores-property-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("any archive file is read, or refused with a code", async () => {
  const layer = Buffer.from("layer");
  const config = JSON.stringify({ rootfs: { type: "layers", diff_ids: [digestOf(layer)] } });
  const list = JSON.stringify([{ Config: "c.json", RepoTags: ["a:1"], Layers: ["l.tar"] }]);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: describeContent(layer, "a/b"),
      layers: [],
      artifactType: "a/b",
    }),
  );
  const described = {
    ...describeContent(manifest, OCI_MANIFEST),
    annotations: { "org.opencontainers.image.ref.name": "v1" },
  };
  const valid = archive(
    { name: "oci-layout", content: '{"imageLayoutVersion":"1.0.0"}' },
    { name: "index.json", content: JSON.stringify({ schemaVersion: 2, manifests: [described] }) },
    { name: "manifest.json", content: list, pax: { path: "manifest.json" } },
    { name: "c.json", content: config },
    { name: "l.tar", type: "2", link: `blobs/sha256/${digestOf(layer).slice(7)}` },
    { name: `blobs/sha256/${digestOf(layer).slice(7)}`, content: layer },
    { name: `blobs/sha256/${described.digest.slice(7)}`, content: manifest },
  );
  const path = join(folder, "archive.tar");
  const accepted = { oci: 0, docker: 0 };
  await fc.assert(
    fc.asyncProperty(
      fc.oneof({ weight: 5, arbitrary: mutated(fc.constant(valid)) }, { weight: 1, arbitrary: noise }),
      async (bytes) => {
        writeFileSync(path, bytes);
        const limits = { maxUnpackedBytes: 1_000_000, maxEntries: 100 };
        for (const [kind, open, reference] of [
          ["oci", openLayoutArchive, "v1"],
          ["docker", openDockerArchive, "a:1"],
        ] as const) {
          try {
            const opened = await open(path, limits);
            try {
              const descriptor = await opened.resolve(reference);
              const content = await collectBytes(opened.fetch(descriptor), { maxBytes: MAX });
              assert.equal(digestOf(content), descriptor.digest);
              accepted[kind]++;
            } finally {
              await opened.close();
            }
          } catch (error) {
            assert.ok(isLadingError(error), String(error));
          }
        }
      },
    ),
    fewer,
  );
  assert.ok(accepted.oci > 0 && accepted.docker > 0, JSON.stringify(accepted));
});
