/** Signatures in lookaside stores: a web server in the process, and folders. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { digestOf } from "../../src/core/digest.ts";
import { PolicyError } from "../../src/policy/errors.ts";
import {
  createLookasideReader,
  type LookasideReaderOptions,
  readLookaside,
} from "../../src/policy/sources/lookaside.ts";
import { parseLookasideUrl, repositoryUrl } from "../../src/policy/sources/lookaside-url.ts";

const DIGEST = digestOf("a manifest");
const AT = DIGEST.replace(":", "=");
/** Any OpenPGP message: nothing of it is read here. */
const message = (text: string) => Buffer.concat([Buffer.from([0xa3]), Buffer.from(text)]);

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A web server on a loopback address, with what it was asked. */
async function serve(t: TestContext, handler: Handler) {
  const asked: { url: string; authorization: string | undefined; cookie: string | undefined }[] = [];
  const server = createServer((request, response) => {
    const { authorization, cookie } = request.headers;
    asked.push({ url: request.url ?? "", authorization, cookie });
    handler(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { host, url: `http://${host}`, asked };
}

/** Serves these signatures, and 404 for everything else. */
function store(signatures: readonly Uint8Array[], path = "/store/a/b"): Handler {
  return ({ url }, response) => {
    const prefix = `${path}@${AT}/signature-`;
    const content = url?.startsWith(prefix) ? signatures[Number(url.slice(prefix.length)) - 1] : undefined;
    response.statusCode = content ? 200 : 404;
    response.end(content);
  };
}

async function read(
  t: TestContext,
  base: string,
  { signal, ...options }: LookasideReaderOptions & { signal?: AbortSignal | undefined } = {},
) {
  const reader = createLookasideReader({ retry: { attempts: 1 }, ...options });
  t.after(() => reader.close());
  const url = repositoryUrl(parseLookasideUrl(base), "a/b");
  return readLookaside(reader, url, DIGEST, { signal });
}

async function refused(reading: Promise<unknown>, pattern: RegExp): Promise<void> {
  await assert.rejects(reading, (error) => {
    assert.ok(error instanceof PolicyError, String(error));
    assert.equal(error.code, "ERR_POLICY_SIGNATURES");
    assert.equal(error.errorClass, "other");
    assert.match(error.message, pattern);
    return true;
  });
}

async function folderFor(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "lookaside-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function put(folder: string, number: number, content: Uint8Array): Promise<string> {
  const path = join(folder, `a/b@${AT}/signature-${number}`);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}

test("signatures are read in order until the first 404, and are told by their URLs", async (t) => {
  const sigstore = Buffer.from(
    '\0sigstore-json\n{"mimeType":"x/y","payload":"YQ==","annotations":{"k":"v"}}',
  );
  const server = await serve(t, store([message("one"), sigstore]));
  const found = await read(t, `${server.url}/store`);
  assert.deepEqual(
    found.map(({ source, signature }) => [source, signature.format]),
    [
      [`${server.url}/store/a/b@${AT}/signature-1`, "simple-signing"],
      [`${server.url}/store/a/b@${AT}/signature-2`, "sigstore-json"],
    ],
  );
  assert.deepEqual(
    server.asked.map(({ url }) => url),
    [1, 2, 3].map((number) => `/store/a/b@${AT}/signature-${number}`),
  );
});

test("a gap ends the search: what comes after it is not looked at", async (t) => {
  const server = await serve(t, (request, response) => {
    const there = request.url?.endsWith("signature-2");
    response.statusCode = there ? 200 : 404;
    response.end(there ? message("two") : "");
  });
  assert.deepEqual(await read(t, server.url), []);
  assert.equal(server.asked.length, 1);
});

test("every status but 200 and 404 is an error, never the end of the signatures", async (t) => {
  for (const status of [204, 206, 400, 401, 403, 405, 410, 429, 500, 502, 503]) {
    const server = await serve(t, (request, response) => {
      response.statusCode = request.url?.endsWith("signature-1") ? 200 : status;
      // With a challenge: it is not answered.
      response.setHeader("WWW-Authenticate", `Bearer realm="http://${server.host}/token",service="s"`);
      response.end(response.statusCode === 200 ? message("one") : "no");
    });
    await refused(read(t, server.url), new RegExp(`reading signature from .*/signature-2: .*${status}`));
    assert.ok(
      server.asked.every(({ url }) => !url.startsWith("/token")),
      String(status),
    );
  }
});

test("a server that is not there, or breaks off, is an error", async (t) => {
  await refused(read(t, "http://127.0.0.1:1"), /signature-1/);
  const breaking = await serve(t, (_, response) => {
    response.writeHead(200, { "Content-Length": "1000" });
    response.write(message("half"));
    setImmediate(() => response.destroy());
  });
  await refused(read(t, breaking.url), /signature-1/);
});

test("a page, an encoded answer and an empty one are errors", async (t) => {
  const page = await serve(t, (_, response) => response.end("<html>sign in</html>"));
  await refused(read(t, page.url), /unrecognized signature format, starting with binary 0x3c/);
  const empty = await serve(t, (_, response) => response.end());
  await refused(read(t, empty.url), /empty signature blob/);
  const encoded = await serve(t, (request, response) => {
    assert.equal(request.headers["accept-encoding"], "identity");
    response.setHeader("Content-Encoding", "gzip");
    response.end(message("x"));
  });
  await refused(read(t, encoded.url), /encoded as "gzip"/);
});

test("CVE-2020-1702: an endless body is cut off at 4 MiB, whatever length it is said to have", async (t) => {
  for (const headers of [{}, { "Content-Length": String(2 ** 40) }]) {
    let sent = 0;
    const server = await serve(t, (_, response) => {
      response.writeHead(200, headers);
      const chunk = Buffer.alloc(65_536, 0xa3);
      const more = () => {
        while (!response.destroyed && response.write(chunk)) sent += chunk.byteLength;
      };
      response.on("drain", more);
      more();
    });
    await refused(read(t, server.url), /signature-1: more than 4194304 bytes/);
    assert.ok(sent < 64 * 1024 * 1024);
  }
});

test("CVE-2023-46737: 128 signatures are taken for a fault, 127 are not; so are too many bytes", async (t) => {
  const many = await serve(t, (_, response) => response.end(message("x")));
  await refused(
    read(t, many.url),
    /server provided 128 signatures, assuming that's unreasonable and a server error/,
  );
  assert.equal(many.asked.length, 128);
  const fewer = await serve(t, store(Array.from({ length: 127 }, (_, index) => message(String(index)))));
  assert.equal((await read(t, `${fewer.url}/store`)).length, 127);
  const large = await serve(t, (_, response) => response.end(Buffer.alloc(4 * 1024 * 1024, 0xa3)));
  await refused(read(t, large.url), /more than 33554432 bytes/);
  assert.equal(large.asked.length, 9);
});

test("GHSA-vh4v-2xq2-g5cg: user information is for the store's own origin, and is never shown", async (t) => {
  const other = await serve(t, (_, response) => {
    response.statusCode = 500;
    response.end();
  });
  const server = await serve(t, (request, response) => {
    response.setHeader("Set-Cookie", "session=1");
    if (request.url?.includes("signature-1?")) response.end(message("own"));
    else {
      response.writeHead(307, { Location: `${other.url}/elsewhere` });
      response.end();
    }
  });
  const base = `http://me:se%3Acret@${server.host}/store?token=hidden`;
  await refused(read(t, base), /^(?!.*(?:cret|hidden|me:)).*signature-2.*$/s);
  const basic = `Basic ${Buffer.from("me:se:cret").toString("base64")}`;
  assert.ok(
    server.asked.every(({ authorization, cookie }) => authorization === basic && cookie === undefined),
  );
  assert.ok(server.asked.every(({ url }) => url.endsWith("?token=hidden")));
  assert.ok(other.asked.length > 0);
  assert.ok(
    other.asked.every(({ authorization, cookie }) => authorization === undefined && cookie === undefined),
  );
});

test("redirects are followed within the same kind of network, up to ten times", async (t) => {
  const other = await serve(t, store([message("elsewhere")]));
  const server = await serve(t, (request, response) => {
    response.writeHead(302, { Location: `${other.url}${request.url}` });
    response.end();
  });
  const found = await read(t, `${server.url}/store`);
  assert.equal(found.length, 1);
  assert.ok(found[0]?.source.startsWith(server.url), "told by the place that was configured");
  const loop = await serve(t, (request, response) => {
    response.writeHead(302, { Location: request.url });
    response.end();
  });
  await refused(read(t, loop.url), /more than 10 redirects/);
});

test("redirects to other schemes, to metadata services and to private networks are refused", async (t) => {
  const targets = [
    "http://169.254.169.254/latest",
    "http://10.0.0.1/",
    "http://[fe80::1]/",
    "file:///etc/passwd",
    "ftp://127.0.0.1/",
    `http://user:pass@127.0.0.1/`,
    "",
  ];
  for (const location of targets) {
    const server = await serve(t, (_, response) => {
      response.writeHead(302, { Location: location });
      response.end();
    });
    await refused(read(t, server.url), /redirect|refused|no URL/i);
  }
  // A public store that points into the own machine.
  const inner = await serve(t, store([message("inner")]));
  const outer = await serve(t, (_, response) => {
    response.writeHead(302, { Location: `${inner.url}/` });
    response.end();
  });
  const lookup: LookasideReaderOptions["lookup"] = (hostname, options, callback) => {
    assert.equal(hostname, "store.example");
    if (options.all) callback(null, [{ address: "127.0.0.1", family: 4 }]);
    else callback(null, "127.0.0.1", 4);
  };
  const base = `http://store.example:${outer.host.split(":")[1]}`;
  await refused(read(t, base, { lookup }), /loopback address/);
  assert.equal(inner.asked.length, 0);
});

test("schemes without a way, and URLs that stand for no place, are errors when signatures are asked for", async (t) => {
  for (const base of ["ftp://127.0.0.1/x", "/no/scheme", "s3://bucket/x", "no/scheme"]) {
    await refused(read(t, base), /Unsupported scheme when reading signature/);
  }
  for (const base of [
    "http:///x",
    "https://127.0.0.1/a/../b",
    "http://127.0.0.1/%2e%2e/x",
    "http://127.0.0.1:99999/",
  ]) {
    await refused(read(t, base), /no URL of a server|relative segments/);
  }
});

test("an abort before, while waiting and within a body is the caller's reason", async (t) => {
  const reason = new Error("enough");
  const silent = await serve(t, () => {});
  await assert.rejects(read(t, silent.url, { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(silent.asked.length, 0);
  const slow = await serve(t, (_, response) => {
    response.writeHead(200);
    response.write(message("begin"));
  });
  for (const server of [silent, slow]) {
    const controller = new AbortController();
    const reading = read(t, server.url, { signal: controller.signal });
    void wait(50).then(() => controller.abort(reason));
    await assert.rejects(reading, reason);
  }
});

test("a folder is read as a server is: missing is what does not exist", async (t) => {
  const folder = await folderFor(t);
  const base = `file://${folder}`;
  assert.deepEqual(await read(t, base), []);
  const first = await put(folder, 1, message("one"));
  await put(folder, 3, message("three"));
  const found = await read(t, base);
  assert.deepEqual(
    found.map(({ source }) => source),
    [`file://${first}`],
  );
  assert.deepEqual(
    await read(t, `file://other.host${folder}`),
    found.map((each) => ({ ...each, source: `file://other.host${first}` })),
  );
  assert.equal((await read(t, "file:///", { root: folder })).length, 1);
  assert.equal((await read(t, "file:///../../x/..", { root: folder })).length, 1);
});

test("a folder with spaces, percent signs and umlauts is found through its escapes", async (t) => {
  const folder = join(await folderFor(t), "a ü%2f b");
  await put(folder, 1, message("one"));
  const url = `file://${folder.split("/").map(encodeURIComponent).join("/")}`;
  const found = await read(t, url);
  assert.equal(found[0]?.source, `${url}/a/b@${AT}/signature-1`);
});

test("what is there and cannot be read is an error: link loops, folders, pipes, too long a file", async (t) => {
  const folder = await folderFor(t);
  const base = `file://${folder}`;
  const path = await put(folder, 1, message("one"));
  const replace = async (make: () => Promise<unknown>) => {
    await rm(path, { recursive: true, force: true });
    await make();
  };
  await replace(() => symlink("signature-1", path));
  await refused(read(t, base), /ELOOP/);
  await replace(() => mkdir(path));
  await refused(read(t, base), /EISDIR|no regular file/);
  await replace(() => writeFile(path, Buffer.alloc(4 * 1024 * 1024 + 1, 0xa3)));
  await refused(read(t, base), /longer than 4194304 bytes/);
  await replace(() => symlink("/dev/zero", path));
  await refused(read(t, base), /no regular file/);
  await rm(dirname(path), { recursive: true });
  await writeFile(dirname(path), "a file where the folder must be");
  await refused(read(t, base), /ENOTDIR/);
});

test("a link that leads nowhere is a signature that does not exist, as it is for podman", async (t) => {
  const folder = await folderFor(t);
  const path = await put(folder, 1, message("one"));
  await rm(path);
  await symlink("none", path);
  assert.deepEqual(await read(t, `file://${folder}`), []);
});

test("a reader of the caller's is held to its word", async (t) => {
  const base = "file:///x";
  const nothing = async () => undefined as unknown as Uint8Array;
  await refused(read(t, base, { readFile: nothing }), /something other than bytes/);
  await refused(read(t, base, { readFile: async () => Buffer.alloc(4 * 1024 * 1024 + 1) }), /longer than/);
  const denied = async () => {
    throw Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
  };
  await refused(read(t, base, { readFile: denied }), /EACCES/);
  const shared = message("shared");
  let calls = 0;
  const readFile = async () => {
    if (calls++ > 0) throw Object.assign(new Error("none"), { code: "ENOENT" });
    return shared;
  };
  const [found] = await read(t, base, { readFile });
  shared.fill(0);
  assert.ok(found?.signature.format === "simple-signing");
  assert.deepEqual(Buffer.from(found.signature.content), message("shared"));
});

test("limits that are none, and a reader that is closed", async (t) => {
  for (const options of [
    { bodyTimeoutMs: -1 },
    { headersTimeoutMs: Number.NaN },
    { retry: { attempts: 0 } },
  ]) {
    assert.throws(() => createLookasideReader(options), RangeError);
  }
  const server = await serve(t, store([]));
  const reader = createLookasideReader();
  const url = repositoryUrl(parseLookasideUrl(`${server.url}/store`), "a/b");
  assert.deepEqual(await readLookaside(reader, url, DIGEST, {}), []);
  await reader.close();
  await refused(readLookaside(reader, url, DIGEST, {}), /closed/);
  await createLookasideReader().close();
});

test("a server that is silent for too long is an error", async (t) => {
  const silent = await serve(t, () => {});
  await refused(read(t, silent.url, { headersTimeoutMs: 100 }), /signature-1/);
});
