/**
 * How the monitors of handlers are set.
 *
 * @module
 */
import type { CrioState, NamedTable } from "./apply.ts";
import { invalid, setting } from "./invalid.ts";
import type { Setting } from "./types.ts";

const SYSTEM_SLICE = "system.slice";

/** The former keys of the monitor win over those of handlers, except for `vm` and `pod`. */
export function setMonitors(state: CrioState): void {
  const isSystemd = setting(state, "runtime", "cgroup_manager").value === "systemd";
  const former: [from: string, to: string][] = [
    ["conmon_cgroup", "monitor_cgroup"],
    ["conmon", "monitor_path"],
    ["conmon_env", "monitor_env"],
  ];
  for (const [name, handler] of state.runtimes) {
    if (!["", "oci"].includes(String(handler.table.get("runtime_type")?.value))) continue;
    for (const [from, to] of former) {
      const given = setting(state, "runtime", from);
      if (given.value === "" || (Array.isArray(given.value) && given.value.length === 0)) continue;
      warnReplaced(state, `crio.runtime.runtimes.${name}.${to}`, handler.table.get(to), from, given);
      handler.table.set(to, given);
    }
    setMonitorCgroup(name, handler, isSystemd);
  }
}

/** Tells of a handler's own value in a file that a former key takes the place of. */
function warnReplaced(
  { warnings }: CrioState,
  key: string,
  own: Setting<unknown> | undefined,
  from: string,
  given: Setting<unknown>,
): void {
  if (!own?.origin || JSON.stringify(own.value) === JSON.stringify(given.value)) return;
  const reason = `crio.runtime.${from} counts in its place`;
  warnings.push({ code: "replaced-value", key, origin: own.origin, reason });
}

function setMonitorCgroup(name: string, { table }: NamedTable, isSystemd: boolean): void {
  const group = table.get("monitor_cgroup");
  const given = String(group?.value ?? "");
  const key = `crio.runtime.runtimes.${name}.monitor_cgroup`;
  if (isSystemd) {
    if (given === "") table.set("monitor_cgroup", { value: SYSTEM_SLICE, from: "default" });
    else if (given !== "pod" && !given.endsWith(".slice")) {
      throw invalid(key, group, "conmon cgroup should be 'pod' or a systemd slice");
    }
  } else if (given === SYSTEM_SLICE) {
    table.set("monitor_cgroup", { value: "", from: "default" });
  } else if (given !== "" && given !== "pod") {
    const why = `cgroupfs manager conmon cgroup should be 'pod' or empty, but got: '${given}'`;
    throw invalid(key, group, why);
  }
}
