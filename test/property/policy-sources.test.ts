/** Readers of what decides where signatures are looked for, with any input. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { digestOf } from "../../src/core/digest.ts";
import { PolicyError } from "../../src/policy/errors.ts";
import {
  displayLookasideUrl,
  formatLookasideUrl,
  type LookasideUrl,
  parseLookasideUrl,
  repositoryUrl,
  signatureUrl,
} from "../../src/policy/sources/lookaside-url.ts";
import { parseRegistriesD } from "../../src/policy/sources/registries-d.ts";
import { property } from "./runs.ts";

const VALID = [
  "default-docker: &d {lookaside: 'file:///a', use-sigstore-attachments: yes}",
  "docker:",
  "  quay.example: {<<: *d, sigstore: x}",
  '  "*.example": ',
  "    lookaside-staging: https://u:p@h/é?x",
  "unknown: [1, {2: 3}]",
].join("\n");

const mutated = (text: string) =>
  fc
    .tuple(
      fc.nat(text.length),
      fc.nat(8),
      fc.string({ maxLength: 8, unit: fc.constantFrom(..."{}[]:*&!<>-|'\"# \n\t~ay1\\%\0") }),
    )
    .map(([at, drop, put]) => text.slice(0, at) + put + text.slice(at + drop));

test("a file of registries.d is read or refused, with one kind of error", async () => {
  const texts = fc.oneof(mutated(VALID), fc.string({ unit: "binary" }));
  const check = fc.asyncProperty(texts, async (text) => {
    try {
      const { docker, defaultDocker } = await parseRegistriesD([{ path: "/x.yaml", text }]);
      for (const section of [...docker.values(), ...(defaultDocker ? [defaultDocker] : [])]) {
        for (const value of Object.values(section)) assert.ok(["string", "boolean"].includes(typeof value));
      }
    } catch (error) {
      assert.ok(error instanceof PolicyError, String(error));
      assert.equal(error.code, "ERR_POLICY_REGISTRIES_D");
    }
  });
  await fc.assert(check, property);
});

test("a lookaside URL is read or refused, and what is shown of it holds no user information and no query", () => {
  const valid = "https://us%20er:pa%3Ass@host.example:8080/a%20b//c/?query=secret#fragment";
  const texts = fc.oneof(mutated(valid), fc.string({ unit: "binary" }));
  const check = fc.property(texts, (text) => {
    let url: LookasideUrl;
    try {
      url = parseLookasideUrl(text);
    } catch (error) {
      assert.ok(error instanceof PolicyError, String(error));
      assert.equal(error.code, "ERR_POLICY_REGISTRIES_D");
      return;
    }
    const again = parseLookasideUrl(formatLookasideUrl(url));
    assert.deepEqual(again, url);
    const shown = parseLookasideUrl(displayLookasideUrl(url));
    assert.equal(shown.query, "");
    assert.ok(!shown.authority?.includes("@"));
    assert.equal(shown.path, url.path);
    const place = signatureUrl(repositoryUrl(url, "a/b"), digestOf(text), 0);
    assert.deepEqual({ ...place, path: "" }, { ...url, path: "" });
    assert.ok(place.path.startsWith(`${url.path}/a/b@sha256=`));
  });
  fc.assert(check, property);
});
