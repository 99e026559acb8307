import assert from "node:assert/strict";
import { test } from "node:test";
import { loadCrictlFile } from "../../../src/config/crictl.ts";
import { isLadingError } from "../../../src/core/errors.ts";
import { parseCrictlConfig } from "../../../src/cri/crictl-config.ts";
import { withRoot } from "./node-root.ts";

const of = (name: string): string => `runtime-endpoint: unix:///run/${name}.sock\n`;
const parse = parseCrictlConfig;

test("the named file goes before the variable's, and that before the default one", async () => {
  const inside = { "etc/crictl.yaml": of("default"), "a.yaml": of("variable"), "srv/b.yaml": of("named") };
  await withRoot({ inside }, async (root) => {
    const endpoint = async (more: object): Promise<string | undefined> =>
      (await loadCrictlFile({ root, parse, ...more }))?.config.runtimeEndpoint;
    assert.equal(await endpoint({}), "unix:///run/default.sock");
    assert.equal(await endpoint({ env: { CRI_CONFIG_FILE: "" } }), "unix:///run/default.sock");
    assert.equal(await endpoint({ env: { CRI_CONFIG_FILE: "/a.yaml" } }), "unix:///run/variable.sock");
    assert.equal(
      await endpoint({ env: { CRI_CONFIG_FILE: "/a.yaml" }, config: "srv/b.yaml" }),
      "unix:///run/named.sock",
    );
    assert.equal((await loadCrictlFile({ root, parse }))?.path, "/etc/crictl.yaml");
  });
});

test("a missing file is none, unless it is named; a broken one is refused", async () => {
  await withRoot({ inside: { "x.yaml": "unknown: 1\n" } }, async (root) => {
    assert.equal(await loadCrictlFile({ root, parse }), undefined);
    for (const more of [{ config: "/none" }, { env: { CRI_CONFIG_FILE: "/none" } }]) {
      await assert.rejects(loadCrictlFile({ root, parse, ...more }), { code: "ERR_CONFIG_FILE" });
    }
    await assert.rejects(loadCrictlFile({ root, parse, config: "/x.yaml" }), (error) => isLadingError(error));
  });
});

test("the file is one of the node, never of the machine", async () => {
  const outside = { "etc/crictl.yaml": of("outside"), "x.yaml": of("outside") };
  for (const inside of [
    { "etc/crictl.yaml": "->$TOP/etc/crictl.yaml" },
    { "etc/crictl.yaml": "->../../../etc/crictl.yaml" },
    { etc: "->$TOP/etc" },
  ]) {
    await withRoot({ inside, outside }, async (root) => {
      try {
        assert.equal(await loadCrictlFile({ root, parse }), undefined);
      } catch (error) {
        // A link to itself below the root.
        assert.equal(isLadingError(error) && error.code, "ERR_CONFIG_FILE");
      }
      await assert.rejects(loadCrictlFile({ root, parse, config: "../x.yaml" }), { code: "ERR_CONFIG_FILE" });
    });
  }
});
