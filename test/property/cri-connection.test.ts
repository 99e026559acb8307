import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import { isLadingError } from "../../src/core/errors.ts";
import { greet } from "../../src/cri/endpoint-look.ts";
import { formatCriEndpoint, parseCriEndpoint } from "../../src/cri/index.ts";
import { property } from "./runs.ts";

const ENDPOINTS = ["tcp://node.example:3735", "tcp://[2001:db8::1]:1", "tcp://192.0.2.1:65535", "unix:///x"];

test("with TLS an endpoint is TCP with a host and a port, or refused with a code", () => {
  const text = fc.oneof(
    fc
      .tuple(
        fc.constantFrom(...ENDPOINTS),
        fc.nat(30),
        fc.nat(6),
        fc.string({ unit: "binary", maxLength: 4 }),
      )
      .map(([valid, at, length, put]) => valid.slice(0, at) + put + valid.slice(at + length)),
    fc.string({ unit: "binary" }),
    fc.webUrl(),
  );
  fc.assert(
    fc.property(text, fc.constantFrom("unix" as const, "windows" as const), (endpoint, platform) => {
      try {
        const parsed = parseCriEndpoint(endpoint, { platform, tls: true });
        assert.equal(parsed.protocol, "tcp");
        assert.match(parsed.address, /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]+$/);
        assert.deepEqual(parseCriEndpoint(formatCriEndpoint(parsed), { platform, tls: true }), parsed);
      } catch (error) {
        assert.ok(isLadingError(error), String(error));
        assert.match(error.code, /^ERR_CRI_ENDPOINT_/);
      }
    }),
    property,
  );
});

/** A socket on which these chunks arrive, and then its end. */
function socketWith(chunks: readonly Uint8Array[]): Socket {
  const left = [...chunks];
  const duplex = new Duplex({
    read() {
      this.push(left.shift() ?? null);
    },
    write(_chunk, _encoding, done) {
      done();
    },
  });
  return duplex as unknown as Socket;
}

test("what any bytes at a socket are seen as is printable, however they arrive", async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    // Frames that may be settings.
    fc
      .tuple(fc.nat(20_000), fc.constantFrom(4, 4, 4, 7), fc.nat(3), fc.uint8Array({ maxLength: 20 }))
      .map(([length, type, stream, rest]) =>
        Buffer.concat([
          Buffer.of(0, length >> 8, length & 0xff, type, 0, 0, 0, 0, stream === 0 ? 0 : stream - 1),
          rest,
        ]),
      ),
  );
  const cuts = fc.array(fc.nat(40), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(bytes, cuts, async (sent, at) => {
      const chunks: Uint8Array[] = [];
      let from = 0;
      for (const size of at) {
        if (size > 0) chunks.push(sent.subarray(from, from + size));
        from += size;
      }
      chunks.push(sent.subarray(from));
      const whole = Buffer.from(sent);
      const isSettings =
        whole.length >= 9 &&
        whole[3] === 4 &&
        whole.readUInt32BE(5) === 0 &&
        whole.readUIntBE(0, 3) % 6 === 0 &&
        whole.readUIntBE(0, 3) <= 16_384;
      const greeting = await greet(socketWith(chunks.filter(({ length }) => length > 0)), 5000);
      if (isSettings) assert.equal(greeting.kind, "http2");
      else if (sent.length === 0) assert.equal(greeting.kind, "closed");
      else {
        assert.equal(greeting.kind, "other");
        assert.match(greeting.kind === "other" ? greeting.seen : "\0", /^[\x20-\x7e]*$/);
      }
    }),
    property,
  );
});
