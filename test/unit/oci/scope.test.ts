import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeScopes, repositoryScope, splitScopes } from "../../../src/oci/scope.ts";

test("actions on one repository are joined, others stay apart", () => {
  assert.deepEqual(mergeScopes(["repository:a:pull", "repository:a:push", "repository:b:pull"]), [
    "repository:a:pull,push",
    "repository:b:pull",
  ]);
});

test("a name with a port keeps its colon", () => {
  assert.deepEqual(mergeScopes(["repository:r:5000/a:pull", "repository:r:5000/a:push"]), [
    "repository:r:5000/a:pull,push",
  ]);
});

test("merging by text keeps scopes of one repository apart", () => {
  assert.deepEqual(mergeScopes(["x:a:pull", "x:a:pull", "x:a:pull,push"], { by: "text" }), [
    "x:a:pull",
    "x:a:pull,push",
  ]);
});

test("nothing to ask for is no scope", () => {
  assert.equal(repositoryScope("a", []), "");
  assert.equal(repositoryScope("", ["pull"]), "");
  assert.equal(repositoryScope("a/b", ["push", "pull", "pull"]), "repository:a/b:pull,push");
});

test("a challenge's scopes are separated by white space", () => {
  assert.deepEqual(splitScopes(" a:b:c  d:e:f\t"), ["a:b:c", "d:e:f"]);
  assert.deepEqual(splitScopes(undefined), []);
});
