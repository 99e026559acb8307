/** Why was this call blocked? From a line of the kernel's log, and from the call itself. */
import {
  defaultSeccomp,
  evaluateSyscall,
  explainAuditEvent,
  explainDecision,
  parseAuditLine,
} from "lading/seccomp";

const profile = defaultSeccomp("containerd", { arch: "amd64", capabilities: [], kernel: "6.8.0" });

const line =
  'audit: type=1326 audit(1732180000.123:456): uid=1000 pid=77 comm="mount" exe="/bin/mount" sig=0 arch=c000003e syscall=165 compat=0 ip=0x7f11 code=0x50000';
const event = parseAuditLine(line);
if (!event) throw new Error("not a line about seccomp");
console.log(`${event.executable} (pid ${event.pid}) at ${event.time.toISOString()}`);
const { outcomes } = explainAuditEvent(profile, event);
for (const { text } of outcomes) console.log(`  ${text}`);
if (outcomes.length !== 1) process.exitCode = 1;

// A log has no arguments; with them there is one answer. 40 is AF_VSOCK.
const socket = evaluateSyscall(profile, { arch: "x86_64", name: "socket", args: [40] });
for (const text of explainDecision(socket, "x86_64")) console.log(text);
if (socket.action !== "SCMP_ACT_ERRNO") process.exitCode = 1;
