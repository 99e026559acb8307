import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CoreError } from "../../src/core/errors.ts";
import { formatCranePlatform, parseCranePlatform } from "../../src/core/peer-platform.ts";
import {
  equalPlatforms,
  formatPlatformFull,
  normalizePlatform,
  type Platform,
  parsePlatform,
} from "../../src/core/platform.ts";
import {
  anyPlatform,
  onlyPlatform,
  onlyPlatformOs,
  onlyPlatformStrict,
  sortPlatforms,
  windowsPlatform,
} from "../../src/core/platform-match.ts";
import { property } from "./runs.ts";

const HOST: Platform = { os: "linux", architecture: "amd64" };

const option = fc.string({ unit: fc.constantFrom(..."aB1.-_%+()/"), minLength: 1, maxLength: 6 });
const platform: fc.Arbitrary<Platform> = fc.record(
  {
    os: fc.constantFrom("linux", "windows", "Linux", "macos", "wasi", "my-os"),
    architecture: fc.constantFrom(
      "amd64",
      "x86_64",
      "arm",
      "armhf",
      "arm64",
      "aarch64",
      "386",
      "riscv64",
      "my.cpu",
    ),
    variant: fc.constantFrom("v1", "v2", "v5", "7", "v7", "v8", "8", "v8.2", "v9", "v9.1", "v8.10", "x"),
    "os.version": fc.oneof(
      option,
      fc.constantFrom("10.0.17763", "10.0.20348.1", "10.0.26100", "10", "10.0.99999"),
    ),
    "os.features": fc.array(fc.oneof(option, fc.constantFrom("win32k", "gpu")), { maxLength: 3 }),
  },
  { requiredKeys: ["os", "architecture"] },
);
const MATCHERS = [onlyPlatform, onlyPlatformStrict, onlyPlatformOs, windowsPlatform] as const;

test("the full text of a platform reads back as the same platform", () => {
  fc.assert(
    fc.property(platform, (given) => {
      const normal = normalizePlatform(given);
      assert.deepEqual(normalizePlatform(normal), normal);
      const read = parsePlatform(formatPlatformFull(normal), HOST);
      assert.deepEqual(normalizePlatform(read), normal);
      assert.equal(equalPlatforms(normalizePlatform(read), normal), true);
    }),
    property,
  );
});

test("only ERR_PLATFORM_INVALID is thrown", () => {
  const near = fc.oneof(
    fc
      .tuple(
        platform.map(formatPlatformFull),
        fc.nat(),
        fc.nat(3),
        fc.string({ unit: fc.constantFrom(..."/(+%*) \n:") }),
      )
      .map(([text, at, length, put]) => {
        const start = at % (text.length + 1);
        return text.slice(0, start) + put + text.slice(start + length);
      }),
    fc.string({ unit: "binary" }),
  );
  fc.assert(
    fc.property(near, fc.constantFrom(parsePlatform, parseCranePlatform), (text, parse) => {
      try {
        const read = parse(text, HOST);
        if (parse === parseCranePlatform) assert.equal(formatCranePlatform(read), text.trim());
      } catch (error) {
        assert.ok(error instanceof CoreError && error.code === "ERR_PLATFORM_INVALID", String(error));
      }
    }),
    property,
  );
});

test("a matcher puts what fits before what does not, whatever order it is given in", () => {
  fc.assert(
    fc.property(
      platform,
      fc.array(platform, { maxLength: 6 }),
      fc.constantFrom(...MATCHERS),
      (host, candidates, create) => {
        const matcher = create(host);
        const sorted = sortPlatforms(matcher, candidates);
        const fits = sorted.map((each) => matcher.match(each));
        assert.deepEqual(fits, [...fits].sort().reverse());
        const backwards = sortPlatforms(matcher, candidates.toReversed());
        for (const [index, each] of backwards.entries()) {
          const other = sorted[index];
          assert.ok(other && matcher.compare(each, other) === 0);
        }
        for (const a of candidates) {
          for (const b of candidates) {
            assert.equal(Math.sign(matcher.compare(a, b)), 0 - Math.sign(matcher.compare(b, a)));
          }
        }
      },
    ),
    property,
  );
});

test("the strict rule takes nothing that the default rule does not, and each takes its own host", () => {
  fc.assert(
    fc.property(platform, platform, (host, candidate) => {
      const [only, strict] = [onlyPlatform(host), onlyPlatformStrict(host)];
      if (strict.match(candidate)) assert.equal(only.match(candidate), true);
      assert.equal(anyPlatform([host]).match(candidate), strict.match(candidate));
      if (only.match(candidate)) {
        assert.equal(onlyPlatformOs(host).match(candidate), true);
        assert.equal(normalizePlatform(candidate).os, normalizePlatform(host).os);
      }
      const plain: Platform = { os: host.os, architecture: host.architecture, variant: host.variant };
      assert.equal(only.match(plain) && strict.match(plain), true);
    }),
    property,
  );
});
