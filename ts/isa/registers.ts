/** What registers and CSRs are called (psABI; privileged manual, chapter 2). */

/** x0 to x31 by their names in the psABI. */
export const X_NAMES: readonly string[] =
  "zero ra sp gp tp t0 t1 t2 s0 s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split(
    " ",
  );

export const F_NAMES: readonly string[] =
  "ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11".split(
    " ",
  );

/** First number, then the names of CSRs one after the other; `-` is none. */
const CSRS = `
001 fflags frm fcsr
015 seed
100 sstatus - - - sie stvec scounteren - - - senvcfg
140 sscratch sepc scause stval sip
14d stimecmp
180 satp
200 vsstatus - - - vsie vstvec
240 vsscratch vsepc vscause vstval vsip
24d vstimecmp
280 vsatp
300 mstatus misa medeleg mideleg mie mtvec mcounteren - - - menvcfg
320 mcountinhibit
340 mscratch mepc mcause mtval mip - - - - - mtinst mtval2
5a8 scontext
600 hstatus - hedeleg hideleg hie htimedelta hcounteren hgeie - - henvcfg
643 htval hip hvip
64a htinst
680 hgatp
6a8 hcontext
747 mseccfg
7a0 tselect tdata1 tdata2 tdata3 tinfo tcontrol - - mcontext
7b0 dcsr dpc dscratch0 dscratch1
b00 mcycle - minstret
c00 cycle time instret
e12 hgeip
f11 mvendorid marchid mimpid mhartid mconfigptr
`;

/** Rows of CSRs with a number in their name: first CSR, name, first number, how many. */
const NUMBERED: readonly (readonly [number, string, number, number])[] = [
  [0x323, "mhpmevent", 3, 29],
  [0x3a0, "pmpcfg", 0, 16],
  [0x3b0, "pmpaddr", 0, 64],
  [0xb03, "mhpmcounter", 3, 29],
  [0xc03, "hpmcounter", 3, 29],
];

let names: Map<number, string> | undefined;

function allNames(): Map<number, string> {
  const found = new Map<number, string>();
  for (const line of CSRS.trim().split("\n")) {
    const [first = "", ...row] = line.split(" ");
    row.forEach((name, n) => {
      if (name !== "-") found.set(Number.parseInt(first, 16) + n, name);
    });
  }
  for (const [csr, name, first, count] of NUMBERED)
    for (let n = 0; n < count; n += 1) found.set(csr + n, `${name}${first + n}`);
  return found;
}

/** The name of a CSR, or its number. */
export function csrName(csr: number): string {
  names ??= allNames();
  return names.get(csr) ?? `0x${csr.toString(16)}`;
}
