import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../../../src/config/errors.ts";
import { loadKubeletConfig } from "../../../../src/config/kubelet/load.ts";
import { type RootFiles, withRoot } from "../node-root.ts";

const HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
const UNIT = "usr/lib/systemd/system/kubelet.service";
const KUBEADM = `[Service]
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
`;

async function refusal(inside: RootFiles): Promise<string> {
  let code = "";
  await withRoot({ inside }, async (root) => {
    await assert.rejects(loadKubeletConfig({ root }), (error) => {
      assert.ok(error instanceof ConfigError, String(error));
      code = error.code;
      return true;
    });
  });
  return code;
}

test("a unit with drop-ins and files of variables says which files and flags count", async () => {
  const inside = {
    [UNIT]: "[Service]\nExecStart=/usr/bin/kubelet\n",
    "usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf": KUBEADM,
    "etc/systemd/system/kubelet.service.d/20-more.conf":
      "[Service]\nEnvironment=KUBELET_KUBEADM_ARGS=--max-pods=1\n",
    "var/lib/kubelet/kubeadm-flags.env": 'KUBELET_KUBEADM_ARGS="--max-pods=9 --root-dir=/data"\n',
    "etc/default/kubelet": "# none\nKUBELET_EXTRA_ARGS=--config-dir=/etc/kubelet.d\n",
    "var/lib/kubelet/config.yaml": `${HEAD}maxPods: 5\nclusterDomain: a.local\n`,
    "etc/kubelet.d/20.conf": `${HEAD}clusterDomain: c.local\n`,
    "etc/kubelet.d/10.conf": `${HEAD}clusterDomain: b.local\nresolvConf: /run/resolv.conf\n`,
    "etc/kubelet.d/15/1.conf": `${HEAD}resolvConf: /run/other.conf\n`,
    "etc/kubelet.d/90.yaml": `${HEAD}clusterDomain: d.local\n`,
  };
  await withRoot({ inside }, async (root) => {
    const config = await loadKubeletConfig({ root });
    assert.deepEqual(config.files, [
      `/${UNIT}`,
      "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf",
      "/etc/systemd/system/kubelet.service.d/20-more.conf",
      "/var/lib/kubelet/kubeadm-flags.env",
      "/etc/default/kubelet",
      "/var/lib/kubelet/config.yaml",
      "/etc/kubelet.d/10.conf",
      "/etc/kubelet.d/15/1.conf",
      "/etc/kubelet.d/20.conf",
    ]);
    assert.deepEqual(config.maxPods, {
      value: 9,
      flag: "max-pods",
      origin: { file: "/var/lib/kubelet/kubeadm-flags.env", line: 1, column: 1 },
    });
    assert.equal(config.seccompRoot.value, "/data/seccomp");
    assert.equal(config.configFile?.value, "/var/lib/kubelet/config.yaml");
    assert.equal(config.configDir?.origin?.line, 2);
    assert.equal(config.clusterDomain.value, "c.local");
    assert.equal(config.resolvConf.value, "/run/other.conf");
    assert.deepEqual(
      config.warnings.map((each) => [each.code, "file" in each ? each.file : ""]),
      [
        ["not-read", "/etc/kubelet.d/90.yaml"],
        ["flag-wins", ""],
      ],
    );
  });
});

test("without a unit the files of kubeadm are taken, and that is told", async () => {
  const inside = {
    "var/lib/kubelet/config.yaml": `${HEAD}seccompDefault: true\n`,
    "etc/sysconfig/kubelet": "KUBELET_EXTRA_ARGS='--root-dir=/data'\n",
  };
  await withRoot({ inside }, async (root) => {
    const config = await loadKubeletConfig({ root });
    assert.equal(config.seccompDefault.value, true);
    assert.equal(config.rootDir.value, "/data");
    assert.deepEqual(
      config.warnings.map(({ code }) => code),
      ["not-exact"],
    );
  });
  await withRoot({ inside: {} }, async (root) => {
    const config = await loadKubeletConfig({ root });
    assert.deepEqual(config.files, []);
    assert.equal("configFile" in config, false);
  });
});

test("drop-ins count without their unit, as in a copy of /etc", async () => {
  const inside = {
    "etc/systemd/system/kubelet.service": "->/usr/lib/systemd/system/kubelet.service",
    "etc/systemd/system/kubelet.service.d/10-kubeadm.conf": KUBEADM.replace("config.yaml", "c.yaml"),
    "var/lib/kubelet/c.yaml": `${HEAD}maxPods: 5\n`,
  };
  await withRoot({ inside }, async (root) => {
    const config = await loadKubeletConfig({ root });
    assert.equal(config.maxPods.value, 5);
    assert.deepEqual(
      config.warnings.map(({ code }) => code),
      ["not-exact"],
    );
  });
});

test("a command that is no kubelet, a masked unit and a specifier are told", async () => {
  for (const inside of [
    { [UNIT]: '[Service]\nExecStart=/bin/sh -c "exec kubelet --max-pods=3"\n' },
    { [UNIT]: "[Service]\nExecStart=/usr/bin/kubelet --hostname-override=%H\n" },
    {
      "etc/systemd/system/kubelet.service": "",
      [UNIT]: "[Service]\nExecStart=/usr/bin/kubelet --max-pods=3\n",
    },
  ]) {
    await withRoot({ inside }, async (root) => {
      const config = await loadKubeletConfig({ root });
      assert.equal(config.maxPods.value, 110);
      assert.equal(
        config.warnings.some(({ code }) => code === "not-exact"),
        true,
      );
    });
  }
});

test("an explicit command line is taken instead of any unit", async () => {
  const inside = {
    [UNIT]: "[Service]\nExecStart=/usr/bin/kubelet --max-pods=3\n",
    "srv/c.yaml": `${HEAD}maxPods: 7\n`,
  };
  await withRoot({ inside }, async (root) => {
    const command = [{ text: "--config" }, { text: "c.yaml" }];
    const config = await loadKubeletConfig({ root, command, directory: "/srv" });
    assert.deepEqual(config.maxPods, { value: 7, origin: { file: "/srv/c.yaml", line: 3, column: 10 } });
    assert.deepEqual(config.warnings, []);
  });
});

test("relative paths begin at the unit's folder", async () => {
  const inside = {
    [UNIT]: "[Service]\nWorkingDirectory=/srv\nExecStart=/usr/bin/kubelet --config=c.yaml --config-dir=d\n",
    "srv/c.yaml": `${HEAD}maxPods: 7\n`,
    "srv/d/a.conf": `${HEAD}registryBurst: 7\n`,
  };
  await withRoot({ inside }, async (root) => {
    const config = await loadKubeletConfig({ root });
    assert.equal(config.maxPods.value, 7);
    assert.equal(config.registryBurst.value, 7);
  });
});

test("a folder of drop-ins that is a link is not read, and a link to a drop-in is", async () => {
  const inside = {
    [UNIT]: "[Service]\nExecStart=/usr/bin/kubelet --config-dir=/etc/linked\n",
    "etc/linked": "->/etc/real",
    "etc/real/a.conf": `${HEAD}maxPods: 7\n`,
  };
  await withRoot({ inside }, async (root) => {
    const config = await loadKubeletConfig({ root });
    assert.equal(config.maxPods.value, 110);
    assert.deepEqual(
      config.warnings.map(({ code }) => code),
      ["not-read"],
    );
    const command = [{ text: "--config-dir=/etc/real" }];
    assert.equal((await loadKubeletConfig({ root, command })).maxPods.value, 7);
  });
  const linked = { "etc/d/a.conf": "->../real.conf", "etc/real.conf": `${HEAD}maxPods: 8\n` };
  await withRoot({ inside: linked }, async (root) => {
    const command = [{ text: "--config-dir=/etc/d" }];
    assert.equal((await loadKubeletConfig({ root, command })).maxPods.value, 8);
  });
});

test("files that must be there are missed", async () => {
  const of = (service: string): RootFiles => ({ [UNIT]: `[Service]\n${service}\n` });
  assert.equal(await refusal(of("ExecStart=/usr/bin/kubelet --config=/none")), "ERR_CONFIG_FILE");
  assert.equal(await refusal(of("ExecStart=/usr/bin/kubelet --config-dir=/none")), "ERR_CONFIG_FILE");
  assert.equal(await refusal(of("EnvironmentFile=/none\nExecStart=/usr/bin/kubelet")), "ERR_CONFIG_FILE");
  assert.equal(await refusal(of("ExecStart=/usr/bin/kubelet --nonsense")), "ERR_CONFIG_INVALID");
  const dangling = { ...of("ExecStart=/usr/bin/kubelet --config-dir=/d"), "d/a.conf": "->/none" };
  assert.equal(await refusal(dangling), "ERR_CONFIG_FILE");
});

test("every path is one of the node, never of the machine", async () => {
  const outside = {
    "etc/kubelet.d/10.conf": `${HEAD}maxPods: 66\n`,
    "conf/c.yaml": `${HEAD}maxPods: 66\n`,
    "etc/default/kubelet": "KUBELET_EXTRA_ARGS=--max-pods=66\n",
    "unit/kubelet.service": "[Service]\nExecStart=/usr/bin/kubelet --max-pods=66\n",
  };
  for (const inside of [
    { "etc/systemd/system/kubelet.service": "->$TOP/unit/kubelet.service" },
    { "etc/systemd/system/kubelet.service": "->../../../../unit/kubelet.service" },
    { "etc/systemd/system/kubelet.service.d": "->$TOP/unit" },
    {
      [UNIT]:
        "[Service]\nEnvironmentFile=-/../etc/default/kubelet\nExecStart=/usr/bin/kubelet $KUBELET_EXTRA_ARGS\n",
    },
    { "etc/default/kubelet": "->$TOP/etc/default/kubelet" },
  ]) {
    await withRoot({ inside, outside }, async (root) => {
      assert.equal((await loadKubeletConfig({ root })).maxPods.value, 110);
    });
  }
  for (const flag of ["--config=/conf/c.yaml", "--config=../conf/c.yaml", "--config-dir=/etc/kubelet.d"]) {
    await withRoot({ inside: {}, outside }, async (root) => {
      await assert.rejects(loadKubeletConfig({ root, command: [{ text: flag }] }), {
        code: "ERR_CONFIG_FILE",
      });
    });
  }
  const linked = { "conf/c.yaml": "->$TOP/conf/c.yaml", "d/a.conf": "->../../etc/kubelet.d/10.conf" };
  for (const flag of ["--config=/conf/c.yaml", "--config-dir=/d"]) {
    await withRoot({ inside: linked, outside }, async (root) => {
      await assert.rejects(loadKubeletConfig({ root, command: [{ text: flag }] }), {
        code: "ERR_CONFIG_FILE",
      });
    });
  }
});

test("an abort ends the reading with its reason", async () => {
  await withRoot({ inside: {} }, async (root) => {
    const reason = new Error("stop");
    await assert.rejects(loadKubeletConfig({ root, signal: AbortSignal.abort(reason) }), reason);
  });
});
