/**
 * Runs of double-precision operations, done as Wasm does them: right when the rounding is to nearest
 * even, the result is neither tiny nor too large, and the one flag it can raise, NX, is accrued
 * already (it mostly is). Measured: n-body 1.7 times as fast as one call for each operation. In the
 * dispatch loop itself they cost all other operations 10-15 %, as V8 runs out of registers there.
 */

import { f64Fma } from "../float/f64";
import { FpFlags, NX } from "../float/flags";
import { F64 } from "../float/format";
import { RNE } from "../float/round";
import * as ops from "../isa/ops";
import { Uop } from "../isa/uop";
import { Data } from "../mmu/data";
import { floatDirty, floatOn } from "./csr";
import { hart } from "./state";

const SIGN: u64 = 1 << 63;

function f1(u: usize): f64 {
  return reinterpret<f64>(Uop.fs1(u));
}
function f2(u: usize): f64 {
  return reinterpret<f64>(Uop.fs2(u));
}

/** Is the rounding of the operation at `u` another than to nearest even? */
function isDirected(u: usize): bool {
  const rm = (Uop.raw(u) >> 12) & 7; // 7: as frm says
  return rm != 0 && rm != 7;
}

function isUnordered(u: usize): bool {
  return F64.isNan(Uop.fs1(u)) || F64.isNan(Uop.fs2(u));
}

/** Does the floating-point operations from `u` on; returns the first that is not one or needs more care. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: one switch
export function runFloats(start: usize, tag: u64): usize {
  let u = start;
  if (!floatOn() || !(FpFlags.bits & NX) || hart.frm) return u;
  while (true) {
    let result: u64 = 0;
    switch (Uop.op(u)) {
      case ops.OP_FADD_D:
        result = reinterpret<u64>(f1(u) + f2(u));
        if (!F64.isFinite(result) || isDirected(u)) return u;
        Uop.setFd(u, result);
        floatDirty();
        break;
      case ops.OP_FSUB_D:
        result = reinterpret<u64>(f1(u) - f2(u));
        if (!F64.isFinite(result) || isDirected(u)) return u;
        Uop.setFd(u, result);
        floatDirty();
        break;
      case ops.OP_FMUL_D:
        result = reinterpret<u64>(f1(u) * f2(u));
        if (!F64.isSafe(result) || isDirected(u)) return u;
        Uop.setFd(u, result);
        floatDirty();
        break;
      case ops.OP_FDIV_D:
        result = reinterpret<u64>(f1(u) / f2(u));
        if (!F64.isSafe(result) || isDirected(u)) return u;
        Uop.setFd(u, result);
        floatDirty();
        break;
      case ops.OP_FMADD_D:
        if (isDirected(u)) return u;
        Uop.setFd(u, f64Fma(Uop.fs1(u), Uop.fs2(u), Uop.fs3(u), RNE));
        floatDirty();
        break;
      case ops.OP_FMSUB_D:
        if (isDirected(u)) return u;
        Uop.setFd(u, f64Fma(Uop.fs1(u), Uop.fs2(u), Uop.fs3(u) ^ SIGN, RNE));
        floatDirty();
        break;
      case ops.OP_FNMSUB_D:
        if (isDirected(u)) return u;
        Uop.setFd(u, f64Fma(Uop.fs1(u) ^ SIGN, Uop.fs2(u), Uop.fs3(u), RNE));
        floatDirty();
        break;
      case ops.OP_FNMADD_D:
        if (isDirected(u)) return u;
        Uop.setFd(u, f64Fma(Uop.fs1(u) ^ SIGN, Uop.fs2(u), Uop.fs3(u) ^ SIGN, RNE));
        floatDirty();
        break;
      case ops.OP_FSGNJ_D:
        Uop.setFd(u, (Uop.fs1(u) & ~SIGN) | (Uop.fs2(u) & SIGN));
        floatDirty();
        break;
      case ops.OP_FEQ_D:
        if (isUnordered(u)) return u;
        Uop.setRd(u, u64(f1(u) == f2(u)));
        break;
      case ops.OP_FLT_D:
        if (isUnordered(u)) return u;
        Uop.setRd(u, u64(f1(u) < f2(u)));
        break;
      case ops.OP_FLE_D:
        if (isUnordered(u)) return u;
        Uop.setRd(u, u64(f1(u) <= f2(u)));
        break;
      case ops.OP_FMV_X_D:
        Uop.setRd(u, Uop.fs1(u));
        break;
      case ops.OP_FMV_D_X:
        Uop.setFd(u, Uop.rs1(u));
        floatDirty();
        break;
      case ops.OP_FCVT_D_W:
        if (isDirected(u)) return u; // Exact in any mode, but some are no modes.
        Uop.setFd(u, reinterpret<u64>(<f64>(<i32>Uop.rs1(u))));
        floatDirty();
        break;
      case ops.OP_FCVT_D_L:
        if (isDirected(u)) return u;
        Uop.setFd(u, reinterpret<u64>(<f64>(<i64>Uop.rs1(u))));
        floatDirty();
        break;
      case ops.OP_FLD: {
        const gva = Data.floatGva(u);
        if (Data.misses(gva, 7, tag)) return u;
        Uop.setFd(u, Data.ld(gva));
        floatDirty();
        break;
      }
      case ops.OP_FSD: {
        const gva = Data.floatGva(u);
        if (Data.missesStore(gva, 7, tag)) return u;
        Data.sd(gva, Uop.fs2(u));
        break;
      }
      default:
        return u;
    }
    u += 8;
  }
  return u; // not reached
}
