import assert from "node:assert/strict";
import { test } from "node:test";
import { formatPlatformFull, type Platform, parsePlatform } from "../../src/core/platform.ts";
import { onlyPlatform, onlyPlatformStrict, sortPlatforms } from "../../src/core/platform-match.ts";
import { REFUSED, RUNNABLE, SPECIFIERS } from "./platforms.ts";

const HOST: Platform = { os: "plan9", architecture: "mips" };

test("what a host runs, best first, and what it does not", async (t) => {
  for (const { host, runs, not } of RUNNABLE) {
    await t.test(`${host}: ${runs[0]}`, () => {
      const platform = parsePlatform(host, HOST);
      const matcher = onlyPlatform(platform);
      for (const text of runs) assert.equal(matcher.match(parsePlatform(text, HOST)), true, text);
      for (const text of not) assert.equal(matcher.match(parsePlatform(text, HOST)), false, text);
      const ranked = runs.map((text) => ({ ...parsePlatform(text, HOST), text }));
      const others = not.map((text) => ({ ...parsePlatform(text, HOST), text }));
      const sorted = sortPlatforms(matcher, [...others, ...ranked.toReversed()]).map((each) => each.text);
      // On Windows all related builds fit equally well.
      if (platform.os === "windows") assert.deepEqual(new Set(sorted.slice(0, runs.length)), new Set(runs));
      else assert.deepEqual(sorted.slice(0, runs.length), runs);
    });
  }
});

test("the strict rule takes no older variant and no other CPU", () => {
  for (const { host, runs } of RUNNABLE) {
    const platform = parsePlatform(host, HOST);
    const matcher = onlyPlatformStrict(platform);
    for (const text of runs) {
      const { os, architecture, variant = "" } = parsePlatform(text, HOST);
      const same = os === platform.os && architecture === platform.architecture;
      if (!same || (variant !== (platform.variant ?? "") && architecture !== "arm" && variant !== "v8")) {
        assert.equal(matcher.match(parsePlatform(text, HOST)), false, `${host} ${text}`);
      }
    }
    assert.equal(matcher.match(platform), true, host);
  }
});

test("specifiers", async (t) => {
  for (const { text, platform, full } of SPECIFIERS) {
    await t.test(text, () => {
      assert.deepEqual(parsePlatform(text, HOST), platform);
      assert.equal(formatPlatformFull(platform), full ?? text);
    });
  }
});

test("texts that are no specifiers", async (t) => {
  for (const text of REFUSED) {
    await t.test(JSON.stringify(text), () =>
      assert.throws(() => parsePlatform(text, HOST), { code: "ERR_PLATFORM_INVALID", input: text }),
    );
  }
});
