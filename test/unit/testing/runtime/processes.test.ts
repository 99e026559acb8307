import assert from "node:assert/strict";
import { test } from "node:test";
import { Signal } from "../../../../src/cri/index.ts";
import type { RuntimeProgram } from "../../../../src/testing/runtime/program-types.ts";
import {
  endsByDefault,
  signalNumber,
  signalOfName,
  stopSignalName,
} from "../../../../src/testing/runtime/signals.ts";
import { start } from "./run.ts";

const forever: RuntimeProgram = () => new Promise(() => {});

for (const [result, exitCode] of [
  [undefined, 0],
  [0, 0],
  [255, 255],
  [256, 0],
  [-1, 255],
] as const) {
  test(`a program that returns ${result} exits with ${exitCode}`, async () => {
    assert.deepEqual(await start(() => result).exited, { exitCode, outOfMemory: false });
  });
}

test("a process that is killed before its program has begun never begins", async () => {
  let begun = false;
  const process = start(() => {
    begun = true;
  });
  process.kill("SIGKILL");
  assert.deepEqual(await process.exited, { exitCode: 137, outOfMemory: false });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(begun, false);
});

test("a signal that is not handled ends a process with 128 and its number, unless it is harmless", async () => {
  for (const [name, exitCode] of [
    ["SIGTERM", 143],
    ["SIGKILL", 137],
    ["SIGINT", 130],
    ["SIGRTMIN+1", 163],
  ] as const) {
    const process = start(forever);
    process.kill("SIGCHLD");
    process.kill("SIGSTOP");
    assert.equal(process.signal.aborted, false);
    process.kill(name);
    process.kill("SIGHUP");
    assert.deepEqual(await process.exited, { exitCode, outOfMemory: false });
    assert.equal(process.signal.aborted, true);
  }
});

test("a signal that is handled is told to all handlers; SIGKILL cannot be", async () => {
  const told: string[] = [];
  const process = start(({ onSignal }) => {
    for (const name of ["SIGTERM", "SIGTERM", "SIGKILL"]) onSignal(name, () => told.push(name));
    return new Promise(() => {});
  });
  await new Promise((resolve) => setImmediate(resolve));
  process.kill("SIGTERM");
  assert.deepEqual(told, ["SIGTERM", "SIGTERM"]);
  process.kill("SIGKILL");
  assert.equal((await process.exited).exitCode, 137);
  assert.equal(told.length, 2);
});

test("a handler that throws ends its process", async () => {
  const process = start(({ onSignal }) => {
    onSignal("SIGTERM", () => {
      throw new Error("no");
    });
    return new Promise(() => {});
  });
  await new Promise((resolve) => setImmediate(resolve));
  process.kill("SIGTERM");
  assert.equal((await process.exited).exitCode, 1);
});

test("a name that is no signal is a mistake of the program", async () => {
  const process = start(({ onSignal }) => {
    onSignal("SIGNOTHING", () => {});
    return 0;
  });
  assert.equal((await process.exited).exitCode, 1);
});

test("a process has ended when what it wrote has arrived, awaited or not", async () => {
  let arrived = 0;
  const process = start(
    ({ stdout }) => {
      void stdout("a");
      void stdout("b");
      return 0;
    },
    {
      write: async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        arrived++;
      },
    },
  );
  await process.exited;
  assert.equal(arrived, 2);
});

test("writing rejects once the process has ended, and output that nobody takes does not keep it from being killed", async () => {
  let late: Promise<void> | undefined;
  let later: Promise<void> | undefined;
  const process = start(
    ({ stdout }) => {
      late = stdout("x");
      late.catch(() => {});
      setTimeout(() => {
        later = stdout("y");
        later.catch(() => {});
      }, 30);
      return 0;
    },
    { write: () => new Promise(() => {}) },
  );
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.kill("SIGKILL");
  assert.equal((await process.exited).exitCode, 0);
  await assert.rejects(late ?? Promise.resolve());
  await new Promise((resolve) => setTimeout(resolve, 40));
  await assert.rejects(later ?? Promise.resolve());
});

test("with a terminal errors go where output goes", async () => {
  const streams: string[] = [];
  const program: RuntimeProgram = async ({ stdout, stderr }) => {
    await stdout("a");
    await stderr("b");
    return 0;
  };
  const write = async (stream: string) => void streams.push(stream);
  await start(program, { write, tty: true }).exited;
  await start(program, { write }).exited;
  assert.deepEqual(streams, ["stdout", "stdout", "stdout", "stderr"]);
});

test("what is used counts until the end and not beyond it", async () => {
  let now = 0n;
  const process = start(
    ({ use }) => {
      use({ cpu: 2, memoryBytes: 5n, writtenBytes: 6n });
      return new Promise(() => {});
    },
    { now: () => now },
  );
  await new Promise((resolve) => setImmediate(resolve));
  now = 1_000n;
  process.kill("SIGKILL");
  await process.exited;
  now = 9_000n;
  assert.deepEqual(process.usage(), {
    cpuNanoSeconds: 2_000n,
    nanoCores: 0n,
    memoryBytes: 0n,
    swapBytes: 0n,
    writtenBytes: 6n,
  });
});

test("every signal of the interface has a number, and its name leads back to it", () => {
  for (const signal of Object.values(Signal)) {
    const name = stopSignalName(signal);
    if (signal === Signal.RUNTIME_DEFAULT) assert.equal(name, undefined);
    else {
      assert.ok(signalNumber(name ?? "") >= 1 && signalNumber(name ?? "") <= 64, name);
      assert.equal(signalOfName(name ?? ""), signal);
    }
  }
  assert.equal(stopSignalName(9999 as Signal), undefined);
  assert.equal(signalNumber("SIGRTMIN+15"), 49);
  assert.equal(signalNumber("SIGRTMAXMINUS14"), 50);
  assert.equal(signalNumber("SIGRTMINPLUS15"), 49);
  assert.equal(signalOfName("SIGNOTHING"), Signal.RUNTIME_DEFAULT);
  assert.ok(endsByDefault("SIGUSR1") && !endsByDefault("SIGWINCH"));
});
