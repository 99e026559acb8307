import assert from "node:assert/strict";
import { test } from "node:test";
import { CriError } from "../../../../src/cri/errors.ts";
import { filterImages, parseImageFilter } from "../../../../src/cri/operations/image-filters.ts";
import { splitRepoDigest, splitRepoTags } from "../../../../src/cri/operations/image-names.ts";

const invalid = (error: unknown) => error instanceof CriError && error.code === "ERR_CRI_QUERY_INVALID";

test("tags are split at the last colon", () => {
  assert.deepEqual(splitRepoTags(["127.0.0.1:5000/a/b:1", "<none>:2", "c:"], "fallback"), [
    { repository: "127.0.0.1:5000/a/b", tag: "1" },
    { repository: "fallback", tag: "2" },
    { repository: "c", tag: "" },
  ]);
  assert.deepEqual(splitRepoTags([], "a"), [{ repository: "a", tag: "<none>" }]);
  assert.deepEqual(splitRepoTags(["latest"], "a"), [{ repository: "errorRepoTag", tag: "errorRepoTag" }]);
});

test("the first digest is split at its only @", () => {
  assert.deepEqual(splitRepoDigest(["a/b@sha256:1", "c@sha256:2"]), {
    repository: "a/b",
    digest: "sha256:1",
  });
  assert.deepEqual(splitRepoDigest([]), { repository: "<none>", digest: "<none>" });
  for (const odd of ["a", "a@b@c"]) {
    assert.deepEqual(splitRepoDigest([odd]), { repository: "errorName", digest: "errorRepoDigest" });
  }
});

const image = (id: string, tag?: string, digest?: string) => ({
  id,
  repoTags: tag === undefined ? [] : [tag],
  repoDigests: digest === undefined ? [] : [digest],
});

const IMAGES = [
  image("sha256:a1", "reg/app:1", "reg/app@sha256:11"),
  image("sha256:b2", undefined, "reg/base@sha256:22"),
  image("sha256:c3", "localhost/größe:1"),
  image("sha256:d4", "reg/web:2", "reg/web@sha256:44"),
];

const IDS: readonly [filters: readonly string[], ids: readonly string[]][] = [
  [[], ["a1", "b2", "c3", "d4"]],
  [["dangling=true"], ["b2"]],
  [["dangling=false"], ["a1", "c3", "d4"]],
  [["dangling=maybe"], []],
  [["dangling="], []],
  [["reference=^reg/"], ["a1", "b2", "d4"]],
  [["reference=reg/(app|web)$"], ["a1", "d4"]],
  [["reference=<none>"], ["c3"]],
  [["reference=größe"], []],
  [["before=reg/app:1"], ["b2", "c3", "d4"]],
  [["since=reg/app:1"], []],
  [["since=localhost/größe:1"], ["a1", "b2"]],
  [["before=reg/base@sha256:2"], ["d4"]],
  [["since=reg/web@"], ["a1", "b2"]],
  [["before=reg/base:<none>"], ["c3", "d4"]],
  [
    ["before=reg/app:1", "since=reg/web:2"],
    ["b2", "c3"],
  ],
  [["dangling=true", "before=reg/app:1"], ["b2"]],
  [["reference=reg/web", "reference=reg/app"], []],
];

for (const [filters, ids] of IDS) {
  test(`images that pass ${JSON.stringify(filters)}`, () => {
    const passed = filterImages(IMAGES, filters).map(({ id }) => id.replace("sha256:", ""));
    assert.deepEqual(passed, ids);
  });
}

test("an image to go by that is not there is an error, not every image", () => {
  for (const filter of ["before=sha257", "since=reg/app:9", "since=x@sha256:1", "before=zz"]) {
    assert.throws(() => filterImages(IMAGES, [filter]), invalid, filter);
  }
  assert.throws(() => filterImages([], ["before=reg/app:1"]), invalid);
});

test("an id without its algorithm is the beginning of an id", () => {
  const plain = [image("a1"), image("b2"), image("b3")];
  assert.deepEqual(filterImages(plain, ["since=b"]), [plain[0]]);
  assert.deepEqual(filterImages(plain, [{ kind: "before", image: "b" }]), [plain[2]]);
});

test("a filter of an unknown kind or with a bad pattern is refused", () => {
  for (const text of ["", "label=a", "dangling", "=x", "Dangling=true", "reference=(", "reference=(?=a)"]) {
    assert.throws(() => parseImageFilter(text), invalid, text);
  }
  assert.throws(() => filterImages([], [{ kind: "reference", pattern: "[" }]), invalid);
});
