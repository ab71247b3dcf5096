/**
 * Open vSwitch's own tools at our switches and our controllers: `ovs-ofctl` asks and orders over TCP and a Unix socket,
 * and an `ovs-vswitchd` (with ports that are none) does what our controller says.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WallClock } from "../../ts/base/clock.ts";
import { controllerSide } from "../../ts/net/openflow/controller.ts";
import { LearningController } from "../../ts/net/openflow/learning-controller.ts";
import { OpenFlowListener } from "../../ts/net/openflow/sockets.ts";
import { BINARY, wasmvisor } from "../cli/binary.ts";
import { freePort } from "../free-port.ts";

const has = (tool: string): boolean => spawnSync(tool, ["--version"]).status === 0;
const clock = new WallClock();
let scratch = "";
const children: ChildProcess[] = [];

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "wasmvisor-openflow-"));
});
afterAll(() => {
  for (const child of children) child.kill("SIGTERM");
  rmSync(scratch, { recursive: true, force: true });
});

async function ofctl(...args: string[]): Promise<string> {
  const all = ["-O", "OpenFlow13", "--timeout=60", ...args];
  const { stdout, stderr } = await promisify(execFile)("ovs-ofctl", all);
  return stdout + stderr;
}

/** What it says when it fails. */
const refused = (...args: string[]): Promise<string> =>
  ofctl(...args).then(
    (text) => `no failure: ${text}`,
    (error: Error & { stdout: string; stderr: string }) => error.stdout + error.stderr,
  );

describe.skipIf(!has("ovs-ofctl"))("ovs-ofctl (skipped unless openvswitch-common is there)", () => {
  let tcp = "";
  let unix = "";
  let api = "";
  beforeAll(async () => {
    unix = `unix:${join(scratch, "of.sock")}`;
    const listen = `tcp://127.0.0.1:${await freePort()}`;
    const args = ["host", "--json", "--listen", listen, "--memory", "64MiB"];
    const places = ["--openflow-listen", "tcp:127.0.0.1:0", "--openflow-listen", unix];
    const child = spawn(process.execPath, [BINARY, ...args, ...places], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    children.push(child);
    const line = await new Promise<string>((resolve) =>
      child.stdout.once("data", (text) => resolve(String(text))),
    );
    const told = JSON.parse(line) as { address: string; openflow: string[] };
    tcp = told.openflow[0] as string;
    api = told.address;
  }, 120_000);

  test("show, dump-desc, dump-tables, dump-ports, dump-table-features", async () => {
    const shown = await ofctl("show", tcp);
    expect(shown).toMatch(/OFPT_FEATURES_REPLY \(OF1.3\).*dpid:[0-9a-f]{16}/);
    expect(shown).toContain("n_tables:8");
    expect(shown).toContain("LOCAL(gateway)");
    expect(shown).toContain("frags=normal");
    expect(await ofctl("dump-desc", tcp)).toContain("DP Description: lan");
    expect(await ofctl("dump-tables", tcp)).toContain("active=1");
    expect(await ofctl("dump-ports", tcp)).toContain("1 ports");
    expect(await ofctl("dump-ports", tcp, "LOCAL")).toContain("port LOCAL");
    expect(await refused("dump-ports", tcp, "77")).toContain("OFPBRC_BAD_PORT");
    expect(await ofctl("dump-table-features", tcp)).toContain("apply_actions clear_actions");
    expect(await ofctl("ping", tcp, "1000")).toContain("1000 bytes");
    for (const empty of ["dump-groups", "dump-meters", "queue-stats", "dump-group-features"])
      expect(await ofctl(empty, tcp)).toContain("reply");
  });

  test("rules are added, changed, listed and deleted, over either socket; our own command sees the same", async () => {
    await ofctl("del-flows", tcp);
    const rules = [
      "table=0, priority=100,ip,in_port=1,nw_dst=10.0.0.0/8 actions=set_field:52:54:00:12:34:56->eth_dst,output:2",
      "table=0, priority=90,tcp,nw_src=10.1.2.3,tp_dst=80 actions=CONTROLLER:65535",
      "table=0, priority=80,arp,arp_tpa=10.0.0.1,arp_op=1 actions=FLOOD",
      "table=0, priority=70,dl_vlan=10,dl_vlan_pcp=5 actions=pop_vlan,goto_table:3",
      "table=0, priority=60,vlan_tci=0x1000/0x1000 actions=ALL",
      "table=0, priority=50,icmp,icmp_type=8,icmp_code=0 actions=IN_PORT",
      "table=0, priority=45,icmp6,icmp_type=135 actions=NORMAL",
      "table=0, priority=40,udp,tp_src=53 actions=write_actions(output:3),write_metadata:0x5/0xff,goto_table:1",
      "table=1, priority=5,ipv6,ipv6_dst=fe80::/10 actions=push_vlan:0x8100,set_field:4126->vlan_vid,LOCAL",
      "table=1, idle_timeout=300, hard_timeout=600, send_flow_rem metadata=0x5/0xff actions=clear_actions",
      "table=3, priority=1,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 actions=drop",
    ];
    for (const rule of rules) await ofctl("add-flow", tcp, rule);
    const text = await ofctl("dump-flows", "--no-stats", unix);
    const listed = text.split("\n").map((line) => line.trim());
    const same = (rule: string): string => rule.replace(/^table=0, /, "").replace(/, /g, " ");
    const found = listed.map((line) => line.replace(/^cookie=0x0, /, "").replace(/^table=0, /, ""));
    for (const rule of rules) expect(found.map(same), text).toContain(same(rule));
    expect(await ofctl("dump-aggregate", tcp)).toContain("flow_count=11");
    expect(await ofctl("dump-flows", tcp, "table=1")).not.toContain("table=0");
    expect(await ofctl("dump-flows", tcp, "out_port=2")).toContain("output:2");

    await ofctl("mod-flows", tcp, "ip,actions=normal");
    expect(await ofctl("dump-flows", tcp, "out_port=2")).not.toContain("output:2");
    await ofctl("--strict", "del-flows", tcp, "priority=80,arp,arp_tpa=10.0.0.1,arp_op=1");
    await ofctl("del-flows", tcp, "table=1");
    const left = await wasmvisor(["flows", "list", "lan", "--host", api, "--json"]);
    const { flows } = JSON.parse(left.stdout) as { flows: { rule: string }[] };
    expect(flows.length).toBe(8);
    expect(flows[0]?.rule).toBe(
      "table=0,priority=100,in_port=1,eth_type=0x800,ipv4_dst=10.0.0.0/255.0.0.0,actions=normal",
    );
    await ofctl("del-flows", tcp);
    const none = await wasmvisor(["flows", "list", "lan", "--host", api, "--json"]);
    expect(JSON.parse(none.stdout)).toEqual({ flows: [] });
    const add = ["flows", "add", "lan", "priority=7,tcp,tcp_dst=80,actions=output:2"];
    expect((await wasmvisor([...add, "--host", api])).status).toBe(0);
    expect(await ofctl("dump-flows", tcp)).toContain("priority=7,tcp,tp_dst=80 actions=output:2");
    const wrong = await wasmvisor([
      "flows",
      "add",
      "lan",
      "tcp_dst=80,actions=drop",
      "--host",
      api,
    ]);
    expect([wrong.status, wrong.stderr]).toEqual([
      2,
      expect.stringContaining("needs eth_type 0x800"),
    ]);
  });

  test("what cannot be is refused by the right name", async () => {
    const flow = (text: string): Promise<string> => refused("add-flow", tcp, text);
    expect(await flow("table=9,actions=drop")).toContain("OFPFMFC_BAD_TABLE_ID");
    expect(await flow("priority=1,actions=group:5")).toContain("OFPBAC_BAD_OUT_GROUP");
    expect(await flow("priority=1,ip,actions=dec_ttl")).toContain("OFPBAC_BAD_TYPE");
    expect(await flow("priority=1,mpls,actions=pop_mpls:0x0800")).toContain("OFPBAC_BAD_TYPE");
    expect(await flow("priority=1,actions=meter:1,output:2")).toContain("OFPBIC_UNSUP_INST");
    expect(await flow("priority=1,mpls,mpls_label=4,actions=drop")).toContain("OFPBMC_BAD_FIELD");
    expect(await flow("priority=1,actions=goto_table:200")).toContain("OFPBIC_BAD_TABLE_ID");
    await ofctl("add-flow", tcp, "priority=5,in_port=1,actions=drop");
    expect(await flow("check_overlap,priority=5,ip,actions=drop")).toContain("OFPFMFC_OVERLAP");
    expect(await refused("add-group", tcp, "group_id=1,type=all,bucket=output:1")).toContain(
      "OFPGMFC_",
    );
    expect(await refused("add-meter", tcp, "meter=1,kbps,band=type=drop,rate=5")).toContain(
      "OFPMMFC_",
    );
    const packet = "packet=ffffffffffff525400000001080045000000";
    expect(await refused("packet-out", tcp, `in_port=55 ${packet} actions=flood`)).toContain(
      "OFPBRC_BAD_PORT",
    );
    expect(await ofctl("packet-out", tcp, `in_port=controller ${packet} actions=flood`)).toBe("");
    const old = ["-O", "OpenFlow10", "--timeout=10", "show", tcp];
    expect(spawnSync("ovs-ofctl", old).status).not.toBe(0);
  });

  test("ports are configured, and a monitor hears of frames, rules that go and ports", async () => {
    const log = join(scratch, "monitor.log");
    const command = `exec ovs-ofctl -O OpenFlow13 monitor ${tcp} 65535 >${log} 2>&1`;
    const env = { ...process.env, OVS_RUNDIR: scratch };
    const monitor = spawn("sh", ["-c", command], { env });
    children.push(monitor);
    const says = async (what: RegExp): Promise<void> => {
      for (let tries = 0; tries < 400; tries++) {
        if (what.test(readFileSync(log, "utf8"))) return;
        await clock.sleep(50e6);
      }
      throw new Error(`${what}: ${readFileSync(log, "utf8")}`);
    };
    await clock.sleep(1e9);
    await ofctl("del-flows", tcp);
    await ofctl("add-flow", tcp, "priority=0,actions=controller");
    await ofctl(
      "add-flow",
      tcp,
      "priority=5,idle_timeout=1,send_flow_rem,cookie=0x99,arp,actions=drop",
    );
    const packet = "packet=ffffffffffff525400000001080045000000";
    await ofctl("packet-out", tcp, `in_port=LOCAL ${packet} actions=table`);
    await says(/PACKET_IN.*\n.*vlan_tci=0x0000,dl_src=52:54:00:00:00:01/);
    await says(
      /FLOW_REMOVED.*reason=idle.*cookie:0x99|FLOW_REMOVED.*cookie:0x99.*idle|FLOW_REMOVED.*arp reason=idle/,
    );
    await ofctl("mod-port", tcp, "gateway", "no-forward");
    await says(/PORT_STATUS.*MOD.*\n?.*LOCAL\(gateway\)[\s\S]*NO_FWD/);
    expect(await ofctl("show", tcp)).toContain("NO_FWD");
    await ofctl("mod-port", tcp, "gateway", "forward");
    monitor.kill("SIGTERM");
  });
});

describe.skipIf(!has("ovs-vswitchd"))("ovs-vswitchd (skipped unless it is there)", () => {
  test("does what our learning controller says", async () => {
    const at = (name: string): string => join(scratch, name);
    const env = {
      ...process.env,
      OVS_RUNDIR: scratch,
      OVS_LOGDIR: scratch,
      OVS_DBDIR: scratch,
      OVS_SYSCONFDIR: scratch,
    };
    const run = (tool: string, ...args: string[]): string => {
      const { status, stderr, stdout } = spawnSync(tool, args, { env, encoding: "utf8" });
      if (status !== 0) throw new Error(`${tool} ${args.join(" ")}: ${stderr}`);
      return stdout;
    };
    run("ovsdb-tool", "create", at("conf.db"), "/usr/share/openvswitch/vswitch.ovsschema");
    const socket = `unix:${at("db.sock")}`;
    const keep = (tool: string, ...args: string[]): void => {
      children.push(spawn(tool, args, { env, stdio: "ignore" }));
    };
    keep("ovsdb-server", at("conf.db"), `--remote=p${socket}`, `--unixctl=${at("db.ctl")}`);
    await clock.sleep(2e9);
    const vsctl = (...args: string[]): string =>
      run("ovs-vsctl", "--no-wait", "--timeout=20", `--db=${socket}`, ...args);
    vsctl("init");
    const dummy = ["--enable-dummy=override", "--disable-system", `--unixctl=${at("vs.ctl")}`];
    keep("ovs-vswitchd", socket, ...dummy);

    const framesIn: number[] = [];
    const app = new LearningController(clock);
    const frameIn = app.frameIn.bind(app);
    app.frameIn = (datapath, frame) => {
      framesIn.push(frame.inPort);
      frameIn(datapath, frame);
    };
    const here = { host: "127.0.0.1", port: 0 };
    const listener = await OpenFlowListener.open(here, controllerSide(app));
    const controller = `tcp:127.0.0.1:${"port" in listener.place ? listener.place.port : 0}`;
    vsctl(
      "add-br",
      "br0",
      "--",
      "set",
      "bridge",
      "br0",
      "datapath_type=dummy",
      "fail-mode=secure",
      "protocols=OpenFlow13",
    );
    for (const [i, name] of ["p1", "p2", "p3"].entries())
      vsctl(
        "add-port",
        "br0",
        name,
        "--",
        "set",
        "interface",
        name,
        "type=dummy",
        `ofport_request=${i + 1}`,
      );
    vsctl("set-controller", "br0", controller);
    const flows = (): string => {
      const { stdout } = spawnSync(
        "ovs-ofctl",
        ["-O", "OpenFlow13", "dump-flows", `unix:${at("br0.mgmt")}`],
        { encoding: "utf8" },
      );
      return stdout;
    };
    const until = async (isSo: () => boolean): Promise<void> => {
      for (let tries = 0; !isSo(); tries++) {
        if (tries > 300) throw new Error(flows());
        await clock.sleep(100e6);
      }
    };
    await until(() => flows().includes("actions=CONTROLLER"));
    const receive = (port: string, source: number, target: number): void => {
      const flow = `in_port(${port.slice(1)}),eth(src=52:54:00:00:00:0${source},dst=52:54:00:00:00:0${target}),eth_type(0x0800),ipv4(src=10.0.0.${source},dst=10.0.0.${target},proto=17,tos=0,ttl=64,frag=no),udp(src=1,dst=2)`;
      run("ovs-appctl", "-t", at("vs.ctl"), "netdev-dummy/receive", port, flow);
    };
    receive("p1", 1, 2);
    await until(() => framesIn.length === 1);
    receive("p2", 2, 1);
    await until(() => flows().includes("in_port=p2") || flows().includes("in_port=2"));
    expect(flows()).toMatch(
      /priority=100,in_port="?p?2"?,dl_src=52:54:00:00:00:02,dl_dst=52:54:00:00:00:01 actions=output:"?p?1"?/,
    );
    receive("p3", 2, 1); // It moved.
    await until(() => flows().includes("in_port=p3") || flows().includes("in_port=3"));
    expect(framesIn).toEqual([1, 2, 3]);
    listener.close();
  }, 120_000);
});
