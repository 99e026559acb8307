/** The webhook for a minute at 200 requests a second, with a registry that throttles, stalls, resets and lies. */
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { startDaemon, waitUntil } from "./process.ts";
import { webhookFolder } from "./webhook.ts";

const SOAK = resolve(import.meta.dirname, "../../bench/admission-soak.ts");
const options = { skip: process.platform === "linux" ? false : "it reads /proc", timeout: 180_000 };

test("no wrong decision, no late answer, no leak", options, async (t) => {
  const folder = await webhookFolder();
  t.after(() => folder.remove());
  const flags = ["--conditions=lading-source", SOAK, "--seconds", "60"];
  const soak = startDaemon(process.execPath, flags, `${folder.path}/soak-log`);
  t.after(() => soak.stop());
  await waitUntil(() => assert.ok(soak.ended()), 170_000);
  assert.match(soak.log(), /^no wrong decision, no late answer, no leak$/m, soak.log());
});
