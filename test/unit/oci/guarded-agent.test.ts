import assert from "node:assert/strict";
import type { LookupAddress, LookupOptions } from "node:dns";
import type { LookupFunction } from "node:net";
import { test } from "node:test";
import { guardedLookup } from "../../../src/oci/guarded-agent.ts";

const names: Record<string, LookupAddress[]> = {
  "registry.example": [{ address: "203.0.113.7", family: 4 }],
  "corp.example": [{ address: "10.0.0.5", family: 4 }],
  "public.example": [
    { address: "2606:4700::1", family: 6 },
    { address: "8.8.8.8", family: 4 },
  ],
  "mixed.example": [
    { address: "8.8.8.8", family: 4 },
    { address: "::ffff:169.254.169.254", family: 6 },
  ],
  "inside.example": [{ address: "10.1.1.1", family: 4 }],
};

const fake: LookupFunction = (hostname, _options, callback) => {
  const found = names[hostname];
  if (found) callback(null, found);
  else callback(Object.assign(new Error("unknown"), { code: "ENOTFOUND" }), []);
};

function look(registry: string, hostname: string, options: LookupOptions = { all: true }): Promise<unknown> {
  return new Promise((resolve, reject) => {
    guardedLookup(registry, fake)(hostname, options, (error, address, family) => {
      if (error) reject(error);
      else resolve(typeof address === "string" ? [address, family] : address);
    });
  });
}

test("public addresses pass, in the form that was asked for", async () => {
  assert.deepEqual(await look("registry.example", "public.example"), names["public.example"]);
  assert.deepEqual(await look("registry.example", "public.example", {}), ["2606:4700::1", 6]);
  assert.deepEqual(await look("registry.example", "public.example", { family: 4 }), ["8.8.8.8", 4]);
  assert.deepEqual(await look("registry.example", "public.example", { family: "IPv6" }), ["2606:4700::1", 6]);
});

test("one address that must not be dialled refuses the whole name", async () => {
  const refused = { code: "ERR_OCI_ADDRESS_REFUSED" };
  await assert.rejects(look("registry.example", "mixed.example"), refused);
  await assert.rejects(look("registry.example", "mixed.example", { family: 4 }), refused);
  await assert.rejects(look("registry.example", "inside.example"), refused);
  await assert.rejects(look("127.0.0.1", "inside.example"), refused);
});

test("a registry on a private network may name a private address", async () => {
  assert.deepEqual(await look("corp.example", "inside.example"), names["inside.example"]);
  assert.deepEqual(await look("10.9.9.9", "inside.example"), names["inside.example"]);
});

test("an unknown name, or a registry that cannot be looked up, is an error", async () => {
  await assert.rejects(look("registry.example", "unknown.example"), { code: "ENOTFOUND" });
  await assert.rejects(look("unknown.example", "inside.example"), { code: "ENOTFOUND" });
  await assert.rejects(look("registry.example", "inside.example", { family: 6 }), {
    code: "ERR_OCI_ADDRESS_REFUSED",
  });
  await assert.rejects(look("corp.example", "inside.example", { family: 6 }), { code: "ENOTFOUND" });
});
