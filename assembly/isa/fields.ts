/** Fields of 32-bit instructions (unprivileged manual, "Base Instruction Formats"). */
export function rdOf(raw: u32): u32 {
  return (raw >> 7) & 31;
}
export function funct3Of(raw: u32): u32 {
  return (raw >> 12) & 7;
}
export function rs1Of(raw: u32): u32 {
  return (raw >> 15) & 31;
}
export function rs2Of(raw: u32): u32 {
  return (raw >> 20) & 31;
}
export function funct7Of(raw: u32): u32 {
  return raw >> 25;
}
export function immI(raw: u32): i32 {
  return <i32>raw >> 20;
}
export function immS(raw: u32): i32 {
  return ((<i32>raw >> 25) << 5) | <i32>((raw >> 7) & 31);
}
export function immB(raw: u32): i32 {
  const low = ((raw >> 7) & 0x1e) | ((raw >> 20) & 0x7e0) | ((raw << 4) & 0x800);
  return ((<i32>raw >> 31) << 12) | <i32>low;
}
export function immJ(raw: u32): i32 {
  const low = ((raw >> 20) & 0x7fe) | ((raw >> 9) & 0x800) | (raw & 0xff000);
  return ((<i32>raw >> 31) << 20) | <i32>low;
}
